//! `GET /api/clients/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future;
use futures_util::stream::{self as streams, StreamExt};
use provesi_core::{Client, Order, PageLimit, Stored};
use serde::Serialize;

use crate::answer::{self, Success, Warning};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{OneClientWithOrders, Problem};
use crate::error::{self, ApiError};
use crate::etag;
use crate::path::PathClient;
use crate::stream::{self, Rows};
use crate::wire::{ClientBody, OrderOfClient};

/// Un cliente con sus órdenes, las últimas cambiadas primero.
#[utoipa::path(
    get,
    path = "/api/clients/{id}",
    operation_id = "get_client",
    tag = "clients",
    params(("id" = String, Path, description = "The client's id: 24 hexadecimal digits")),
    responses(
        (status = 200, description = "The client", body = OneClientWithOrders, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`ID de cliente inválido`", body = Problem),
        (status = 404, description = "`Cliente no encontrado`", body = Problem),
        (status = 503, description = "The store of clients does not answer", body = Problem),
    ),
)]
pub(crate) async fn get(State(api): State<Api>, By(caller): By, id: PathClient) -> Result<Response, ApiError> {
    let id = id.get()?;
    let found = api.app.client_with_orders(&caller, id, PageLimit::MAX).await.map_err(|error| api.error(error))?;
    let client = found.client;
    // Without its orders a client is still worth showing, so the first page decides before the answer begins.
    let mut answer = match found.orders {
        Err(error) => {
            error::log(&error);
            without_orders(&client)
        }
        Ok(first) => {
            let further = first.next.map(|cursor| api.app.further_orders_of(&caller, id, cursor));
            let first = streams::once(future::ready(Ok(first.items)));
            let orders = first.chain(streams::iter(further).flatten()).boxed();
            stream::answer(orders, head(&client), OrderRows).await.map_err(|error| api.error(error))?
        }
    };
    etag::tag(&mut answer, client.version());
    Ok(answer)
}

fn without_orders(client: &Stored<Client>) -> Response {
    #[derive(Serialize)]
    struct Alone<'a> {
        #[serde(flatten)]
        client: ClientBody<'a>,
        orders: Option<()>,
    }
    let alone = Alone { client: ClientBody::of(client), orders: None };
    answer::json(StatusCode::OK, &Success::new(alone, Warning::OrdersUnavailable.only(true)))
}

/// The document up to the first order: the client, with its end put off.
fn head(client: &Stored<Client>) -> Vec<u8> {
    let mut head = b"{\"status\":\"success\",\"data\":".to_vec();
    stream::write(&ClientBody::of(client), &mut head);
    head.pop();
    head.extend_from_slice(b",\"orders\":[");
    head
}

/// The orders of the client that the answer is about.
struct OrderRows;

impl Rows for OrderRows {
    type Item = Stored<Order>;

    fn write(&mut self, order: &Stored<Order>, into: &mut Vec<u8>) {
        stream::write(&OrderOfClient::of(order), into);
    }

    fn end(&mut self, _: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(b"]}}");
    }
}
