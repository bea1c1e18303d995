//! Records as another process sends them. Read as a store's rows are: what the rules let in there is let in here.

use provesi_core::{
    Address, Client, ClientId, ClientName, Email, Order, OrderId, OrderNumber, OrderState, OrderStatus, Phone,
    ReturnInfo, ReturnReason, Timestamp,
};
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
pub(super) struct ClientRecord {
    id: ClientId,
    #[serde(deserialize_with = "name")]
    name: ClientName,
    #[serde(deserialize_with = "parsed")]
    email: Email,
    #[serde(deserialize_with = "phone")]
    phone: Option<Phone>,
    #[serde(deserialize_with = "address")]
    address: Option<Address>,
    #[serde(deserialize_with = "parsed")]
    created_at: Timestamp,
    #[serde(deserialize_with = "parsed")]
    updated_at: Timestamp,
}

impl From<ClientRecord> for Client {
    fn from(record: ClientRecord) -> Self {
        let ClientRecord { id, name, email, phone, address, created_at, updated_at } = record;
        Self { id, name, email, phone, address, created_at, updated_at }
    }
}

#[derive(Deserialize)]
pub(super) struct OrderRecord {
    id: i64,
    #[serde(deserialize_with = "parsed")]
    order_number: OrderNumber,
    client_id: Option<ClientId>,
    status: OrderStatus,
    return_reason: Option<String>,
    returned_at: Option<String>,
    #[serde(deserialize_with = "parsed")]
    created_at: Timestamp,
    #[serde(deserialize_with = "parsed")]
    updated_at: Timestamp,
}

impl From<OrderRecord> for Order {
    fn from(record: OrderRecord) -> Self {
        let reason = record.return_reason.and_then(ReturnReason::restore);
        let returned_at = record.returned_at.and_then(|at| at.parse().ok());
        let info = reason.zip(returned_at).map(|(reason, returned_at)| ReturnInfo { reason, returned_at });
        Self {
            id: OrderId::new(record.id),
            number: record.order_number,
            client_id: record.client_id,
            state: OrderState::restore(record.status, info),
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<ClientName, D::Error> {
    ClientName::parse(String::deserialize(from)?).map_err(de::Error::custom)
}

fn phone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Phone>, D::Error> {
    Phone::parse_optional(String::deserialize(from)?).map_err(de::Error::custom)
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
    Address::parse_optional(String::deserialize(from)?).map_err(de::Error::custom)
}
