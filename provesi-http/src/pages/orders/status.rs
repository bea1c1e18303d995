//! `/orders/{number}/status/`: the buttons of an order's page; and what its scanned commands do.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{
    AppError, Caller, Expected, Field, Invalid, OrderChange, OrderKey, OrderRow, OrderStatus, OrderView, Refusal,
};

use super::detail::{Telling, show};
use super::{Named, key_of, key_path, not_found};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::failure::found;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::Visit;
use crate::pages::{Pages, words};

/// A page that is reloaded, or gone back to, is the order's.
pub(crate) async fn back(visit: Visit, Named(key): Named) -> Response {
    visit.redirect(&key_path(&key))
}

pub(crate) async fn change(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let status = posted.get("status").unwrap_or_default().parse();
    let asked = Asked { pages: &pages, visit: &visit, caller: &caller, key: &key, posted: &posted };
    asked.move_to(status).await
}

/// The change that a move to `status` is.
pub(super) fn change_to(status: OrderStatus, reason: &str) -> OrderChange {
    OrderChange::builder().status(status).maybe_return_reason(Some(reason).filter(|reason| !reason.is_empty())).build()
}

/// What is wrong with a move that is refused because of what was asked for.
pub(super) fn fault(error: &AppError) -> Option<Faults> {
    // What the move leaves as it is breaks a rule.
    let is_left = |refusal: &Refusal| matches!(refusal, Refusal::Invalid(it) if it.field != Field::ReturnReason);
    match error.refusals() {
        [] => None,
        refusals if refusals.iter().any(is_left) => Some(Faults::only("status", words::REPAIR_FIRST)),
        refusals => Some(Faults::refused(refusals, |_| None)),
    }
}

/// Where an order that moved is shown.
fn moved(order: &OrderRow) -> Landing {
    let label = order.status().map_or_else(|_| order.status.clone(), |status| status.label().to_owned());
    let message = Message::moved(format!("Orden '{}': {label}.", order.number));
    Landing { to: key_path(&key_of(order)), message }
}

/// An order that is asked to move, from its page.
pub(super) struct Asked<'a> {
    pub(super) pages: &'a Pages,
    pub(super) visit: &'a Visit,
    pub(super) caller: &'a Caller,
    pub(super) key: &'a OrderKey,
    pub(super) posted: &'a Posted,
}

impl Asked<'_> {
    /// Moves it to its next step.
    pub(super) async fn move_on(self) -> Result<Response, Failure> {
        // What is done already has another next step by now.
        if let Ok(Some(order)) = self.pages.api.app.answered_order(&self.posted.by(self.caller)).await {
            return Ok(self.visit.land(moved(&order.row)));
        }
        let Some(view) = self.view().await? else { return Ok(not_found(self.visit, self.key)) };
        match view.order.row.status().map(|status| status.next_step().ok_or(status)) {
            Ok(Ok(next)) => self.move_to(Ok(next)).await,
            Ok(Err(status)) => self.refused(Faults::only("status", words::no_next_step(status))).await,
            Err(_) => self.refused(Faults::only("status", words::REPAIR_FIRST)).await,
        }
    }

    /// Moves it to a status, if what was asked for is one.
    pub(super) async fn move_to(self, status: Result<OrderStatus, Invalid>) -> Result<Response, Failure> {
        let expected = self.posted.expected()?;
        let Ok(status) = status else {
            return self.refused(Faults::only("status", words::UNKNOWN_STATUS)).await;
        };
        let change = change_to(status, &self.posted.text("return_reason"));
        let (named, by) = (self.key.clone(), self.posted.by(self.caller));
        let done = self.pages.write(move |api| async move {
            let order = api.app.edit_order(&by, named, &change, expected).await?.order;
            let mut landing = moved(&order.row);
            if expected == Expected::Version(order.version()) {
                let (number, label) = (&order.row.number, status.label());
                landing.message = Message::moved(format!("La orden '{number}' ya estaba en {label}."));
            }
            Ok(landing)
        });
        match done.await? {
            Ok(landing) => Ok(self.visit.land(landing)),
            Err(AppError::OrderNotFound) => Ok(not_found(self.visit, self.key)),
            Err(AppError::OrderChanged { .. }) => self.shown(Faults::default(), true).await,
            Err(error) => self.refused(fault(&error).unwrap_or_else(|| Faults::failed(error.into()))).await,
        }
    }

    async fn refused(self, faults: Faults) -> Result<Response, Failure> {
        self.shown(faults, false).await
    }

    /// Its page as it is now: the buttons are those of the status that it is in.
    async fn shown(self, faults: Faults, changed: bool) -> Result<Response, Failure> {
        let Some(view) = self.view().await? else { return Ok(not_found(self.visit, self.key)) };
        let telling = Telling { faults, reason: self.posted.text("return_reason"), changed, scanned: false };
        Ok(show(self.pages, self.visit, self.caller, view, &telling).await)
    }

    async fn view(&self) -> Result<Option<OrderView>, Failure> {
        found(self.pages.api.app.order(self.caller, self.key.clone()).await)
    }
}
