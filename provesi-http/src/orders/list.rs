//! `GET /api/orders/`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{ClientId, Direction, NumberPart, OrderFilter, OrderListing, OrderSort, OrderStatus, OrderView};

use crate::answer::{self, Paged, Warning};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{Faults, OrderList, Problem};
use crate::error::ApiError;
use crate::query::{Params, Part};
use crate::stream::{self, Rows};
use crate::wire::OrderBody;

/// Todas las órdenes, las últimas cambiadas primero, cada una con su cliente.
///
/// Without `limit` or `cursor` the whole list, streamed; with one of them a page and `next_cursor`, `null` on the
/// last one.
#[utoipa::path(
    get,
    path = "/api/orders/",
    operation_id = "list_orders",
    tag = "orders",
    params(
        ("q" = Option<String>, Query, description = "Part of the number, in any letter case"),
        ("status" = Option<Vec<crate::wire::Status>>, Query, description = "Only these statuses; may be repeated"),
        ("client_id" = Option<String>, Query, description = "Only the orders of this client"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The size of a page, 1 to 1000"),
        ("cursor" = Option<String>, Query, description = "Where the page starts: `next_cursor` of the one before"),
    ),
    responses(
        (status = 200, description = "The orders", body = OrderList),
        (status = 400, description = "Not a cursor of this list", body = Problem),
        (status = 422, description = "A parameter that cannot be", body = Faults),
        (status = 503, description = "The store of orders does not answer", body = Problem),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, By(caller): By, mut params: Params) -> Result<Response, ApiError> {
    let filter = OrderFilter {
        number_part: params.search("q", NumberPart::parse),
        statuses: params.values("status", str::parse::<OrderStatus>).into_iter().collect(),
        client_id: params.value("client_id", str::parse::<ClientId>),
        ..OrderFilter::default()
    };
    let listing = OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending);
    let result = match params.part()? {
        Part::Whole => {
            let rows = OrderRows { counted: false, lacks_clients: false };
            stream::answer(api.app.stream_orders(&caller, &listing), stream::head(), rows).await
        }
        Part::Page(request) => api.app.list_orders(&caller, &listing, &request).await.map(|page| {
            let lacks_clients = page.items.iter().any(|view| view.client.is_unavailable());
            let items: Vec<_> = page.items.iter().map(OrderBody::of_view).collect();
            let next = page.next.as_ref().map(ToString::to_string);
            answer::json(
                StatusCode::OK,
                &Paged::new(items, next, Warning::ClientsUnavailable.only(lacks_clients).to_vec()),
            )
        }),
    };
    result.map_err(|error| api.error(error))
}

/// Orders with their clients.
#[derive(Debug)]
pub(super) struct OrderRows {
    /// Whether `total` says at the end how many there were.
    pub(super) counted: bool,
    pub(super) lacks_clients: bool,
}

impl Rows for OrderRows {
    type Item = OrderView;

    fn write(&mut self, view: &OrderView, into: &mut Vec<u8>) {
        self.lacks_clients |= view.client.is_unavailable();
        stream::write(&OrderBody::of_view(view), into);
    }

    fn end(&mut self, count: u64, into: &mut Vec<u8>) {
        into.push(b']');
        if self.counted {
            into.extend_from_slice(b",\"total\":");
            stream::write(&count, into);
        }
        stream::write_warning(Warning::ClientsUnavailable, self.lacks_clients, into);
        into.push(b'}');
    }
}
