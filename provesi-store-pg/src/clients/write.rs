//! Changes of clients.

use provesi_core::{
    Address, Client, ClientId, Expected, Phone, StoreError, Timestamp, UniqueField, fold, name_key, phone_digits,
};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;

use crate::error::{store_error, violates};
use crate::instant::Instant;
use crate::rows::ClientRow;
use crate::sql::client_columns;

const UNIQUE_EMAIL: &[&str] = &["provesi_clients_email"];

const INSERT: &str = "\
    INSERT INTO provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, phone, \
        phone_digits, address, updated_at, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";

const HAS_ID: &str = "SELECT count(*) FROM provesi_clients WHERE id = $1";

const HAS_EMAIL: &str = "SELECT count(*) FROM provesi_clients WHERE email_folded = $1";

/// How often an insert is tried where what was in its way is gone when it is looked at.
const TRIES: u32 = 10;

/// `statement` with the client's fields, those that are computed among them, as $1 to $11.
fn bound<'q>(statement: &'static str, client: &'q Client) -> Query<'q, Postgres, PgArguments> {
    let phone = client.phone.as_ref().map(Phone::as_str);
    sqlx::query(statement)
        .bind(client.id.to_string())
        .bind(client.name.as_str())
        .bind(name_key(client.name.as_str()))
        .bind(fold(client.name.as_str()))
        .bind(client.email.as_str())
        .bind(client.email.folded())
        .bind(fold(client.email.as_str()))
        .bind(phone)
        .bind(phone.map(phone_digits))
        .bind(client.address.as_ref().map(Address::as_str))
        .bind(Instant::from(client.updated_at))
}

/// In one statement, which is its own transaction or part of the caller's.
pub(crate) async fn insert(connection: &mut PgConnection, client: &Client) -> Result<Client, StoreError> {
    for _ in 0..TRIES {
        let inserted = bound(INSERT, client)
            .bind(Instant::from(client.created_at))
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
        if inserted.rows_affected() == 1 {
            return Ok(client.clone());
        }
        let ids = has(connection, HAS_ID, client.id.to_string()).await?;
        if ids {
            return Err(StoreError::AlreadyExists { field: UniqueField::ClientId });
        }
        if has(connection, HAS_EMAIL, client.email.folded()).await? {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
    }
    Err(StoreError::unavailable("other writers got in the way of an insert each time"))
}

async fn has(connection: &mut PgConnection, statement: &'static str, value: String) -> Result<bool, StoreError> {
    let count: i64 = sqlx::query_scalar(statement).bind(value).fetch_one(connection).await.map_err(store_error)?;
    Ok(count > 0)
}

/// Holds the row until the transaction is over: what was read stays true.
const LOCK: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE id = $1 FOR UPDATE");

/// The client as it is stored, if its version is the expected one, kept from others.
async fn stored(connection: &mut PgConnection, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(LOCK).bind(id.to_string()).fetch_optional(connection).await.map_err(store_error)?;
    let client = Client::try_from(row.ok_or(StoreError::NotFound)?)?;
    if expected.allows(client.version()) { Ok(client) } else { Err(StoreError::VersionConflict) }
}

const UPDATE: &str = "\
    UPDATE provesi_clients SET name = $2, name_key = $3, name_search = $4, email = $5, email_folded = $6, \
        email_search = $7, phone = $8, phone_digits = $9, address = $10, updated_at = $11 \
    WHERE id = $1";

/// Within a transaction.
pub(crate) async fn update(
    connection: &mut PgConnection,
    client: &Client,
    expected: Expected,
    at: Timestamp,
) -> Result<Client, StoreError> {
    let before = stored(connection, client.id, expected).await?;
    if before.same_content(client) {
        return Ok(before);
    }
    let updated_at = before.updated_at.next(at);
    let after = Client { created_at: before.created_at, updated_at, ..client.clone() };
    bound(UPDATE, &after).execute(connection).await.map_err(|error| {
        if violates(&error, UNIQUE_EMAIL) {
            return StoreError::AlreadyExists { field: UniqueField::Email };
        }
        store_error(error)
    })?;
    Ok(after)
}

const DELETE: &str = "DELETE FROM provesi_clients WHERE id = $1";

/// Within a transaction.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    id: ClientId,
    expected: Expected,
) -> Result<Client, StoreError> {
    let client = stored(connection, id, expected).await?;
    sqlx::query(DELETE).bind(id.to_string()).execute(connection).await.map_err(store_error)?;
    Ok(client)
}
