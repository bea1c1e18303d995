//! `/orders/returns/`: what came back, each with its reason in full, the latest return first.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, OrderListing, StoreError};

use super::{Owner, Row};
use crate::caller::By;
use crate::pages::Pages;
use crate::pages::failure::Failure;
use crate::pages::paging::{self, Place, Sheet};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::query::Params;

#[derive(Template)]
#[template(path = "orders/returns.html")]
struct Returns {
    l: Layout,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    lacks_clients: bool,
}

const PATH: &str = "/orders/returns/";

pub(crate) async fn returns(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let first = || Ok(visit.redirect(PATH));
    let Ok(place) = Place::read(&params) else { return first() };
    let listing = OrderListing::returns();
    let read = if place.is_backwards() { listing.reversed() } else { listing.clone() };
    let page = match pages.api.app.list_orders(&caller, &read, &place.request(paging::rows())).await {
        Err(AppError::Orders(StoreError::InvalidCursor)) => return first(),
        page => page?,
    };
    let Some(sheet) = place.arrange(page, |view| listing.cursor_at(&view.order)) else { return first() };
    let Sheet { items, before, after, .. } = sheet;
    let link = |name, cursor: Option<String>| cursor.map(|cursor| paging::url(PATH, [(name, Some(&*cursor))]));
    let page = Returns {
        l: visit.layout("Devoluciones", Section::Returns),
        lacks_clients: items.iter().any(|view| view.client.is_unavailable()),
        rows: items.into_iter().map(|view| Row::new(view, visit.now())).collect(),
        before: link("before", before),
        after: link("after", after),
    };
    Ok(visit::html(StatusCode::OK, &page))
}
