//! `/orders/{number}/status/`: the buttons of an order's page.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{AppError, OrderChange, OrderStatus};

use super::detail::{Telling, show};
use super::{Named, not_found, order_path};
use crate::caller::By;
use crate::pages::failure::Failure;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::{Posted, Undone};
use crate::pages::visit::Visit;
use crate::pages::{Pages, words};

/// A page that is reloaded, or gone back to, is the order's.
pub(crate) async fn back(visit: Visit, Named(number): Named) -> Response {
    visit.redirect(&order_path(&number))
}

pub(crate) async fn change(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let reason = posted.text("return_reason");
    let status: Result<OrderStatus, _> = posted.get("status").unwrap_or_default().parse();
    let refusal = match status {
        Ok(status) => {
            let change = OrderChange {
                status: Some(status),
                return_reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
                ..OrderChange::default()
            };
            let (named, by) = (number.clone(), caller.clone());
            let done = pages.once(&posted, move |api| async move {
                let view = api.app.edit_order(&by, &named, &change, expected).await?;
                let number = view.order.number;
                let message = Message::done(format!("Orden '{number}': {}.", status.label()));
                Ok(Landing { to: order_path(&number), message })
            });
            match done.await {
                Ok(landing) => return Ok(visit.land(landing)),
                Err(Undone::App(error)) => error,
                Err(Undone::Failed(failure)) => return Err(failure),
            }
        }
        Err(invalid) => invalid.into(),
    };
    let mut telling = Telling { reason, ..Telling::default() };
    match refusal {
        AppError::OrderNotFound => return Ok(not_found(&visit, &number)),
        AppError::OrderChanged { .. } => telling.changed = true,
        AppError::ReasonRequired(_) => telling.faults = Faults::only("return_reason", words::REASON_NEEDED),
        AppError::TransitionRefused { from, to } => {
            let text = format!("Una orden en {} no puede pasar a {}.", from.label(), to.label());
            telling.faults = Faults::only("status", text);
        }
        AppError::Invalid(invalid) if status.is_ok() => {
            telling.faults = Faults::only("return_reason", words::refused(invalid));
        }
        AppError::Invalid(_) => telling.faults = Faults::only("status", words::UNKNOWN_STATUS),
        error => telling.faults = Faults::failed(error.into()),
    }
    // As it is now: the buttons are those of the status that it is in.
    match pages.api.app.order(&caller, &number).await {
        Ok(view) => Ok(show(&pages, &visit, &caller, view, &telling).await),
        Err(AppError::OrderNotFound) => Ok(not_found(&visit, &number)),
        Err(error) => Err(error.into()),
    }
}
