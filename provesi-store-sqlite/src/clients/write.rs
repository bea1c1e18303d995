//! Changes of clients, as the writer's transaction makes them.

use provesi_core::{
    Address, Client, ClientRow, ClientWrite, Phone, StoreError, UniqueField, fold, name_key, phone_digits,
};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};

use crate::error::{is_unique_violation, store_error};

/// Makes one write. The outer error means that the transaction cannot go on.
pub(crate) async fn commit(
    connection: &mut SqliteConnection,
    write: &ClientWrite,
) -> Result<Result<(), StoreError>, StoreError> {
    match write {
        ClientWrite::Insert(client) => insert(connection, client).await,
        ClientWrite::Replace { before, after } => replace(connection, before, after).await,
        ClientWrite::Delete { before } => delete(connection, before).await,
    }
}

const INSERT: &str = "\
    INSERT INTO clients (id, name, name_key, name_search, email, email_folded, email_search, phone, phone_digits, \
        address, updated_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING";

const HAS_ID: &str = "SELECT count(*) FROM clients WHERE id = ?1";

async fn insert(connection: &mut SqliteConnection, client: &Client) -> Result<Result<(), StoreError>, StoreError> {
    let inserted =
        bind_content(sqlx::query(INSERT).bind(client.id.to_string()), client).bind(client.created_at.micros());
    if inserted.execute(&mut *connection).await.map_err(store_error)?.rows_affected() == 1 {
        return Ok(Ok(()));
    }
    // SQLite names the constraint in the text of an error only. The row that is in the way shows it as well: within this
    // transaction it cannot have gone.
    let same_id: i64 =
        sqlx::query_scalar(HAS_ID).bind(client.id.to_string()).fetch_one(connection).await.map_err(store_error)?;
    let field = if same_id > 0 { UniqueField::ClientId } else { UniqueField::Email };
    Ok(Err(StoreError::AlreadyExists { field }))
}

/// The condition that a row is as it was read, with the parameters 12 to 17 beside the id.
const REPLACE: &str = "\
    UPDATE clients SET name = ?2, name_key = ?3, name_search = ?4, email = ?5, email_folded = ?6, email_search = ?7, \
        phone = ?8, phone_digits = ?9, address = ?10, updated_at = ?11 \
    WHERE id = ?1 AND name = ?12 AND email = ?13 AND phone IS ?14 AND address IS ?15 AND created_at = ?16 \
        AND updated_at = ?17";

async fn replace(
    connection: &mut SqliteConnection,
    before: &ClientRow,
    after: &Client,
) -> Result<Result<(), StoreError>, StoreError> {
    let query = bind_content(sqlx::query(REPLACE).bind(before.id.to_string()), after);
    match bind_as_read(query, before).execute(connection).await {
        Ok(replaced) => Ok(changed(replaced.rows_affected())),
        // The id stays as it is, so it is the address that is taken.
        Err(error) if is_unique_violation(&error) => Ok(Err(StoreError::AlreadyExists { field: UniqueField::Email })),
        Err(error) => Err(store_error(error)),
    }
}

const DELETE: &str = "\
    DELETE FROM clients \
    WHERE id = ?1 AND name = ?2 AND email = ?3 AND phone IS ?4 AND address IS ?5 AND created_at = ?6 AND updated_at = ?7";

async fn delete(connection: &mut SqliteConnection, before: &ClientRow) -> Result<Result<(), StoreError>, StoreError> {
    let query = bind_as_read(sqlx::query(DELETE).bind(before.id.to_string()), before);
    Ok(changed(query.execute(connection).await.map_err(store_error)?.rows_affected()))
}

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds the ten columns that follow from the content of a client.
fn bind_content<'q>(query: Bound<'q>, client: &'q Client) -> Bound<'q> {
    let phone = client.phone.as_ref().map(Phone::as_str);
    query
        .bind(client.name.as_str())
        .bind(name_key(client.name.as_str()))
        .bind(fold(client.name.as_str()))
        .bind(client.email.as_str())
        .bind(client.email.folded())
        .bind(fold(client.email.as_str()))
        .bind(phone)
        .bind(phone.map(phone_digits))
        .bind(client.address.as_ref().map(Address::as_str))
        .bind(client.updated_at.micros())
}

/// Binds the six columns of a row as it was read.
fn bind_as_read<'q>(query: Bound<'q>, before: &'q ClientRow) -> Bound<'q> {
    query
        .bind(&before.name)
        .bind(&before.email)
        .bind(before.phone.as_deref())
        .bind(before.address.as_deref())
        .bind(before.created_at.micros())
        .bind(before.updated_at.micros())
}

const fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::VersionConflict) }
}
