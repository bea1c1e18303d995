//! `/orders/{number}/scan/`: what is scanned while an order's page is open. A command moves that order on if the
//! number was scanned right before it; a number opens another one.

use axum::extract::State;
use axum::response::Response;
use provesi_core::OrderKey;

use super::status::Asked;
use super::{Named, key_path, lookup};
use crate::caller::By;
use crate::failure::Failure;
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
    Named(key): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let asked = Asked { pages: &pages, visit: &visit, caller: &caller, key: &key, posted: &posted };
    let scanned = Scanned::read(&posted.line("q"));
    // A number that was scanned while a page was loading may be lost. Its command then arrives at the order before it.
    let number = match &key {
        OrderKey::Number(number) => number.as_str(),
        OrderKey::Id(_) => "",
    };
    if matches!(scanned, Scanned::Command(_))
        && (number.is_empty() || !posted.line("scanned").eq_ignore_ascii_case(number))
    {
        let message = Message::stopped(words::scan_again(number));
        return Ok(visit.land(Landing { to: key_path(&key), message }));
    }
    match scanned {
        Scanned::Command(Command::Next) => asked.move_on().await,
        Scanned::Command(Command::To(status)) => asked.move_to(Ok(status)).await,
        Scanned::Number(other) => Ok(visit.redirect(&lookup::path(&other))),
        other => Ok(visit.land(Landing { to: key_path(&key), message: lookup::refusal(&other) })),
    }
}
