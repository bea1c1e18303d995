//! `/orders/lookup/?q=`: what the scan box asks for. The page of the order with this number, in any letter case.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{AppError, OrderNumber};

use super::detail::{Telling, show};
use super::{not_found, to_list};
use crate::caller::By;
use crate::pages::failure::Failure;
use crate::pages::flash::Message;
use crate::pages::visit::Visit;
use crate::pages::{Pages, paging, words};
use crate::query::Params;

pub(crate) async fn lookup(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let q = params.last("q").unwrap_or_default().trim();
    if q.is_empty() {
        return Ok(to_list(&visit, Message::refused(words::NUMBER_NEEDED)));
    }
    let Ok(number) = OrderNumber::parse(q) else {
        // Whoever types a name into the box means a client.
        let shown: String = q.chars().take(100).collect();
        let message = Message::refused(words::NUMBER_INVALID)
            .with_link(format!("Buscar clientes con «{shown}»"), paging::url("/clients/", [("q", Some(&*shown))]));
        return Ok(to_list(&visit, message));
    };
    match pages.api.app.order(&caller, &number).await {
        Ok(view) => Ok(show(&pages, &visit, &caller, view, &Telling::default()).await),
        Err(AppError::OrderNotFound) => Ok(not_found(&visit, &number)),
        Err(error) => Err(error.into()),
    }
}
