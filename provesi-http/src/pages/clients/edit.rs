//! `/clients/{id}/edit/`.

use axum::extract::State;
use axum::response::Response;
use provesi_core::{AppError, ClientChange, ClientDraft};

use super::form::{Filled, Of};
use super::{Named, not_found};
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
    Named(id): Named,
) -> Result<Response, Failure> {
    let Some(client) = found(pages.api.app.client(&caller, id).await)? else { return Ok(not_found(&visit)) };
    Ok(Filled::of(&client).show(&visit, Of::Client(&client), &Faults::default()))
}

pub(crate) async fn edit(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(id): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let Some(client) = found(pages.api.app.client(&caller, id).await)? else { return Ok(not_found(&visit)) };
    let filled = Filled::read(&posted).kept(&client);
    // The version stays the one that the form was filled in over only if that is still there: who saves over another's change
    // is to see it first, whatever else is in the way.
    let of = if expected.allows(client.version()) { Of::Client(&client) } else { Of::Changed(&client) };
    let ClientDraft { name, email, phone, address, .. } = match filled.draft() {
        Ok(draft) => draft,
        Err(faults) => return Ok(filled.show(&visit, of, &faults)),
    };
    let change = ClientChange::builder().name(name).email(email).phone(phone).address(address).build();
    let by = posted.by(&caller);
    let done = pages.write(move |api| async move {
        let client = api.edit_client(&by, id, &change, expected).await?;
        let message = Message::done(format!("Cliente '{}' actualizado exitosamente.", client.name))
            .with_link("Ver cliente", format!("/clients/{id}/"));
        Ok(Landing { to: "/clients/".into(), message })
    });
    Ok(match done.await? {
        Ok(landing) => visit.land(landing),
        Err(AppError::ClientChanged { current }) => filled.show(&visit, Of::Changed(&current), &Faults::default()),
        Err(AppError::ClientNotFound) => not_found(&visit),
        Err(error) => filled.show(&visit, of, &filled.faults(error)),
    })
}
