//! The pages that clerks work in, one file an action: the same use cases as the REST API's, as HTML with forms.
//!
//! What every page goes through is in [`visit`]; how a form is checked is in [`posted`].

mod assets;
mod barcode;
mod clients;
mod counts;
mod failure;
mod figures;
mod flash;
mod health;
mod home;
mod input;
mod json;
mod once;
mod orders;
pub(crate) mod origin;
mod paging;
mod posted;
mod scan;
mod secret;
mod session;
mod token;
mod visit;
mod weeks;
mod when;
mod words;

pub(crate) use failure::refuse_early;
pub use secret::{SecretKey, WeakKey};

use axum::Router;
use axum::extract::{FromRef, OriginalUri};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};

use crate::api::Api;
use crate::failure::Failure;
use crate::layers::{self, AroundLayer};
use crate::options::{PageOptions, SecureCookies};

/// What every page has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    pub(crate) api: Api,
    key: SecretKey,
    secure_cookies: SecureCookies,
    counts: figures::Figures<counts::Counts>,
    weeks: figures::Figures<weeks::Weeks>,
}

impl FromRef<Pages> for Api {
    fn from_ref(pages: &Pages) -> Self {
        pages.api.clone()
    }
}

/// The table of pages. All end in a slash; what does not is sent to where it does.
fn table() -> Vec<(&'static str, MethodRouter<Pages>)> {
    vec![
        ("/", get(home::home)),
        ("/clients/", get(clients::list::list)),
        ("/clients/create/", get(clients::create::form).post(clients::create::create)),
        ("/clients/search/", get(clients::search::search)),
        ("/clients/{id}/", get(clients::detail::detail)),
        ("/clients/{id}/edit/", get(clients::edit::form).post(clients::edit::edit)),
        ("/clients/{id}/delete/", get(clients::delete::form).post(clients::delete::delete)),
        ("/orders/", get(orders::list::list).post(orders::bulk::bulk)),
        ("/orders/create/", get(orders::create::form).post(orders::create::create)),
        ("/orders/lookup/", get(orders::lookup::lookup)),
        ("/orders/print/commands/", get(orders::print::commands)),
        ("/orders/print/labels/", get(orders::print::labels)),
        ("/orders/print/picks/", get(orders::print::picks)),
        ("/orders/returns/", get(orders::returns::returns)),
        ("/orders/{number}/", get(orders::detail::detail)),
        ("/orders/{number}/scan/", get(orders::status::back).post(orders::scan::scan)),
        ("/orders/{number}/status/", get(orders::status::back).post(orders::status::change)),
        ("/orders/{number}/edit/", get(orders::edit::form).post(orders::edit::edit)),
        ("/orders/{number}/delete/", get(orders::delete::form).post(orders::delete::delete)),
    ]
}

/// The JSON paths beside the pages, spelled as their callers spell them.
fn data() -> Vec<(&'static str, MethodRouter<Pages>)> {
    vec![
        ("/clients/api/v1/{id}/", get(json::client)),
        ("/clients/health", get(health::clients)),
        ("/orders/api/v1/orders/{number}/status", get(json::order_status)),
        ("/orders/health", get(health::orders)),
    ]
}

/// The pages, behind what only they go through.
pub(crate) fn routes(api: Api, options: &PageOptions) -> Router {
    let pages = Pages {
        key: options.secret_key.clone(),
        secure_cookies: options.secure_cookies,
        counts: figures::Figures::new(api.app.clone(), counts::count),
        weeks: figures::Figures::new(api.app.clone(), weeks::count),
        api,
    };
    let mut routes = Router::new();
    for (path, page) in table().into_iter().chain(data()) {
        routes = routes.route(path, page);
        if let Some(other) = other_spelling(path) {
            routes = routes.route(&other, any(other_slash));
        }
    }
    for unknown in ["/clients/{id}/{*rest}", "/orders/{number}/{*rest}"] {
        routes = routes.route(unknown, any(failure::no_page));
    }
    let routes = routes.method_not_allowed_fallback(failure::other_method).merge(assets::Assets::routes());
    let routes = layers::guard(routes, &pages.api.options, failure::refuse);
    routes.layer(AroundLayer(visit::Dress(pages.clone()))).with_state(pages)
}

/// The path with a slash at its end where it has none, and without where it has one.
fn other_spelling(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(without) => Some(without.to_owned()),
        None => Some(format!("{path}/")),
    }
}

/// Who only reads is sent to the right spelling, with the query; a form is not, since it would lose what it holds.
async fn other_slash(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Failure::NoRoute.into_response();
    }
    let mut location = other_spelling(uri.path()).unwrap_or_default();
    // Two slashes at the start would name a host.
    location = format!("/{}", location.trim_start_matches('/'));
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()
}
