//! `/orders/`: orders, the latest change first; those of a status, of a client, or with a part of a number.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use provesi_core::{
    AppError, Caller, ClientId, Direction, NumberPart, OrderFilter, OrderListing, OrderSort, OrderStatus, StoreError,
};

use super::bulk::Choice;
use super::{Owner, Row};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::home::Tile;
use crate::pages::input::Input;
use crate::pages::paging::{self, Place, Sheet};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, words};
use crate::query::Params;

/// Which orders are asked for.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    q: String,
    status: Option<OrderStatus>,
    client: Option<ClientId>,
}

impl Filters {
    /// A filter that cannot be is none: it comes from an address that somebody edited.
    pub(super) fn read(params: &Params) -> Self {
        Self {
            q: params.last("q").unwrap_or_default().trim().to_owned(),
            status: params.last("status").and_then(|status| status.parse().ok()),
            client: params.last("client").and_then(|id| id.parse().ok()),
        }
    }

    /// The list of these, from a cursor on where there is one.
    pub(super) fn url(&self, cursor: Option<(&str, &str)>) -> String {
        let client = self.client.map(|id| id.to_string());
        let filters = [
            ("status", self.status.map(OrderStatus::as_str)),
            ("q", Some(&*self.q).filter(|q| !q.is_empty())),
            ("client", client.as_deref()),
        ];
        paging::url("/orders/", filters.into_iter().chain(cursor.map(|(name, cursor)| (name, Some(cursor)))))
    }

    /// Whether all orders are asked for.
    fn is_whole(&self) -> bool {
        self.q.is_empty() && self.status.is_none() && self.client.is_none()
    }
}

#[derive(Template)]
#[template(path = "orders/list.html")]
struct List<'a> {
    l: Layout,
    filters: Filters,
    /// The name of the client whose orders these are, if it was asked for and is known.
    client_name: Option<String>,
    fault: Option<String>,
    tiles: Vec<Tile>,
    total: String,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    /// Where the search goes on, if it stopped early; and where it began, if nothing was found from here on.
    go_on: Option<String>,
    start: Option<String>,
    lacks_clients: bool,
    choice: &'a Choice,
    statuses: [OrderStatus; 7],
    reason: Input<'a>,
}

impl List<'_> {
    /// The list with another status chosen.
    fn with_status(&self, status: Option<OrderStatus>) -> String {
        Filters { status, ..self.filters.clone() }.url(None)
    }

    fn with_tile(&self, tile: &Tile) -> String {
        self.with_status(Some(tile.status))
    }

    fn has(&self, tile: &Tile) -> bool {
        self.filters.status == Some(tile.status)
    }
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    show(&pages, &visit, &caller, &params, &Choice::default()).await
}

/// The list, with what was chosen in it and what is wrong with that.
pub(super) async fn show(
    pages: &Pages,
    visit: &Visit,
    caller: &Caller,
    params: &Params,
    choice: &Choice,
) -> Result<Response, Failure> {
    let filters = Filters::read(params);
    let first = || Ok(visit.redirect(&filters.url(None)));
    let Ok(place) = Place::read(params) else { return first() };

    let mut filter = OrderFilter::default();
    filter.statuses.extend(filters.status);
    filter.client_id = filters.client;
    let part = if filters.q.is_empty() { Ok(None) } else { NumberPart::parse(&filters.q).map(Some) };
    let (counts, sheet, fault) = match part {
        Ok(part) => {
            filter.number_part = part;
            let listing = OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending);
            let read = if place.is_backwards() { listing.reversed() } else { listing.clone() };
            let request = place.request(paging::rows());
            let page = pages.api.app.list_orders(caller, &read, &request);
            let (counts, page) = futures_util::future::join(pages.counts.get(), page).await;
            let page = match page {
                Err(AppError::Orders(StoreError::InvalidCursor)) => return first(),
                page => page?,
            };
            match place.arrange(page, |view| listing.cursor_at(&view.order.row)) {
                Some(sheet) => (counts, sheet, None),
                None => return first(),
            }
        }
        Err(invalid) => (pages.counts.get().await, Sheet::nothing(), Some(words::refused(invalid))),
    };
    let Sheet { items, before, after, go_on } = sheet;
    let client_name = items.iter().find_map(|view| view.client.client()).map(|client| words::named(&client.row.name));
    let lacks_clients = items.iter().any(|view| view.client.is_unavailable());
    let row = |view| {
        let row = Row::new(view, visit.now());
        match choice.of(&row.number) {
            // What somebody changed meanwhile stays chosen as it stood, so that it is not moved unseen.
            Some(chosen) => Row { chosen: true, version: chosen.version.to_string(), ..row },
            None => row,
        }
    };
    let page = List {
        tiles: Tile::all(counts.as_ref()),
        total: counts.map_or_else(|| "–".into(), |counts| words::thousands(counts.total())),
        rows: items.into_iter().map(row).collect(),
        before: before.map(|cursor| filters.url(Some(("before", &cursor.to_string())))),
        after: after.map(|cursor| filters.url(Some(("after", &cursor.to_string())))),
        client_name,
        l: visit.layout("Órdenes", Section::Orders),
        fault,
        go_on: go_on.map(|cursor| filters.url(Some((place.onward(), &cursor.to_string())))),
        start: (place != Place::First).then(|| filters.url(None)),
        lacks_clients,
        choice,
        statuses: OrderStatus::ALL,
        reason: super::form::reason(&choice.reason, choice.faults.of("return_reason"), None),
        filters,
    };
    Ok(choice.faults.answer(false, |status| visit::html(status, &page)))
}
