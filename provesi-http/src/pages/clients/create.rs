//! `/clients/create/`.

use axum::extract::State;
use axum::response::Response;

use super::form::{Filled, Of};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::Pages;
use crate::pages::flash::Message;
use crate::pages::input::Faults;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::Visit;

pub(crate) async fn form(visit: Visit) -> Response {
    Filled::default().show(&visit, Of::New, &Faults::default())
}

pub(crate) async fn create(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    posted: Posted,
) -> Result<Response, Failure> {
    let filled = Filled::read(&posted);
    let draft = match filled.draft() {
        Ok(draft) => draft,
        Err(faults) => return Ok(filled.show(&visit, Of::New, &faults)),
    };
    let by = posted.by(&caller);
    let done = pages.write(move |api| async move {
        let client = api.app.create_client(&by, draft).await?;
        let message = Message::done(format!("Cliente '{}' creado exitosamente.", client.name))
            .with_link("Ver cliente", format!("/clients/{}/", client.id))
            .with_link("Crear una orden para este cliente", format!("/orders/create/?client={}", client.id));
        Ok(Landing { to: "/clients/".into(), message })
    });
    Ok(match done.await? {
        Ok(landing) => visit.land(landing),
        Err(error) => filled.show(&visit, Of::New, &filled.faults(error)),
    })
}
