//! `/clients/{id}/delete/`: says how many orders stay behind, and asks.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, Chain, Client, ClientRow, OrderRepositoryExt, Stored, Version};

use super::{Named, not_found};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::failure::found;
use crate::pages::flash::Message;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, words};

#[derive(Template)]
#[template(path = "clients/delete.html")]
struct Confirmation {
    l: Layout,
    client: ClientRow,
    version: Version,
    /// What stays behind; `None` where the orders could not be counted.
    orders: Option<u64>,
    /// Whether the client changed while the question was open.
    changed: bool,
}

impl Confirmation {
    fn so_many(&self, count: &u64) -> String {
        words::so_many(*count, "orden", "órdenes")
    }
}

pub(crate) async fn form(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(id): Named,
) -> Result<Response, Failure> {
    let Some(client) = found(pages.api.app.client(&caller, id).await)? else { return Ok(not_found(&visit)) };
    Ok(confirm(&pages, &visit, &client, false).await)
}

async fn confirm(pages: &Pages, visit: &Visit, client: &Stored<Client>, changed: bool) -> Response {
    let (client, version) = (client.shown(), client.version());
    let orders = pages.api.app.orders().count_by_client(&[client.id]).await;
    let orders = orders
        .inspect_err(|error| tracing::warn!(error = %Chain(error), "the orders of a client were not counted"))
        .ok()
        .and_then(|counts| counts.get(&client.id).copied());
    let l = visit.layout(format!("Eliminar {}", words::named(&client.name)), Section::Clients);
    let status = if changed { StatusCode::CONFLICT } else { StatusCode::OK };
    visit::html(status, &Confirmation { l, client, version, orders, changed })
}

pub(crate) async fn delete(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(id): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let by = posted.by(&caller);
    let done = pages.write(move |api| async move {
        let deletion = api.delete_client(&by, id, expected).await?;
        let message = Message::done(match deletion.client {
            Some(client) => format!("Cliente '{}' eliminado exitosamente.", words::named(&client.row.name)),
            None => "Cliente eliminado exitosamente.".to_owned(),
        });
        Ok(Landing { to: "/clients/".into(), message })
    });
    match done.await? {
        Err(AppError::ClientChanged { current }) => Ok(confirm(&pages, &visit, &current, true).await),
        done => Ok(found(done)?.map_or_else(|| not_found(&visit), |landing| visit.land(landing))),
    }
}
