//! `POST /clients/api/v1/lookup/`: `{"ids": […]}`, at most 1,000, is answered
//! `{"clients": […], "missing": […], "unreadable": […]}`, in which each id is once.
//!
//! A client whose texts are too long for an answer is `unreadable`. `missing` may hold a client whose record cannot be read,
//! unless it was asked for alone: then it is `unreadable`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, ClientId, StoreError};
use serde::{Deserialize, Serialize};

use super::{Asked, MOST, Question, Unanswered, fits};
use crate::answer;
use crate::api::Api;
use crate::caller::By;
use crate::wire::ClientBody;

#[derive(Debug, Deserialize)]
pub(super) struct Ids {
    ids: Vec<ClientId>,
}

impl Question for Ids {
    fn is_modest(&self) -> bool {
        self.ids.len() <= MOST
    }
}

pub(super) async fn lookup(
    State(api): State<Api>,
    By(caller): By,
    Asked(Ids { ids }): Asked<Ids>,
) -> Result<Response, Unanswered> {
    #[derive(Serialize)]
    struct Told<'a> {
        clients: Vec<ClientBody<'a>>,
        missing: BTreeSet<ClientId>,
        unreadable: BTreeSet<ClientId>,
    }
    let (mut clients, mut unreadable) = (Vec::new(), BTreeSet::new());
    match ids[..] {
        [id] => match api.app.client(&caller, id).await {
            Ok(client) => clients.push(client),
            Err(AppError::ClientNotFound) => {}
            Err(AppError::Clients(StoreError::Corrupt { .. })) => {
                unreadable.insert(id);
            }
            Err(error) => return Err(Unanswered::App(error)),
        },
        // Whoever asks for nobody asks whether there would be an answer.
        [] => api.app.clients().ping().await.map_err(|error| Unanswered::App(AppError::Clients(error)))?,
        _ => {
            let found = api.app.clients_by_id(&caller, &ids).await.map_err(Unanswered::App)?;
            clients = found.clients;
            unreadable.extend(found.unreadable);
        }
    }
    unreadable.extend(clients.iter().filter(|client| !fits(client)).map(|client| client.row.id));
    clients.retain(fits);
    let mut missing: BTreeSet<ClientId> = ids.into_iter().collect();
    missing.retain(|id| !unreadable.contains(id));
    for client in &clients {
        missing.remove(&client.row.id);
    }
    let told = Told { clients: clients.iter().map(ClientBody::of).collect(), missing, unreadable };
    Ok(answer::json(StatusCode::OK, &told))
}
