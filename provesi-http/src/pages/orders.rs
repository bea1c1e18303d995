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
use provesi_core::{ClientId, ClientLink, Order, OrderKey, OrderNumber, OrderRow, OrderView, Stored, Timestamp};

use super::flash::Message;
use super::input::Badge;
use super::once::Landing;
use super::visit::Visit;
use super::when::When;
use super::words;
use crate::path::{ID, PathOrder};

/// The order that a path names.
pub(crate) struct Named(pub(crate) OrderKey);

/// A path that names none leads to the list.
impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let key = PathOrder::from_request_parts(parts, state).await.and_then(PathOrder::get);
        key.map(Self).map_err(|_| to_list(&visit, Message::refused(words::NUMBER_INVALID)))
    }
}

/// Leads to the list, with a message.
fn to_list(visit: &Visit, message: Message) -> Response {
    visit.land(Landing { to: "/orders/".into(), message })
}

fn not_found(visit: &Visit, key: &OrderKey) -> Response {
    let message = match key {
        OrderKey::Number(number) => words::no_order(number),
        OrderKey::Id(_) => Message::stopped(words::NO_ORDER),
    };
    to_list(visit, message)
}

/// Paths below `/orders/` that are pages of their own, so that an order of that number is reached by looking it up.
pub(super) const TAKEN: [&str; 5] = ["create", "lookup", "returns", "health", "api"];

/// The path of an order's page.
pub(crate) fn order_path(number: &OrderNumber) -> String {
    if TAKEN.contains(&number.as_str()) { format!("/orders/lookup/?q={number}") } else { format!("/orders/{number}/") }
}

/// By what an order is asked for: its number, or its id where that cannot be one.
fn key_of(order: &OrderRow) -> OrderKey {
    OrderNumber::parse(&order.number).map_or(OrderKey::Id(order.id), OrderKey::Number)
}

/// The path of an order's page that its other pages are below.
fn base_path(key: &OrderKey) -> String {
    match key {
        OrderKey::Number(number) => format!("/orders/{number}/"),
        OrderKey::Id(id) => format!("/orders/{ID}{id}/"),
    }
}

/// The path of the page of an order by what it is asked for.
fn key_path(key: &OrderKey) -> String {
    match key {
        OrderKey::Number(number) => order_path(number),
        OrderKey::Id(_) => base_path(key),
    }
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
    /// What the order names is no client.
    Irregular,
    /// The store of clients did not answer.
    Unknown(ClientId),
}

impl From<&ClientLink> for Owner {
    fn from(link: &ClientLink) -> Self {
        match link {
            ClientLink::Nobody => Self::Nobody,
            ClientLink::Known(client) => Self::Known { id: client.row.id, name: words::named(&client.row.name) },
            ClientLink::Gone(_) => Self::Gone,
            ClientLink::Irregular => Self::Irregular,
            ClientLink::Unavailable(id) => Self::Unknown(*id),
        }
    }
}

/// An order in a list.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: String,
    pub(crate) version: String,
    /// Whether it breaks rules.
    pub(crate) is_irregular: bool,
    /// Whether it can be chosen: its number can be asked for.
    pub(crate) can_be_chosen: bool,
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

    pub(crate) fn of(order: Stored<Order>, client: &ClientLink, now: Timestamp) -> Self {
        let (key, version, badge) = (key_of(&order.row), order.version().to_string(), Badge::from(&order.row));
        let info = order.row.return_info();
        Self {
            path: key_path(&key),
            is_irregular: !order.faults().is_empty(),
            can_be_chosen: matches!(key, OrderKey::Number(_)),
            number: words::numbered(&order.row.number),
            version,
            chosen: false,
            badge,
            owner: Owner::from(client),
            updated: When::new(order.row.updated_at, now),
            returned: info.as_ref().map(|info| When::new(info.returned_at, now)),
            reason: info.map(|info| info.reason.to_string()),
        }
    }
}
