//! `GET /api/orders/{number}/history`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, OrderRepositoryExt, PageLimit};

use crate::answer::{self, Paged};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{EventList, Faults, Problem};
use crate::error::ApiError;
use crate::path::PathNumber;
use crate::query::Params;
use crate::wire::EventBody;

/// Lo que pasó con una orden, lo más antiguo primero.
///
/// The order is the one that has this number, else the one that had it last, deleted orders among them.
#[utoipa::path(
    get,
    path = "/api/orders/{number}/history",
    operation_id = "get_order_history",
    tag = "orders",
    params(
        ("number" = String, Path, description = "The order's number, in any letter case"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The size of a page, 1 to 1000; 100 where it is left out"),
        ("after" = Option<i64>, Query, description = "The id after which the page starts: `next_cursor` of the one before"),
    ),
    responses(
        (status = 200, description = "The events", body = EventList),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 422, description = "A parameter that cannot be", body = Faults),
        (status = 503, description = "The store of orders does not answer", body = Problem),
    ),
)]
pub(crate) async fn history(
    State(api): State<Api>,
    By(caller): By,
    number: PathNumber,
    mut params: Params,
) -> Result<Response, ApiError> {
    let (limit, after) = (params.limit(), params.after());
    params.finish()?;
    let number = number.get()?;
    let read = async {
        let events = api.app.history(&caller, &number, after, limit).await?;
        // The port does not say whether more follow, so a full page is followed by a look at the next event.
        let last = events.last().map(|event| event.id).filter(|_| events.len() == limit.get());
        let follows = match (last, PageLimit::new(1)) {
            (Some(last), Ok(one)) => {
                let next = api.app.orders().history(&number, Some(last), one).await;
                !next.map_err(AppError::Orders)?.is_empty()
            }
            _ => false,
        };
        Ok((events, last.filter(|_| follows)))
    };
    let (events, next) = read.await.map_err(|error| api.error(error))?;
    let events: Vec<_> = events.iter().map(EventBody::of).collect();
    Ok(answer::json(StatusCode::OK, &Paged::new(events, next.map(|id| id.get()), Vec::new())))
}
