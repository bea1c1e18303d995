//! Records as another process sends them: rows, like those of a store.

use provesi_core::{ClientId, ClientRow, OrderId, OrderRow, Timestamp};
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
pub(super) struct ClientRecord {
    id: ClientId,
    name: String,
    email: String,
    phone: String,
    address: String,
    #[serde(deserialize_with = "parsed")]
    created_at: Timestamp,
    #[serde(deserialize_with = "parsed")]
    updated_at: Timestamp,
}

impl From<ClientRecord> for ClientRow {
    fn from(record: ClientRecord) -> Self {
        let ClientRecord { id, name, email, phone, address, created_at, updated_at } = record;
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        ClientRow::builder()
            .id(id)
            .name(name)
            .email(email)
            .maybe_phone(given(phone))
            .maybe_address(given(address))
            .created_at(created_at)
            .updated_at(updated_at)
            .build()
    }
}

#[derive(Deserialize)]
pub(super) struct OrderRecord {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<String>,
    #[serde(deserialize_with = "parsed")]
    created_at: Timestamp,
    #[serde(deserialize_with = "parsed")]
    updated_at: Timestamp,
}

impl From<OrderRecord> for OrderRow {
    fn from(record: OrderRecord) -> Self {
        OrderRow::builder()
            .id(OrderId::new(record.id))
            .number(record.order_number)
            .maybe_client_id(record.client_id)
            .status(record.status)
            .maybe_return_reason(record.return_reason)
            .maybe_returned_at(record.returned_at.and_then(|at| at.parse().ok()))
            .created_at(record.created_at)
            .updated_at(record.updated_at)
            .build()
    }
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}
