//! `POST /orders/api/v1/of-client/`: `{"client_id", "limit", "cursor"}` is answered
//! `{"asked": …, "orders": […], "next_cursor"}`: a page of a client's orders, the latest change first.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{ClientId, PageLimit};
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered, page};
use crate::answer;
use crate::api::Api;
use crate::caller::By;
use crate::wire::OrderBody;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfClient {
    client_id: ClientId,
    limit: u32,
    cursor: Option<String>,
}

impl Question for OfClient {
    fn is_modest(&self) -> bool {
        PageLimit::new(self.limit).is_ok()
    }
}

pub(super) async fn of_client(
    State(api): State<Api>,
    By(caller): By,
    Asked(asked): Asked<OfClient>,
) -> Result<Response, Unanswered> {
    #[derive(Serialize)]
    struct Told<'a> {
        orders: Vec<OrderBody<'a>>,
        next_cursor: Option<String>,
        asked: &'a OfClient,
    }
    let request = page(asked.limit, asked.cursor.as_deref())?;
    let page = api.app.client_orders(&caller, asked.client_id, &request).await.map_err(Unanswered::App)?;
    let flow = api.app.flow();
    let next: Vec<Vec<_>> = page
        .items
        .iter()
        .map(|order| order.record.iter().flat_map(|order| flow.next(order.status())).collect())
        .collect();
    let told = Told {
        orders: page.items.iter().zip(&next).map(|(order, next)| OrderBody::of(order, next)).collect(),
        next_cursor: page.next.map(|next| next.to_string()),
        asked: &asked,
    };
    Ok(answer::json(StatusCode::OK, &told))
}
