//! `/orders/{number}/scan/`: what is scanned while an order's page is open. A command moves that order on if the
//! number was scanned right before it; a number opens another one.

use axum::extract::State;
use axum::response::Response;

use super::status::Asked;
use super::{Named, lookup, order_path};
use crate::caller::By;
use crate::pages::failure::Failure;
use crate::pages::flash::Message;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::scan::{Command, Scanned};
use crate::pages::visit::Visit;
use crate::pages::{Pages, words};

pub(crate) async fn scan(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let asked = Asked { pages: &pages, visit: &visit, caller: &caller, number: &number, posted: &posted };
    let scanned = Scanned::read(&posted.line("q"));
    // A number that was scanned while a page was loading may be lost. Its command then arrives at the order before it.
    if matches!(scanned, Scanned::Command(_)) && !posted.line("scanned").eq_ignore_ascii_case(number.as_str()) {
        let message = Message::stopped(words::scan_again(&number));
        return Ok(visit.land(Landing { to: order_path(&number), message }));
    }
    match scanned {
        Scanned::Command(Command::Next) => asked.move_on().await,
        Scanned::Command(Command::To(status)) => asked.move_to(Ok(status)).await,
        Scanned::Number(other) => Ok(visit.redirect(&lookup::path(&other))),
        other => Ok(visit.land(Landing { to: order_path(&number), message: lookup::refusal(&other) })),
    }
}
