//! `/clients/{id}/`: a client with its latest orders.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{ClientLink, ClientRow};

use super::{Named, not_found};
use crate::caller::By;
use crate::error;
use crate::failure::Failure;
use crate::pages::failure::found;
use crate::pages::orders::Row;
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::when::When;
use crate::pages::{Pages, paging, words};

#[derive(Template)]
#[template(path = "clients/detail.html")]
struct Detail {
    l: Layout,
    client: ClientRow,
    name: String,
    /// What is wrong with an irregular client.
    irregular: Vec<String>,
    created: When,
    updated: When,
    /// `None` where the store of orders did not answer.
    orders: Option<Vec<Row>>,
    more: bool,
}

pub(crate) async fn detail(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(id): Named,
) -> Result<Response, Failure> {
    let app = &pages.api.app;
    let view = found(app.client_with_orders(&caller, id, paging::rows()).await)?;
    let Some(view) = view else { return Ok(not_found(&visit)) };
    let (client, orders) = (view.client, view.orders.inspect_err(error::log).ok());
    let now = visit.now();
    let link = ClientLink::Known(Arc::new(client.clone()));
    let irregular = words::irregular_client(&client);
    let client = client.shown();
    let name = words::named(&client.name);
    let page = Detail {
        l: visit.layout(name.clone(), Section::Clients),
        name,
        irregular,
        created: When::new(client.created_at, now),
        updated: When::new(client.updated_at, now),
        client,
        more: orders.as_ref().is_some_and(|page| page.next.is_some()),
        orders: orders.map(|page| page.items.into_iter().map(|order| Row::of(order, &link, now)).collect()),
    };
    Ok(visit::html(StatusCode::OK, &page))
}
