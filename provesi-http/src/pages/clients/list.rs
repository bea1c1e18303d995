//! `/clients/`: clients by name, or those that a search finds.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provesi_core::{
    AppError, ClientCursor, ClientFilter, ClientId, ClientListing, ClientQuery, ClientView, Direction, StoreError,
};

use crate::api::Api;
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::paging::{self, Place, Sheet};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, words};
use crate::query::Params;
use crate::sealed::Sealed;

#[derive(Template)]
#[template(path = "clients/list.html")]
struct List {
    l: Layout,
    q: String,
    fault: Option<String>,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    /// Where the search goes on, if it stopped early; and where it began, if nothing was found from here on.
    go_on: Option<String>,
    start: Option<String>,
    lacks_orders: bool,
    is_first: bool,
}

/// A client in the list.
struct Row {
    id: ClientId,
    name: String,
    email: String,
    phone: String,
    count: String,
    unit: &'static str,
    is_irregular: bool,
}

impl From<ClientView> for Row {
    fn from(ClientView { client, orders_count, .. }: ClientView) -> Self {
        let is_irregular = !client.faults().is_empty();
        let client = client.shown();
        Self {
            id: client.id,
            name: words::named(&client.name),
            email: client.email,
            phone: client.phone.unwrap_or_default(),
            count: orders_count.map_or_else(|| "?".into(), words::thousands),
            unit: if orders_count == Some(1) { "orden" } else { "órdenes" },
            is_irregular,
        }
    }
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let q = params.last("q").unwrap_or_default().trim().to_owned();
    let whole = || paging::url("/clients/", [("q", Some(&*q).filter(|q| !q.is_empty()))]);
    let first = || visit.redirect(&whole());
    let Ok(place) = open(&pages.api, &params).await else { return Ok(first()) };
    let query = if q.is_empty() { Ok(None) } else { ClientQuery::parse(&q).map(Some) };
    let (sheet, fault) = match query {
        Ok(query) => {
            let filter = ClientFilter { query };
            let listing = ClientListing::new(filter, Direction::Ascending);
            let read = if place.is_backwards() { listing.reversed() } else { listing.clone() };
            let page = match pages.api.app.list_clients(&caller, &read, &place.request(paging::rows())).await {
                Err(AppError::Clients(StoreError::InvalidCursor)) => return Ok(first()),
                page => page?,
            };
            match place.arrange(page, |view| listing.cursor_at(&view.client.row)) {
                Some(sheet) => (sheet, None),
                None => return Ok(first()),
            }
        }
        Err(invalid) => (Sheet::nothing(), Some(words::refused(invalid))),
    };
    let Sheet { items, before, after, go_on } = sheet;
    let link = async |name, cursor: Option<ClientCursor>| -> Result<Option<String>, AppError> {
        let Some(cursor) = cursor else { return Ok(None) };
        let sealed = pages.api.cursors.seal(&pages.api.app, &cursor).await.map_err(AppError::Clients)?.to_string();
        let q = Some(&*q).filter(|q| !q.is_empty());
        Ok(Some(paging::url("/clients/", [("q", q), (name, Some(&sealed))])))
    };
    let page = List {
        lacks_orders: items.iter().any(|view| view.orders_count.is_none()),
        rows: items.into_iter().map(Row::from).collect(),
        before: link("before", before).await?,
        after: link("after", after).await?,
        go_on: link(place.onward(), go_on).await?,
        start: (place != Place::First).then(whole),
        is_first: place == Place::First,
        fault,
        q,
        l: visit.layout("Clientes", Section::Clients),
    };
    Ok(visit::html(StatusCode::OK, &page).into_response())
}

/// The place that a URL names.
async fn open(api: &Api, params: &Params) -> Result<Place<ClientCursor>, StoreError> {
    let opened = async |sealed: Sealed| api.cursors.open(&api.app, &sealed).await;
    Ok(match Place::read(params)? {
        Place::First => Place::First,
        Place::After(sealed) => Place::After(opened(sealed).await?),
        Place::Before(sealed) => Place::Before(opened(sealed).await?),
    })
}
