//! `POST /orders/api/v1/counts/`: `{"client_ids": […]}`, at most 1,000, is answered `{"counts": {ID: NUMBER}}` with each of
//! them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::ClientId;
use serde::{Deserialize, Serialize};

use super::{Asked, MOST, Question, Unanswered};
use crate::answer;
use crate::api::Api;
use crate::caller::By;

#[derive(Debug, Deserialize)]
pub(super) struct ClientIds {
    client_ids: Vec<ClientId>,
}

impl Question for ClientIds {
    fn is_modest(&self) -> bool {
        self.client_ids.len() <= MOST
    }
}

pub(super) async fn counts(
    State(api): State<Api>,
    By(caller): By,
    Asked(ClientIds { client_ids }): Asked<ClientIds>,
) -> Result<Response, Unanswered> {
    #[derive(Serialize)]
    struct Told {
        counts: BTreeMap<ClientId, u64>,
    }
    let counts = api.app.order_counts(&caller, &client_ids).await.map_err(Unanswered::App)?;
    Ok(answer::json(StatusCode::OK, &Told { counts: counts.into_iter().collect() }))
}
