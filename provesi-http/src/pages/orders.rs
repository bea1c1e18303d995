//! Pages of orders.

pub(crate) mod bulk;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod detail;
pub(crate) mod edit;
mod form;
mod history;
pub(crate) mod list;
pub(crate) mod lookup;
pub(crate) mod print;
pub(crate) mod returns;
pub(crate) mod scan;
pub(crate) mod status;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use provesi_core::{ClientId, ClientLink, Order, OrderNumber, OrderView, Timestamp};

use super::flash::Message;
use super::input::Badge;
use super::once::Landing;
use super::visit::Visit;
use super::when::When;
use super::words;
use crate::path::PathNumber;

/// The order that a path names.
pub(crate) struct Named(pub(crate) OrderNumber);

/// A path that names none leads to the list.
impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let number = PathNumber::from_request_parts(parts, state).await.and_then(PathNumber::get);
        number.map(Self).map_err(|_| to_list(&visit, Message::refused(words::NUMBER_INVALID)))
    }
}

/// Leads to the list, with a message.
fn to_list(visit: &Visit, message: Message) -> Response {
    visit.land(Landing { to: "/orders/".into(), message })
}

fn not_found(visit: &Visit, number: &OrderNumber) -> Response {
    to_list(visit, words::no_order(number))
}

/// Paths below `/orders/` that are pages of their own, so that an order of that number is reached by looking it up.
pub(super) const TAKEN: [&str; 5] = ["create", "lookup", "returns", "health", "api"];

/// The path of an order's page.
pub(crate) fn order_path(number: &OrderNumber) -> String {
    if TAKEN.contains(&number.as_str()) { format!("/orders/lookup/?q={number}") } else { format!("/orders/{number}/") }
}

/// Whose an order is, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    Known {
        id: ClientId,
        name: String,
    },
    /// The client is gone.
    Gone,
    /// The store of clients did not answer.
    Unknown(ClientId),
}

impl From<&ClientLink> for Owner {
    fn from(link: &ClientLink) -> Self {
        match link {
            ClientLink::Nobody => Self::Nobody,
            ClientLink::Known(client) => Self::Known { id: client.id, name: client.name.to_string() },
            ClientLink::Gone(_) => Self::Gone,
            ClientLink::Unavailable(id) => Self::Unknown(*id),
        }
    }
}

/// An order in a list.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: String,
    pub(crate) version: String,
    /// Whether it is chosen in a form.
    pub(crate) chosen: bool,
    pub(crate) path: String,
    pub(crate) badge: Badge,
    pub(crate) owner: Owner,
    pub(crate) updated: When,
    /// The reason of its return, if there is one.
    pub(crate) reason: Option<String>,
    pub(crate) returned: Option<When>,
}

impl Row {
    pub(crate) fn new(view: OrderView, now: Timestamp) -> Self {
        let OrderView { order, client, .. } = view;
        Self::of(order, &client, now)
    }

    pub(crate) fn of(order: Order, client: &ClientLink, now: Timestamp) -> Self {
        let version = order.version().to_string();
        let Order { number, state, updated_at, .. } = order;
        let info = state.return_info();
        Self {
            path: order_path(&number),
            number: number.into(),
            version,
            chosen: false,
            badge: Badge(state.status()),
            owner: Owner::from(client),
            updated: When::new(updated_at, now),
            reason: info.map(|info| info.reason.to_string()),
            returned: info.map(|info| When::new(info.returned_at, now)),
        }
    }
}
