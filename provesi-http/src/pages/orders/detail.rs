//! `/orders/{number}/`: one order, the statuses that it may go to as buttons, and what happened to it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use provesi_core::{Caller, Order, OrderKey, OrderStatus, OrderView, PageLimit};

use super::history::Entry;
use super::{Named, Owner, base_path, key_of, not_found};
use crate::caller::By;
use crate::error;
use crate::failure::Failure;
use crate::pages::Pages;
use crate::pages::failure::found;
use crate::pages::input::{Badge, Faults, Input};
use crate::pages::visit::{self, Layout, Scans, Section, Visit};
use crate::pages::when::When;
use crate::pages::words;

/// What a page of an order says beside the order.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Why the status was not changed.
    pub(super) faults: Faults,
    /// The reason that was typed.
    pub(super) reason: String,
    /// Whether the order changed while the page was open.
    pub(super) changed: bool,
    /// Whether the number of the order was scanned to open the page.
    pub(super) scanned: bool,
}

/// A status that may come next.
struct Next {
    status: OrderStatus,
    /// Its key: the place among all statuses, so that it is the same on every order.
    key: usize,
    /// Whether it is the next step of the work.
    is_main: bool,
}

#[derive(Template)]
#[template(path = "orders/detail.html")]
struct Detail<'a> {
    l: Layout,
    number: String,
    /// The number as the address of the label holds it, where there is one.
    label: Option<String>,
    /// The path that its other pages are below.
    base: String,
    /// What is wrong with an irregular order.
    irregular: Vec<String>,
    badge: Badge,
    owner: Owner,
    created: When,
    updated: When,
    version: String,
    reason: Option<String>,
    returned: Option<When>,
    /// Without a return, which has a form of its own.
    next: Vec<Next>,
    /// The return, where it may come next.
    back: Option<Next>,
    reason_input: Input<'a>,
    telling: &'a Telling,
    /// Newest first; `None` where it could not be read.
    history: Option<Vec<Entry>>,
    history_is_cut: bool,
}

pub(crate) async fn detail(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
) -> Result<Response, Failure> {
    let view = found(pages.api.app.order(&caller, key.clone()).await)?;
    let Some(view) = view else { return Ok(not_found(&visit, &key)) };
    Ok(show(&pages, &visit, &caller, view, &Telling::default()).await)
}

/// The page of an order.
pub(super) async fn show(
    pages: &Pages,
    visit: &Visit,
    caller: &Caller,
    view: OrderView,
    telling: &Telling,
) -> Response {
    let OrderView { order, client, next_statuses, .. } = view;
    let now = visit.now();
    let key = key_of(&order.row);
    let number = match &key {
        OrderKey::Number(number) => Some(number),
        OrderKey::Id(_) => None,
    };
    // An order is worth showing without its history. One whose number is none has none under it.
    let history = match number {
        Some(number) => pages.api.app.history(caller, number, None, PageLimit::MAX).await.inspect_err(error::log).ok(),
        None => Some(Vec::new()),
    };
    let history_is_cut = history.as_ref().is_some_and(|events| events.len() >= PageLimit::MAX.get());
    let history = history.map(|events| events.into_iter().rev().map(|event| Entry::new(event, now)).collect());
    let key_at = |status| OrderStatus::ALL.iter().position(|&other| other == status).map_or(0, |at| at + 1);
    let next_step = order.record.as_ref().ok().map(Order::status).and_then(OrderStatus::next_step);
    let is_main = |status| next_step == Some(status);
    let (back, next): (Vec<_>, Vec<_>) = next_statuses
        .into_iter()
        .map(|status| Next { status, key: key_at(status), is_main: is_main(status) })
        .partition(|next| next.status == OrderStatus::Returned);
    let row = &order.row;
    let info = row.return_info();
    let page = Detail {
        l: visit.layout(format!("Orden {}", words::numbered(&row.number)), Section::Orders).scanning(Scans {
            number: row.number.clone(),
            version: order.version().to_string(),
            scanned: telling.scanned,
        }),
        label: number.map(ToString::to_string),
        base: base_path(&key),
        irregular: words::irregular_order(&order),
        badge: Badge::from(row),
        owner: Owner::from(&client),
        created: When::new(row.created_at, now),
        updated: When::new(row.updated_at, now),
        version: order.version().to_string(),
        returned: info.as_ref().map(|info| When::new(info.returned_at, now)),
        reason: info.map(|info| info.reason.to_string()),
        next,
        back: back.into_iter().next(),
        // Whoever scanned a return goes on with its reason.
        reason_input: Input {
            autofocus: telling.faults.of("return_reason").is_some(),
            ..super::form::reason(&telling.reason, telling.faults.of("return_reason"), None)
        },
        telling,
        history,
        history_is_cut,
        number: words::numbered(&order.row.number),
    };
    telling.faults.answer(telling.changed, |status| visit::html(status, &page))
}
