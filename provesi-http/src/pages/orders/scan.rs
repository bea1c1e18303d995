//! `/orders/{number}/scan/`: what is scanned while an order's page is open. A command moves that order on; a number opens
//! another one.

use axum::extract::State;
use axum::response::Response;

use super::status::Asked;
use super::{Named, lookup, order_path};
use crate::caller::By;
use crate::pages::Pages;
use crate::pages::failure::Failure;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::scan::{Command, Scanned};
use crate::pages::visit::Visit;

pub(crate) async fn scan(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let asked = Asked { pages: &pages, visit: &visit, caller: &caller, number: &number, posted: &posted };
    match Scanned::read(&posted.line("q")) {
        Scanned::Command(Command::Next) => asked.move_on().await,
        Scanned::Command(Command::To(status)) => asked.move_to(Ok(status)).await,
        Scanned::Number(other) => Ok(visit.redirect(&lookup::path(&other))),
        // The order stays where it is: the next command may be for it.
        other => Ok(visit.land(Landing { to: order_path(&number), message: lookup::refusal(&other) })),
    }
}
