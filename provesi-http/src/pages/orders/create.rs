//! `/orders/create/`.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{Caller, OrderStatus};

use super::form::{Choice, Filled, Of};
use super::{key_of, key_path};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::Pages;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::Visit;
use crate::query::Params;

pub(crate) async fn form(State(pages): State<Pages>, visit: Visit, By(caller): By, params: Params) -> Response {
    let filled = Filled {
        number: params.last("order_number").unwrap_or_default().trim().to_owned(),
        client: params.last("client").unwrap_or_default().trim().to_owned(),
        status: OrderStatus::Received.as_str().to_owned(),
        reason: String::new(),
    };
    let choice = Choice::find(&pages.api, &caller, &filled.client).await;
    show(&pages, &visit, &filled, &choice, &Faults::default())
}

fn show(pages: &Pages, visit: &Visit, filled: &Filled, choice: &Choice, faults: &Faults) -> Response {
    filled.show(visit, Of::New, choice, pages.api.app.flow(), faults)
}

pub(crate) async fn create(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    posted: Posted,
) -> Result<Response, Failure> {
    let filled = Filled::read(&posted, OrderStatus::Received.as_str());
    let again = async |caller: &Caller, faults: &Faults| {
        let choice = Choice::find(&pages.api, caller, &filled.client).await;
        show(&pages, &visit, &filled, &choice, faults)
    };
    if posted.get("action") == Some("find-client") {
        let choice = Choice::find(&pages.api, &caller, &filled.client).await;
        let choice = choice.searched(&pages.api, &caller, &posted.line("client_search")).await;
        return Ok(show(&pages, &visit, &filled, &choice, &Faults::default()));
    }
    let draft = match filled.draft() {
        Ok(draft) => draft,
        Err(faults) => return Ok(again(&caller, &faults).await),
    };
    let by = posted.by(&caller);
    let done = pages.write(move |api| async move {
        let order = api.app.create_order(&by, &draft).await?.order.row;
        let path = key_path(&key_of(&order));
        let number = order.number;
        let message = Message::done(format!("Orden '{number}' creada exitosamente."))
            .with_link("Ver orden", path)
            .with_link("Crear otra", "/orders/create/");
        Ok(Landing { to: "/orders/".into(), message })
    });
    Ok(match done.await? {
        Ok(landing) => visit.land(landing),
        Err(error) => again(&caller, &filled.faults(error)).await,
    })
}
