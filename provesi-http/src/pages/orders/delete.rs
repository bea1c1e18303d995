//! `/orders/{number}/delete/`: asks, and deletes.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{AppError, Order};

use super::{Named, not_found, order_path, to_list};
use crate::caller::By;
use crate::pages::Pages;
use crate::pages::failure::Failure;
use crate::pages::flash::Message;
use crate::pages::input::Badge;
use crate::pages::once::Landing;
use crate::pages::posted::{Posted, Undone};
use crate::pages::visit::{self, Layout, Section, Visit};

#[derive(Template)]
#[template(path = "orders/delete.html")]
struct Confirmation<'a> {
    l: Layout,
    order: &'a Order,
    badge: Badge,
    path: String,
    /// Whether the order changed while the question was open.
    changed: bool,
}

pub(crate) async fn form(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
) -> Result<Response, Failure> {
    match pages.api.app.order(&caller, &number).await {
        Ok(view) => Ok(confirm(&visit, &view.order, false)),
        Err(AppError::OrderNotFound) => Ok(not_found(&visit, &number)),
        Err(error) => Err(error.into()),
    }
}

fn confirm(visit: &Visit, order: &Order, changed: bool) -> Response {
    let l = visit.layout(format!("Eliminar la orden {}", order.number), Section::Orders);
    let status = if changed { StatusCode::CONFLICT } else { StatusCode::OK };
    let (badge, path) = (Badge(order.status()), order_path(&order.number));
    visit::html(status, &Confirmation { l, order, badge, path, changed })
}

pub(crate) async fn delete(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    Named(number): Named,
    posted: Posted,
) -> Result<Response, Failure> {
    let expected = posted.expected()?;
    let named = number.clone();
    let done = pages.once(&posted, move |api| async move {
        let order = api.app.delete_order(&caller, &named, expected).await?;
        let message = Message::done(format!("Orden '{}' eliminada exitosamente.", order.number));
        Ok(Landing { to: "/orders/".into(), message })
    });
    match done.await {
        Ok(Landing { message, .. }) => Ok(to_list(&visit, message)),
        Err(Undone::App(AppError::OrderChanged { current })) => Ok(confirm(&visit, &current, true)),
        Err(Undone::App(AppError::OrderNotFound)) => Ok(not_found(&visit, &number)),
        Err(undone) => Err(undone.into()),
    }
}
