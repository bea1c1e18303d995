//! What is printed: labels and pick lists of orders that were chosen, and the sheet of commands.
//!
//! `/orders/print/labels/?order=A&order=B`, `/orders/print/picks/?order=…`, `/orders/print/commands/`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{OrderNumber, OrderView, Stored, Timestamp};

use super::{Owner, to_list};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::barcode::Barcode;
use crate::pages::flash::Message;
use crate::pages::input::Badge;
use crate::pages::paging;
use crate::pages::scan::Command;
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::when::When;
use crate::pages::{Pages, words};
use crate::query::Params;

/// The parameter that names an order.
const ORDER: &str = "order";

/// A sheet of paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sheet {
    Labels,
    Picks,
}

impl Sheet {
    /// Where it is printed for these orders.
    pub(super) fn path<'a>(self, numbers: impl IntoIterator<Item = &'a OrderNumber>) -> String {
        let path = match self {
            Self::Labels => "/orders/print/labels/",
            Self::Picks => "/orders/print/picks/",
        };
        paging::url(path, numbers.into_iter().map(|number| (ORDER, Some(number.as_str()))))
    }
}

/// An order on paper.
struct Slip {
    number: String,
    barcode: Barcode,
    badge: Badge,
    owner: Owner,
    /// Where it goes: what the client gave of phone and address.
    phone: Option<String>,
    address: Option<String>,
    created: When,
}

impl Slip {
    fn new(view: OrderView, now: Timestamp) -> Self {
        let client = view.client.client().map(Stored::shown);
        Self {
            barcode: Barcode::new(&view.order.row.number),
            badge: Badge::from(&view.order.row),
            owner: Owner::from(&view.client),
            phone: client.as_ref().and_then(|client| client.phone.clone()),
            address: client.and_then(|client| client.address),
            created: When::new(view.order.row.created_at, now),
            number: view.order.row.number,
        }
    }
}

#[derive(Template)]
#[template(path = "orders/labels.html")]
struct Labels {
    l: Layout,
    slips: Vec<Slip>,
    unknown: usize,
    lacks_clients: bool,
}

#[derive(Template)]
#[template(path = "orders/picks.html")]
struct Picks {
    l: Layout,
    slips: Vec<Slip>,
    unknown: usize,
    lacks_clients: bool,
    printed: When,
}

pub(crate) async fn labels(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    print(&pages, &visit, &caller, &params, Sheet::Labels).await
}

pub(crate) async fn picks(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    print(&pages, &visit, &caller, &params, Sheet::Picks).await
}

async fn print(
    pages: &Pages,
    visit: &Visit,
    caller: &provesi_core::Caller,
    params: &Params,
    sheet: Sheet,
) -> Result<Response, Failure> {
    // What is no number, or too much, comes from an address that somebody edited.
    let mut numbers: Vec<OrderNumber> = Vec::new();
    for number in params.all(ORDER).filter_map(|number| OrderNumber::parse(number).ok()).take(paging::rows().get()) {
        if numbers.iter().all(|other| other.folded() != number.folded()) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        return Ok(to_list(visit, Message::refused(words::CHOOSE_ORDERS)));
    }
    let views = pages.api.app.orders_by_number(caller, &numbers).await?;
    let unknown = numbers.len() - views.len();
    let lacks_clients = views.iter().any(|view| view.client.is_unavailable());
    let slips = views.into_iter().map(|view| Slip::new(view, visit.now())).collect();
    Ok(match sheet {
        Sheet::Labels => {
            let l = visit.layout("Etiquetas", Section::Orders);
            visit::html(StatusCode::OK, &Labels { l, slips, unknown, lacks_clients })
        }
        Sheet::Picks => {
            let l = visit.layout("Lista de alistamiento", Section::Orders);
            let printed = When::new(visit.now(), visit.now());
            visit::html(StatusCode::OK, &Picks { l, slips, unknown, lacks_clients, printed })
        }
    })
}

/// A command on the sheet.
struct Entry {
    label: &'static str,
    hint: &'static str,
    code: String,
    barcode: Barcode,
}

#[derive(Template)]
#[template(path = "orders/commands.html")]
struct Commands {
    l: Layout,
    entries: Vec<Entry>,
}

pub(crate) async fn commands(visit: Visit) -> Response {
    let entry = |command: Command| {
        let code = command.code();
        let (label, hint) = match command {
            Command::Next => ("Paso siguiente", "De Recibido a Entregado, un paso cada vez."),
            Command::To(status) => (
                status.label(),
                if status == provesi_core::OrderStatus::Returned { "Pide la razón antes de guardar." } else { "" },
            ),
        };
        Entry { label, hint, barcode: Barcode::new(&code), code }
    };
    let entries = Command::all().map(entry).collect();
    visit::html(StatusCode::OK, &Commands { l: visit.layout("Hoja de comandos", Section::None), entries })
}
