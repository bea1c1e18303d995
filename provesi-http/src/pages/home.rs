//! `/`: what is open, what was changed of late, and where to begin.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{OrderListing, OrderStatus, PageLimit, PageRequest};

use super::counts::Counts;
use super::orders::{Owner, Row};
use super::visit::{self, Layout, Section, Visit};
use super::{Pages, words};
use crate::caller::By;
use crate::error;

/// How many of the latest changes are shown.
const LATEST: u32 = 8;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    l: Layout,
    tiles: Vec<Tile>,
    counted: bool,
    /// `None` where the store of orders did not answer.
    latest: Option<Vec<Row>>,
    lacks_clients: bool,
}

/// A status with the orders in it.
pub(crate) struct Tile {
    pub(crate) status: OrderStatus,
    pub(crate) count: String,
}

impl Tile {
    pub(crate) fn all(counts: Option<&Counts>) -> Vec<Self> {
        let count = |status| counts.map_or_else(|| "–".to_owned(), |counts| words::thousands(counts.of(status)));
        OrderStatus::ALL.into_iter().map(|status| Self { status, count: count(status) }).collect()
    }
}

pub(crate) async fn home(State(pages): State<Pages>, visit: Visit, By(caller): By) -> Response {
    let request = PageRequest::first(PageLimit::new(LATEST).unwrap_or(PageLimit::MAX));
    let listing = OrderListing::default();
    let (counts, latest) =
        futures_util::future::join(pages.counts.get(), pages.api.app.list_orders(&caller, &listing, &request)).await;
    // The home page is there with whatever answers: it is where people look when something is wrong.
    let latest = latest.inspect_err(error::log).ok();
    let lacks_clients = latest.iter().flat_map(|page| &page.items).any(|view| view.client.is_unavailable());
    let page = Home {
        tiles: Tile::all(counts.as_ref()),
        counted: counts.is_some(),
        latest: latest.map(|page| page.items.into_iter().map(|view| Row::new(view, visit.now())).collect()),
        lacks_clients,
        l: visit.layout("Inicio", Section::Home),
    };
    visit::html(StatusCode::OK, &page)
}
