//! `/orders/{number}/delete/`: asks, and deletes.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, Order, Stored, Version};

use super::{Named, key_of, key_path, not_found};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::failure::found;
use crate::pages::flash::Message;
use crate::pages::input::Badge;
use crate::pages::once::Landing;
use crate::pages::posted::Posted;
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, words};

#[derive(Template)]
#[template(path = "orders/delete.html")]
struct Confirmation {
    l: Layout,
    number: String,
    version: Version,
    badge: Badge,
    path: String,
    /// Whether the order changed while the question was open.
    changed: bool,
}

pub(crate) async fn form(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
) -> Result<Response, Failure> {
    let view = found(pages.api.app.order(&caller, key.clone()).await)?;
    Ok(view.map_or_else(|| not_found(&visit, &key), |view| confirm(&visit, &view.order, false)))
}

fn confirm(visit: &Visit, order: &Stored<Order>, changed: bool) -> Response {
    let l = visit.layout(format!("Eliminar la orden {}", words::numbered(&order.row.number)), Section::Orders);
    let status = if changed { StatusCode::CONFLICT } else { StatusCode::OK };
    let (number, badge, path) =
        (words::numbered(&order.row.number), Badge::from(&order.row), key_path(&key_of(&order.row)));
    visit::html(status, &Confirmation { l, number, version: order.version(), badge, path, changed })
}

pub(crate) async fn delete(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(key): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let (named, by) = (key.clone(), posted.by(&caller));
    let done = pages.write(move |api| async move {
        let order = api.app.delete_order(&by, named, expected).await?;
        let message = Message::done(format!("Orden '{}' eliminada exitosamente.", words::numbered(&order.row.number)));
        Ok(Landing { to: "/orders/".into(), message })
    });
    match done.await? {
        Err(AppError::OrderChanged { current }) => Ok(confirm(&visit, &current, true)),
        done => Ok(found(done)?.map_or_else(|| not_found(&visit, &key), |landing| visit.land(landing))),
    }
}
