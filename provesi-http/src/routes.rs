//! Every route there is, in one table.

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, put};
use provesi_core::App;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{Api, Parts};
use crate::error::ApiError;
use crate::failure::Failure;
use crate::sealed::CursorSeal;
use crate::{HttpOptions, audit, clients, docs, health, layers, orders, pages, services};

/// The table: path and methods are on the handlers, which describe themselves to the OpenAPI document.
fn table() -> (Router<Api>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(docs::ApiDoc::openapi())
        .routes(routes!(clients::list::list, clients::create::create))
        .routes(routes!(clients::get::get, clients::update::update, clients::delete::delete))
        .routes(routes!(health::clients))
        .routes(routes!(orders::list::list, orders::create::create))
        .routes(routes!(orders::returns::returns))
        .routes(routes!(orders::by_id::get, orders::by_id::update, orders::by_id::delete))
        .routes(routes!(orders::get::get, orders::update::update, orders::delete::delete))
        .routes(routes!(orders::history::history))
        .routes(routes!(health::orders))
        .routes(routes!(audit::list::list))
        .routes(routes!(health::overview))
        .routes(routes!(health::probes::livez))
        .routes(routes!(health::probes::readyz))
        .split_for_parts();
    (routes, docs::with_idempotency_key(document))
}

/// The documents, which the OpenAPI document does not list.
fn documents() -> [(&'static str, MethodRouter<Api>); 3] {
    [("/api/docs", get(docs::page)), ("/api/redoc", get(docs::page)), ("/openapi.json", get(docs::openapi))]
}

/// The OpenAPI 3.1 document of the API, as JSON.
#[must_use]
pub fn openapi_json() -> String {
    written(&table().1)
}

fn written(document: &Document) -> String {
    document.to_pretty_json().unwrap_or_default()
}

/// The REST API and the pages with the default options.
pub fn router(app: App) -> Router {
    router_with(app, HttpOptions::default())
}

/// The REST API (`/api/…` and, with the documents, `/openapi.json`), `/livez` and `/readyz`, what other services ask in batches
/// (`/clients/api/v1/lookup/` and the like) and, unless they are left out, the pages (`/`,
/// `/clients/…`, `/orders/…`, `/assets/provesi-…`). Any other path stays the embedder's, who may `merge` this router into
/// another, or `nest` it under a path.
pub fn router_with(app: App, options: HttpOptions) -> Router {
    let (mut routes, document) = table();
    let mut paths: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
    if options.docs {
        for (path, document) in documents() {
            routes = routes.route(path, document);
            paths.push(path);
        }
        routes = routes.route("/api/docs/{asset}", get(docs::asset));
    }
    // An order may have the number `returns`. It cannot be read by it, as in the Python system, but it can be edited.
    routes = routes.route("/api/orders/returns", put(orders::update::update).delete(orders::delete::delete));
    // An order may have the number `by-id`, and has a history all the same.
    routes = routes.route("/api/orders/by-id/history", get(orders::history::history));
    routes = routes.method_not_allowed_fallback(other_method);
    for path in paths {
        routes = routes.route(&other_spelling(path), any(redirect));
    }
    for unknown in ["/api", "/api/", "/api/{*rest}"] {
        routes = routes.route(unknown, any(no_route));
    }
    let options = Arc::new(options);
    let openapi = written(&document).into();
    let probes = health::Probes::new(&app, options.ping_timeout);
    let parts = Parts { app, options: Arc::clone(&options), probes, cursors: CursorSeal::default(), openapi };
    let api = Api::new(parts);
    let mut routes = layers::guard_api(routes, &options).with_state(api.clone());
    let services = services::routes(&api);
    if let Some(pages) = &options.pages {
        routes = routes.merge(pages::routes(api, pages));
    }
    layers::apply(routes.merge(services), &options)
}

/// The path with a slash at its end where it has none, and without where it has one.
fn other_spelling(path: &str) -> String {
    path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned)
}

/// The other spelling of a path leads to the right one, by every method and with the query.
async fn redirect(OriginalUri(uri): OriginalUri) -> Response {
    let mut location = other_spelling(uri.path());
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

async fn no_route() -> ApiError {
    Failure::NoRoute.into()
}

/// axum adds `Allow`. As in the Python system, an OPTIONS request that is no preflight is no exception.
async fn other_method() -> ApiError {
    Failure::NoMethod.into()
}
