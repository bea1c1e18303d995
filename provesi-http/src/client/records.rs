//! Records as another process sends them: rows, like those of a store.

use provesi_core::{ClientId, ClientRow, Timestamp};
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
        Self { id, name, email, phone: given(phone), address: given(address), created_at, updated_at }
    }
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}
