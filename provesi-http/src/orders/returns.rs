//! `GET /api/orders/returns`.

use axum::extract::State;
use axum::response::Response;
use provesi_core::OrderListing;

use super::list::OrderRows;
use crate::api::Api;
use crate::caller::By;
use crate::docs::{Problem, ReturnList};
use crate::error::ApiError;
use crate::stream;

/// Las órdenes devueltas, las últimas devoluciones primero, con el total.
#[utoipa::path(
    get,
    path = "/api/orders/returns",
    operation_id = "list_returns",
    tag = "orders",
    responses(
        (status = 200, description = "The returned orders, streamed", body = ReturnList),
        (status = 503, description = "The store of orders does not answer", body = Problem),
    ),
)]
pub(crate) async fn returns(State(api): State<Api>, By(caller): By) -> Result<Response, ApiError> {
    let pages = api.app.stream_orders(&caller, &OrderListing::returns());
    let rows = OrderRows { counted: true, lacks_clients: false };
    stream::answer(pages, stream::head(), rows).await.map_err(|error| api.error(error))
}
