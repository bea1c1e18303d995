//! Rows of the tables. What they say is checked by the domain.

use provesi_core::{
    ClientId, ClientRow, EventId, EventKind, OrderEvent, OrderId, OrderRow, Source, StoreError, Timestamp,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

/// The columns of [`OrderColumns`].
pub(crate) const ORDER_COLUMNS: &str =
    "id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at";

/// The columns of [`ClientColumns`].
pub(crate) const CLIENT_COLUMNS: &str = "id, name, email, phone, address, created_at, updated_at";

#[derive(sqlx::FromRow)]
pub(crate) struct OrderColumns {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<OrderColumns> for OrderRow {
    type Error = StoreError;

    /// # Errors
    /// [`StoreError::Corrupt`] if an instant is none of the years 1 to 9999.
    fn try_from(row: OrderColumns) -> Result<Self, StoreError> {
        let instant = |micros| Timestamp::from_micros(micros).map_err(|fault| corrupt("order", row.id, fault.into()));
        Ok(OrderRow::builder()
            .id(OrderId::new(row.id))
            .number(row.order_number)
            .maybe_client_id(row.client_id)
            .status(row.status)
            .maybe_return_reason(row.return_reason)
            .maybe_returned_at(row.returned_at.map(instant).transpose()?)
            .created_at(instant(row.created_at)?)
            .updated_at(instant(row.updated_at)?)
            .build())
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientColumns {
    id: String,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ClientColumns> for ClientRow {
    type Error = StoreError;

    /// # Errors
    /// [`StoreError::Corrupt`] if the id is none, or an instant is none of the years 1 to 9999.
    fn try_from(row: ClientColumns) -> Result<Self, StoreError> {
        let fault = |fault: provesi_core::Invalid| corrupt("client", &row.id, fault.into());
        let instant = |micros| Timestamp::from_micros(micros).map_err(fault);
        Ok(ClientRow::builder()
            .id(row.id.parse().map_err(fault)?)
            .created_at(instant(row.created_at)?)
            .updated_at(instant(row.updated_at)?)
            .name(row.name)
            .email(row.email)
            .maybe_phone(row.phone)
            .maybe_address(row.address)
            .build())
    }
}

/// A client in a list.
pub(crate) struct ListedClient(pub(crate) ClientRow);

impl TryFrom<ClientColumns> for ListedClient {
    type Error = StoreError;

    fn try_from(row: ClientColumns) -> Result<Self, StoreError> {
        ClientRow::try_from(row)?.listed().map(Self)
    }
}

/// A row after the key that it was looked up by.
pub(crate) struct Keyed<K, T> {
    pub(crate) key: K,
    pub(crate) row: T,
}

impl<'r, K, T> FromRow<'r, SqliteRow> for Keyed<K, T>
where
    K: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    T: FromRow<'r, SqliteRow>,
{
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self { key: row.try_get(0)?, row: T::from_row(row)? })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    id: i64,
    order_id: i64,
    order_number: String,
    at: i64,
    actor: String,
    address: Option<String>,
    detail: String,
}

impl TryFrom<EventRow> for OrderEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = row.id;
        event(row).map_err(|fault| corrupt("event", id, fault))
    }
}

fn event(row: EventRow) -> Result<OrderEvent, Source> {
    Ok(OrderEvent::builder()
        .id(EventId::new(row.id))
        .order_id(OrderId::new(row.order_id))
        .number(row.order_number)
        .at(Timestamp::from_micros(row.at)?)
        .actor(row.actor.parse()?)
        .maybe_address(row.address.map(|address| address.parse()).transpose()?)
        .kind(serde_json::from_str::<EventKind>(&row.detail)?)
        .build())
}

/// Says which row it is, so that whoever reads the log can look at it.
fn corrupt(what: &str, id: impl std::fmt::Display, fault: Source) -> StoreError {
    StoreError::corrupt(format!("{what} {id}: {fault}"))
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientIdRow {
    client_id: String,
}

impl TryFrom<ClientIdRow> for ClientId {
    type Error = StoreError;

    fn try_from(row: ClientIdRow) -> Result<Self, StoreError> {
        row.client_id.parse().map_err(|_| corrupt("client id", &row.client_id, "it is none".into()))
    }
}
