//! `/orders/{number}/edit/`.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{AppError, OrderKey, OrderRow, OrderView};

use super::form::{Choice, Filled, Of, choice_of};
use super::{Named, Owner, key_of, key_path, not_found};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::Pages;
use crate::pages::failure::found;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::Visit;

pub(crate) async fn form(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
) -> Result<Response, Failure> {
    let view = found(pages.api.app.order(&caller, key.clone()).await)?;
    let Some(view) = view else { return Ok(not_found(&visit, &key)) };
    let (filled, of) = (Filled::of(&view.order.row), Of::Order(&view.order));
    Ok(filled.show(&visit, of, &choice_of(&view), pages.api.app.flow(), &Faults::default()))
}

pub(crate) async fn edit(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let asked = posted.order_id().map_or_else(|| key.clone(), OrderKey::Id);
    let Some(view) = found(pages.api.app.order(&caller, asked).await)? else {
        // A number that this very form changed leads to where the form led.
        return Ok(match pages.api.app.answered_order(&posted.by(&caller)).await {
            Ok(Some(order)) => visit.land(landing(&order.row)),
            _ => not_found(&visit, &key),
        });
    };
    let filled = Filled::read(&posted, &view.order.row.status).kept(&view.order.row);
    let flow = pages.api.app.flow();
    let searched = (posted.get("action") == Some("find-client")).then(|| posted.line("client_search"));
    let choice = async || {
        let choice = match view.order.row.client_id() {
            Ok(Some(id)) if id.to_string() == filled.client => choice_of(&view),
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
    let change = match filled.change(&view.order.row, flow) {
        Ok(change) => change,
        Err(faults) => return Ok(again(&view, &faults).await),
    };
    // Somebody may have given it another number.
    let (named, by) = (key_of(&view.order.row), posted.by(&caller));
    let done = pages.write(move |api| async move {
        Ok(landing(&api.app.edit_order(&by, named, &change, expected).await?.order.row))
    });
    Ok(match done.await? {
        Ok(landing) => visit.land(landing),
        Err(AppError::OrderNotFound) => not_found(&visit, &key),
        Err(AppError::OrderChanged { current }) => match found(pages.api.app.order(&caller, current.row.id).await)? {
            Some(view) => again(&view, &Faults::default()).await,
            None => not_found(&visit, &key),
        },
        Err(error) => again(&view, &filled.faults(error)).await,
    })
}

fn landing(order: &OrderRow) -> Landing {
    let message = Message::done(format!("Orden '{}' actualizada exitosamente.", order.number))
        .with_link("Ver orden", key_path(&key_of(order)));
    Landing { to: "/orders/".into(), message }
}
