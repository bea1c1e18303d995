//! `/orders/`: orders, the latest change first; those of a status, of a client, or with a part of a number.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{
    AppError, ClientId, Direction, NumberPart, OrderFilter, OrderListing, OrderSort, OrderStatus, StoreError,
};

use super::{Owner, Row};
use crate::caller::By;
use crate::pages::failure::Failure;
use crate::pages::home::Tile;
use crate::pages::paging::{self, Place, Sheet};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, words};
use crate::query::Params;

#[derive(Template)]
#[template(path = "orders/list.html")]
struct List {
    l: Layout,
    q: String,
    status: Option<OrderStatus>,
    /// The client whose orders these are, if it was asked for: the id, and the name where it is known.
    client: Option<(ClientId, Option<String>)>,
    fault: Option<String>,
    tiles: Vec<Tile>,
    total: String,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    stopped_early: bool,
    lacks_clients: bool,
}

impl List {
    /// The list with another status chosen.
    fn with_status(&self, status: Option<OrderStatus>) -> String {
        let client = self.client.as_ref().map(|(id, _)| id.to_string());
        paging::url(
            "/orders/",
            [("status", status.map(OrderStatus::as_str)), ("q", some(&self.q)), ("client", client.as_deref())],
        )
    }

    fn with_tile(&self, tile: &Tile) -> String {
        self.with_status(Some(tile.status))
    }

    fn has(&self, tile: &Tile) -> bool {
        self.status == Some(tile.status)
    }

    /// Whether all orders are asked for.
    fn is_whole(&self) -> bool {
        self.q.is_empty() && self.status.is_none() && self.client.is_none()
    }

    fn client_id(&self) -> String {
        self.client.as_ref().map(|(id, _)| id.to_string()).unwrap_or_default()
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let q = params.last("q").unwrap_or_default().trim().to_owned();
    // A filter that cannot be is none: it comes from an address that somebody edited.
    let status: Option<OrderStatus> = params.last("status").and_then(|status| status.parse().ok());
    let client: Option<ClientId> = params.last("client").and_then(|id| id.parse().ok());
    let client_text = client.map(|id| id.to_string());
    let link = |cursor: Option<(&'static str, &str)>| {
        let filters =
            [("status", status.map(OrderStatus::as_str)), ("q", some(&q)), ("client", client_text.as_deref())];
        paging::url("/orders/", filters.into_iter().chain(cursor.map(|(name, cursor)| (name, Some(cursor)))))
    };
    let first = || Ok(visit.redirect(&link(None)));
    let Ok(place) = Place::read(&params) else { return first() };

    let mut filter = OrderFilter::default();
    filter.statuses.extend(status);
    filter.client_id = client;
    let part = if q.is_empty() { Ok(None) } else { NumberPart::parse(&q).map(Some) };
    let (counts, sheet, fault) = match part {
        Ok(part) => {
            filter.number_part = part;
            let listing = OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending);
            let read = if place.is_backwards() { listing.reversed() } else { listing.clone() };
            let request = place.request(paging::rows());
            let page = pages.api.app.list_orders(&caller, &read, &request);
            let (counts, page) = futures_util::future::join(pages.counts.get(), page).await;
            let page = match page {
                Err(AppError::Orders(StoreError::InvalidCursor)) => return first(),
                page => page?,
            };
            match place.arrange(page, |view| listing.cursor_at(&view.order)) {
                Some(sheet) => (counts, sheet, None),
                None => return first(),
            }
        }
        Err(invalid) => {
            let nothing = Sheet { items: Vec::new(), before: None, after: None, stopped_early: false };
            (pages.counts.get().await, nothing, Some(words::refused(invalid)))
        }
    };
    let Sheet { items, before, after, stopped_early } = sheet;
    let name = items.iter().find_map(|view| view.client.client()).map(|client| client.name.to_string());
    let lacks_clients = items.iter().any(|view| view.client.is_unavailable());
    let page = List {
        tiles: Tile::all(counts.as_ref()),
        total: counts.map_or_else(|| "–".into(), |counts| words::thousands(counts.total())),
        rows: items.into_iter().map(|view| Row::new(view, visit.now())).collect(),
        before: before.as_deref().map(|cursor| link(Some(("before", cursor)))),
        after: after.as_deref().map(|cursor| link(Some(("after", cursor)))),
        client: client.map(|id| (id, name)),
        l: visit.layout("Órdenes", Section::Orders),
        q,
        status,
        fault,
        stopped_early,
        lacks_clients,
    };
    Ok(visit::html(StatusCode::OK, &page))
}
