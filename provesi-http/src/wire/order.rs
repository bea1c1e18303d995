//! An order on the wire.

use provesi_core::{ClientId, ClientLink, Order, OrderStatus, OrderView, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ClientBody, shown, shown_if_any};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderBody<'a> {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "ORD-001", max_length = 32, pattern = "^[A-Za-z0-9-]+$")]
    order_number: &'a str,
    /// The id of the client; `null` where there is none.
    #[serde(serialize_with = "shown_if_any")]
    #[schema(value_type = Option<String>, example = "6b050af58b3059b0f61239f2")]
    client_id: Option<ClientId>,
    #[schema(value_type = Status)]
    status: OrderStatus,
    /// The status in Spanish.
    #[schema(example = "Recibido")]
    status_display: &'static str,
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
    pub(crate) fn of(order: &'a Order, next_statuses: &'a [OrderStatus]) -> Self {
        let returned = order.status() == OrderStatus::Returned;
        // A return of the Python system may lack both; the keys are there all the same.
        let info = order.return_info();
        Self {
            id: order.id.get(),
            order_number: order.number.as_str(),
            client_id: order.client_id,
            status: order.status(),
            status_display: order.status().label(),
            created_at: order.created_at,
            updated_at: order.updated_at,
            next_statuses,
            return_reason: returned.then(|| info.map(|info| info.reason.as_str())),
            returned_at: returned.then(|| info.map(|info| info.returned_at.to_string())),
            client: None,
        }
    }

    /// An order with its client, where that is known.
    pub(crate) fn of_view(view: &'a OrderView) -> Self {
        let client = match &view.client {
            ClientLink::Known(client) => Some(Some(ClientBody::of(client))),
            ClientLink::Unavailable(_) => Some(None),
            ClientLink::Nobody | ClientLink::Gone(_) => None,
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
    status: OrderStatus,
    #[schema(example = "Recibido")]
    status_display: &'static str,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl<'a> OrderOfClient<'a> {
    pub(crate) fn of(order: &'a Order) -> Self {
        Self {
            id: order.id.get(),
            order_number: order.number.as_str(),
            status: order.status(),
            status_display: order.status().label(),
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}
