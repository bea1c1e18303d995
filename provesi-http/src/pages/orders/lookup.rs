//! `/orders/lookup/?q=`: what the scan box asks for. The page of the order with this number, in any letter case.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{OrderKey, OrderNumber};

use super::detail::{Telling, show};
use super::{not_found, to_list};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::failure::found;
use crate::pages::flash::Message;
use crate::pages::scan::Scanned;
use crate::pages::visit::Visit;
use crate::pages::{Pages, paging, words};
use crate::query::Params;

pub(crate) async fn lookup(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let number = match Scanned::read(params.last("q").unwrap_or_default()) {
        Scanned::Number(number) => number,
        other => return Ok(to_list(&visit, refusal(&other))),
    };
    let key = OrderKey::Number(number);
    let view = found(pages.api.app.order(&caller, key.clone()).await)?;
    let Some(view) = view else { return Ok(not_found(&visit, &key)) };
    let telling = Telling { scanned: true, ..Telling::default() };
    Ok(show(&pages, &visit, &caller, view, &telling).await)
}

/// Where an order is looked up.
pub(super) fn path(number: &OrderNumber) -> String {
    paging::url("/orders/lookup/", [("q", Some(number.as_str()))])
}

/// Why what was scanned opens no order.
pub(super) fn refusal(scanned: &Scanned) -> Message {
    match scanned {
        Scanned::Nothing => Message::stopped(words::NUMBER_NEEDED),
        Scanned::Number(_) | Scanned::Command(_) => Message::stopped(words::ORDER_FIRST),
        Scanned::UnknownCommand => {
            Message::stopped(words::UNKNOWN_COMMAND).with_link("Hoja de comandos", "/orders/print/commands/")
        }
        // Whoever types a name into the box means a client.
        Scanned::Other(text) => Message::stopped(words::NUMBER_INVALID)
            .with_link(format!("Buscar clientes con «{text}»"), paging::url("/clients/", [("q", Some(&**text))])),
    }
}
