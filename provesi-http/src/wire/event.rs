//! An event of an order on the wire.

use std::net::IpAddr;

use provesi_core::{Actor, EventKind, OrderEvent, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::shown;

/// Something that happened to an order. Which further fields there are goes by `type`: `created` and `deleted` have
/// `status`, `client_id` and, of a return, `return_info`; `status_changed` has `from`, `to` and, on leaving a return,
/// `cleared`; `returned` has `from` and `reason`; `reason_changed`, `return_changed`, `client_changed` and `renumbered`
/// have `from` and `to`; `changed_elsewhere` has `from` and `to` too, the fields as earlier events say and as they are: another
/// program changed them without an event; `restored` has the fields of `created`; `repaired` has `from`, the fields before the repair, and `status`, `client_id` and, of a return,
/// `return_info`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
pub(crate) struct EventBody<'a> {
    /// Grows with each event.
    #[schema(example = 17)]
    id: i64,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:39.985Z")]
    at: Timestamp,
    /// Who did it: `anonymous`, `user:NAME`, `service:NAME` or `system:NAME`.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "user:ana")]
    actor: &'a Actor,
    /// The network address that it came from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    address: Option<IpAddr>,
    /// The order's number since then.
    #[schema(example = "ORD-001")]
    order_number: &'a str,
    /// `type` and its fields: the form that the domain fixes for stores and callers alike.
    #[serde(flatten)]
    #[schema(inline, value_type = Kind)]
    kind: &'a EventKind,
}

/// The kind of an event, see there.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "for the OpenAPI document")]
pub(crate) struct Kind {
    #[schema(example = "status_changed")]
    r#type: String,
}

impl<'a> EventBody<'a> {
    pub(crate) fn of(event: &'a OrderEvent) -> Self {
        Self {
            id: event.id.get(),
            at: event.at,
            actor: &event.actor,
            address: event.address,
            order_number: &event.number,
            kind: &event.kind,
        }
    }
}
