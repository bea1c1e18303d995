//! An order on the wire.

use provesi_core::{ClientLink, Order, OrderStatus, OrderView, Stored, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ClientBody, IrregularField, irregular, shown};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderBody<'a> {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "ORD-001", max_length = 32, pattern = "^[A-Za-z0-9-]+$")]
    order_number: &'a str,
    /// The id of the client; `null` where there is none.
    #[schema(example = "6b050af58b3059b0f61239f2")]
    client_id: Option<String>,
    #[schema(value_type = Status)]
    status: &'a str,
    /// The status in Spanish.
    #[schema(example = "Recibido")]
    status_display: &'a str,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:39.080Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:39.080Z")]
    updated_at: Timestamp,
    /// The statuses that may come next.
    #[schema(value_type = Vec<Status>)]
    next_statuses: &'a [OrderStatus],
    /// Why it came back, of a returned order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, example = "Producto dañado")]
    return_reason: Option<Option<&'a str>>,
    /// When it came back, of a returned order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, required = false)]
    returned_at: Option<Option<String>>,
    /// The client, where there is one and it is asked for; `null` where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ClientBody<'_>>, required = false)]
    client: Option<Option<ClientBody<'a>>>,
    /// The rules that the order breaks, since another program wrote it: its fields are then shown as they are. Not there
    /// of an order that breaks none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    irregular: Vec<IrregularField>,
}

/// The statuses of an order.
#[derive(Debug, ToSchema)]
#[schema(as = OrderStatus, rename_all = "snake_case")]
#[allow(dead_code, reason = "for the OpenAPI document; the answers write the domain's type, which has these names")]
pub(crate) enum Status {
    Received,
    Picking,
    Packing,
    Shipped,
    Delivered,
    Returned,
    Cancelled,
}

impl<'a> OrderBody<'a> {
    /// An order without its client.
    pub(crate) fn of(order: &'a Stored<Order>, next_statuses: &'a [OrderStatus]) -> Self {
        let row = &order.row;
        let has_info = row.return_info().is_some();
        // A return of the Python system may lack both; the keys are there all the same.
        let returned = has_info || row.status == OrderStatus::Returned.as_str();
        Self {
            id: row.id.get(),
            order_number: &row.number,
            client_id: order.shown_client_id(),
            status: &row.status,
            status_display: status_display(&row.status),
            created_at: row.created_at,
            updated_at: row.updated_at,
            next_statuses,
            return_reason: returned.then(|| row.return_reason.as_deref().filter(|_| has_info)),
            returned_at: returned.then(|| row.returned_at.filter(|_| has_info).map(|at| at.to_string())),
            client: None,
            irregular: irregular(order.faults()),
        }
    }

    /// An order with its client, where that is known.
    pub(crate) fn of_view(view: &'a OrderView) -> Self {
        let client = match &view.client {
            ClientLink::Known(client) => Some(Some(ClientBody::of(client))),
            ClientLink::Unavailable(_) => Some(None),
            ClientLink::Nobody | ClientLink::Gone(_) | ClientLink::Irregular => None,
        };
        Self { client, ..Self::of(&view.order, &view.next_statuses) }
    }
}

/// An order among those of its client.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderOfClient<'a> {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "ORD-001")]
    order_number: &'a str,
    #[schema(value_type = Status)]
    status: &'a str,
    #[schema(example = "Recibido")]
    status_display: &'a str,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// As in [`OrderBody`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    irregular: Vec<IrregularField>,
}

impl<'a> OrderOfClient<'a> {
    pub(crate) fn of(order: &'a Stored<Order>) -> Self {
        let row = &order.row;
        Self {
            id: row.id.get(),
            order_number: &row.number,
            status: &row.status,
            status_display: status_display(&row.status),
            created_at: row.created_at,
            updated_at: row.updated_at,
            irregular: irregular(order.faults()),
        }
    }
}

/// The status in Spanish; an unknown one stands for itself.
pub(crate) fn status_display(status: &str) -> &str {
    status.parse::<OrderStatus>().map_or(status, |known| known.label())
}
