//! `GET /api/clients/`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, Caller, ClientFilter, ClientListing, ClientQuery, ClientView, Direction, PageRequest};

use crate::answer::{self, Paged, Warning};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{ClientList, Faults, Problem};
use crate::error::ApiError;
use crate::query::{Params, Part};
use crate::sealed::Sealed;
use crate::stream::{self, Rows};
use crate::wire::ClientBody;

/// Todos los clientes, por nombre, cada uno con su número de órdenes.
///
/// Without `limit` or `cursor` the whole list, streamed; with one of them a page and `next_cursor`, `null` on the
/// last one. A search lists first whose name starts with the text, then whose address does, then the others. A page of
/// a search that took too long has the warning `search_stopped_early`, and `next_cursor` looks on.
#[utoipa::path(
    get,
    path = "/api/clients/",
    operation_id = "list_clients",
    tag = "clients",
    params(
        ("q" = Option<String>, Query, description = "Part of the name, the e-mail address or the phone"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The size of a page, 1 to 1000"),
        ("cursor" = Option<String>, Query, description = "Where the page starts: `next_cursor` of the one before"),
    ),
    responses(
        (status = 200, description = "The clients", body = ClientList),
        (status = 400, description = "Not a cursor of this list", body = Problem),
        (status = 422, description = "A parameter that cannot be", body = Faults),
        (status = 503, description = "The store of clients does not answer", body = Problem),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, By(caller): By, mut params: Params) -> Result<Response, ApiError> {
    let filter = ClientFilter { query: params.search("q", ClientQuery::parse) };
    let listing = ClientListing::new(filter, Direction::Ascending);
    let result = match params.part()? {
        Part::Whole => {
            stream::answer(api.app.stream_clients(&caller, &listing), stream::head(), ClientRows::default()).await
        }
        Part::Page(request) => page(&api, &caller, &listing, request).await,
    };
    result.map_err(|error| api.error(error))
}

async fn page(
    api: &Api,
    caller: &Caller,
    listing: &ClientListing,
    PageRequest { limit, after }: PageRequest<Sealed>,
) -> Result<Response, AppError> {
    let after = match &after {
        Some(after) => Some(api.cursors.open(&api.app, after).await.map_err(AppError::Clients)?),
        None => None,
    };
    let page = api.app.list_clients(caller, listing, &PageRequest { limit, after }).await?;
    let mut warnings = Warning::OrdersUnavailable.only(page.items.iter().any(lacks_count)).to_vec();
    warnings.extend(Warning::SearchStoppedEarly.only(page.stopped_early));
    let items: Vec<_> = page.items.iter().map(ClientBody::of_view).collect();
    let next = match &page.next {
        Some(next) => Some(api.cursors.seal(&api.app, next).await.map_err(AppError::Clients)?.to_string()),
        None => None,
    };
    Ok(answer::json(StatusCode::OK, &Paged::new(items, next, warnings)))
}

const fn lacks_count(view: &ClientView) -> bool {
    view.orders_count.is_none()
}

/// Clients with the numbers of their orders.
#[derive(Debug, Default)]
struct ClientRows {
    lacks_counts: bool,
}

impl Rows for ClientRows {
    type Item = ClientView;

    fn write(&mut self, view: &ClientView, into: &mut Vec<u8>) {
        self.lacks_counts |= lacks_count(view);
        stream::write(&ClientBody::of_view(view), into);
    }

    fn end(&mut self, _: u64, into: &mut Vec<u8>) {
        into.push(b']');
        stream::write_warning(Warning::OrdersUnavailable, self.lacks_counts, into);
        into.push(b'}');
    }
}
