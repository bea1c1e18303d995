//! A client on the wire.

use provesi_core::{Address, Client, ClientId, ClientView, Phone, Stored, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{IrregularField, irregular, shown};

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
    /// The rules that the client breaks, since another program wrote it: its fields are then shown as they are. Not there
    /// of a client that breaks none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    irregular: Vec<IrregularField>,
}

impl<'a> ClientBody<'a> {
    /// A client by itself.
    pub(crate) fn of(client: &'a Stored<Client>) -> Self {
        let row = &client.row;
        let (name, email, phone, address) = match &client.record {
            Ok(Client { name, email, phone, address, .. }) => (
                name.as_str(),
                email.as_str(),
                phone.as_ref().map(Phone::as_str),
                address.as_ref().map(Address::as_str),
            ),
            Err(_) => (&*row.name, &*row.email, row.phone.as_deref(), row.address.as_deref()),
        };
        Self {
            id: row.id,
            name,
            email,
            phone: phone.unwrap_or_default(),
            address: address.unwrap_or_default(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            orders_count: None,
            irregular: irregular(client.faults()),
        }
    }

    /// A client in a list.
    pub(crate) fn of_view(view: &'a ClientView) -> Self {
        Self { orders_count: Some(view.orders_count), ..Self::of(&view.client) }
    }
}
