//! A client on the wire.

use provesi_core::{Client, ClientId, ClientView, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::shown;

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientBody<'a> {
    /// 24 hexadecimal digits.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "6b050af58b3059b0f61239f2")]
    id: ClientId,
    #[schema(example = "Ana Pérez", max_length = 100)]
    name: &'a str,
    #[schema(example = "ana@example.com")]
    email: &'a str,
    /// Empty where there is none.
    #[schema(example = "(+57) 300 123 4567", max_length = 20)]
    phone: &'a str,
    /// Empty where there is none.
    #[schema(example = "Cra 7 # 1-23", max_length = 1000)]
    address: &'a str,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:37.613Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:37.613Z")]
    updated_at: Timestamp,
    /// How many orders the client has, in lists; `null` where that could not be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, required = false)]
    orders_count: Option<Option<u64>>,
}

impl<'a> ClientBody<'a> {
    /// A client by itself.
    pub(crate) fn of(client: &'a Client) -> Self {
        Self {
            id: client.id,
            name: client.name.as_str(),
            email: client.email.as_str(),
            phone: client.phone.as_ref().map_or("", |phone| phone.as_str()),
            address: client.address.as_ref().map_or("", |address| address.as_str()),
            created_at: client.created_at,
            updated_at: client.updated_at,
            orders_count: None,
        }
    }

    /// A client in a list.
    pub(crate) fn of_view(view: &'a ClientView) -> Self {
        Self { orders_count: Some(view.orders_count), ..Self::of(&view.client) }
    }
}
