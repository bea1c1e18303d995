//! How rows of the tables are decoded. What they say is checked by the domain.

use provesi_core::{ClientId, ClientRow, EventId, OrderEvent, OrderId, OrderRow, Source, StoreError, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// How a row is decoded.
pub(crate) type Decode<T> = fn(&SqliteRow) -> Result<T, StoreError>;

/// The columns of [`order`].
pub(crate) const ORDER_COLUMNS: &str =
    "id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at";

/// The columns of [`client`].
pub(crate) const CLIENT_COLUMNS: &str = "id, name, email, phone, address, created_at, updated_at";

/// # Errors
/// [`StoreError::Corrupt`] if an instant is none of the years 1 to 9999.
pub(crate) fn order(row: &SqliteRow) -> Result<OrderRow, StoreError> {
    let decoded = || {
        let returned_at: Option<i64> = row.try_get("returned_at")?;
        Ok(OrderRow::builder()
            .id(OrderId::new(row.try_get("id")?))
            .number(row.try_get("order_number")?)
            .maybe_client_id(row.try_get("client_id")?)
            .status(row.try_get("status")?)
            .maybe_return_reason(row.try_get("return_reason")?)
            .maybe_returned_at(returned_at.map(Timestamp::from_micros).transpose()?)
            .created_at(instant(row, "created_at")?)
            .updated_at(instant(row, "updated_at")?)
            .build())
    };
    decoded().map_err(|fault| corrupt("order", row, fault))
}

/// # Errors
/// [`StoreError::Corrupt`] if the id is none, or an instant is none of the years 1 to 9999.
pub(crate) fn client(row: &SqliteRow) -> Result<ClientRow, StoreError> {
    let decoded = || {
        Ok(ClientRow::builder()
            .id(row.try_get::<&str, _>("id")?.parse()?)
            .name(row.try_get("name")?)
            .email(row.try_get("email")?)
            .maybe_phone(row.try_get("phone")?)
            .maybe_address(row.try_get("address")?)
            .created_at(instant(row, "created_at")?)
            .updated_at(instant(row, "updated_at")?)
            .build())
    };
    decoded().map_err(|fault| corrupt("client", row, fault))
}

/// A client in a list.
pub(crate) fn listed_client(row: &SqliteRow) -> Result<ClientRow, StoreError> {
    client(row)?.listed()
}

pub(crate) fn event(row: &SqliteRow) -> Result<OrderEvent, StoreError> {
    let decoded = || {
        Ok(OrderEvent::builder()
            .id(EventId::new(row.try_get("id")?))
            .order_id(OrderId::new(row.try_get("order_id")?))
            .number(row.try_get("order_number")?)
            .at(instant(row, "at")?)
            .actor(row.try_get::<&str, _>("actor")?.parse()?)
            .maybe_address(row.try_get::<Option<&str>, _>("address")?.map(str::parse).transpose()?)
            .kind(serde_json::from_str(row.try_get("detail")?)?)
            .build())
    };
    decoded().map_err(|fault| corrupt("event", row, fault))
}

/// The id of a client in the only column.
pub(crate) fn client_id(row: &SqliteRow) -> Result<ClientId, StoreError> {
    let id: &str = row.try_get(0).map_err(StoreError::corrupt)?;
    id.parse().map_err(|_| StoreError::corrupt(format!("client id {id}: it is none")))
}

fn instant(row: &SqliteRow, column: &str) -> Result<Timestamp, Source> {
    Ok(Timestamp::from_micros(row.try_get(column)?)?)
}

/// Says which row it is, so that whoever reads the log can look at it.
fn corrupt(what: &str, row: &SqliteRow, fault: Source) -> StoreError {
    let id: String = row.try_get_unchecked("id").unwrap_or_default();
    StoreError::corrupt(format!("{what} {id}: {fault}"))
}
