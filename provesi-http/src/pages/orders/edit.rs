//! `/orders/{number}/edit/`.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{AppError, ClientChoice, OrderChange, OrderView};

use super::form::{Choice, Filled, Of, Sound, choice_of};
use super::{Named, Owner, not_found, order_path};
use crate::caller::By;
use crate::pages::Pages;
use crate::pages::failure::Failure;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::{Posted, Undone};
use crate::pages::visit::Visit;

pub(crate) async fn form(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
) -> Result<Response, Failure> {
    match pages.api.app.order(&caller, &number).await {
        Ok(view) => {
            let (filled, of) = (Filled::of(&view.order), Of::Order(&view.order));
            Ok(filled.show(&visit, of, &choice_of(&view), pages.api.app.flow(), &Faults::default()))
        }
        Err(AppError::OrderNotFound) => Ok(not_found(&visit, &number)),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn edit(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let found = match posted.order_id() {
        Some(id) => pages.api.app.order_by_id(&caller, id).await,
        None => pages.api.app.order(&caller, &number).await,
    };
    let view = match found {
        Ok(view) => view,
        // A number that this very form changed leads to where the form led.
        Err(AppError::OrderNotFound) => {
            let landing = pages.landed(&posted).await;
            return Ok(landing.map_or_else(|| not_found(&visit, &number), |landing| visit.land(landing)));
        }
        Err(error) => return Err(error.into()),
    };
    let filled = Filled::read(&posted, view.order.status()).kept(&view.order);
    let flow = pages.api.app.flow();
    let searched = (posted.get("action") == Some("find-client")).then(|| posted.line("client_search"));
    let choice = async || {
        let choice = match &view.order.client_id {
            Some(id) if id.to_string() == filled.client => choice_of(&view),
            _ => Choice::find(&pages.api, &caller, &filled.client).await,
        };
        match &searched {
            Some(q) => choice.searched(&pages.api, &caller, q).await,
            None => choice,
        }
    };
    // Who fills in the form goes on over the version that they saw: a change of somebody else's is shown at once, and
    // not written over by the next submit.
    let again = async |view: &OrderView, faults: &Faults| {
        let owner = Owner::from(&view.client);
        let of = if expected.allows(view.order.version()) {
            Of::Order(&view.order)
        } else {
            Of::Changed(&view.order, &owner)
        };
        filled.show(&visit, of, &choice().await, flow, faults)
    };
    if searched.is_some() {
        return Ok(again(&view, &Faults::default()).await);
    }
    let Sound { status, client, reason } = match filled.checked(Some(&view.order)) {
        Ok(sound) => sound,
        Err(faults) => return Ok(again(&view, &faults).await),
    };
    let change = OrderChange {
        number: Some(filled.number.clone()),
        client: match client {
            // Nobody has to be asked for who is there already.
            client if client == view.order.client_id => ClientChoice::Keep,
            None => ClientChoice::Detach,
            Some(id) => ClientChoice::Attach(id.to_string()),
        },
        status: Some(status),
        return_reason: reason,
    };
    // Somebody may have given it another number.
    let (named, by) = (view.order.number.clone(), caller.clone());
    let done = pages.once(&posted, move |api| async move {
        let number = api.app.edit_order(&by, &named, &change, expected).await?.order.number;
        let message = Message::done(format!("Orden '{number}' actualizada exitosamente."))
            .with_link("Ver orden", order_path(&number));
        Ok(Landing { to: "/orders/".into(), message })
    });
    match done.await {
        Ok(landing) => Ok(visit.land(landing)),
        Err(Undone::App(AppError::OrderNotFound)) => Ok(not_found(&visit, &number)),
        Err(Undone::App(AppError::OrderChanged { current })) => {
            match pages.api.app.order_by_id(&caller, current.id).await {
                Ok(view) => Ok(again(&view, &Faults::default()).await),
                Err(AppError::OrderNotFound) => Ok(not_found(&visit, &number)),
                Err(error) => Err(error.into()),
            }
        }
        Err(Undone::App(error)) => {
            let faults = filled.fault(&error).unwrap_or_else(|| Faults::failed(error.into()));
            Ok(again(&view, &faults).await)
        }
        Err(Undone::Failed(failure)) => Err(failure),
    }
}
