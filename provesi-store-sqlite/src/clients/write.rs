//! Changes of clients, as the writer's transaction runs them.

use async_trait::async_trait;
use provesi_core::{Client, ClientId, Expected, StoreError, Timestamp, UniqueField, fold, name_key, phone_digits};
use sqlx::sqlite::SqliteConnection;

use super::GET;
use crate::error::{is_unique_violation, store_error};
use crate::rows::ClientRow;
use crate::writer::Write;

pub(super) struct Insert {
    pub(super) client: Client,
}

const INSERT: &str = "\
    INSERT INTO clients (id, name, name_key, name_search, email, email_folded, email_search, phone, phone_digits, \
        address, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING";

const HAS_ID: &str = "SELECT count(*) FROM clients WHERE id = ?1";

#[async_trait]
impl Write for Insert {
    type Output = Client;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Client, StoreError> {
        let client = &self.client;
        let phone = client.phone.as_ref().map(provesi_core::Phone::as_str);
        let inserted = sqlx::query(INSERT)
            .bind(client.id.to_string())
            .bind(client.name.as_str())
            .bind(name_key(client.name.as_str()))
            .bind(fold(client.name.as_str()))
            .bind(client.email.as_str())
            .bind(client.email.folded())
            .bind(fold(client.email.as_str()))
            .bind(phone)
            .bind(phone.map(phone_digits))
            .bind(client.address.as_ref().map(provesi_core::Address::as_str))
            .bind(client.created_at.micros())
            .bind(client.updated_at.micros())
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
        if inserted.rows_affected() == 1 {
            return Ok(client.clone());
        }
        // SQLite names the constraint in the text of an error only. The row that is in the way tells as well: within
        // this transaction it cannot have gone.
        let same_id: i64 =
            sqlx::query_scalar(HAS_ID).bind(client.id.to_string()).fetch_one(connection).await.map_err(store_error)?;
        let field = if same_id > 0 { UniqueField::ClientId } else { UniqueField::Email };
        Err(StoreError::AlreadyExists { field })
    }
}

/// The client as it is stored, if its version is the expected one.
async fn stored(connection: &mut SqliteConnection, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(GET).bind(id.to_string()).fetch_optional(connection).await.map_err(store_error)?;
    let client = Client::try_from(row.ok_or(StoreError::NotFound)?)?;
    if expected.allows(client.version()) { Ok(client) } else { Err(StoreError::VersionConflict) }
}

pub(super) struct Update {
    pub(super) client: Client,
    pub(super) expected: Expected,
    pub(super) at: Timestamp,
}

const UPDATE: &str = "\
    UPDATE clients SET name = ?2, name_key = ?3, name_search = ?4, email = ?5, email_folded = ?6, email_search = ?7, \
        phone = ?8, phone_digits = ?9, address = ?10, updated_at = ?11 \
    WHERE id = ?1";

#[async_trait]
impl Write for Update {
    type Output = Client;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Client, StoreError> {
        let before = stored(connection, self.client.id, self.expected).await?;
        if before.same_content(&self.client) {
            return Ok(before);
        }
        let updated_at = before.updated_at.next(self.at);
        let after = Client { created_at: before.created_at, updated_at, ..self.client.clone() };
        let phone = after.phone.as_ref().map(provesi_core::Phone::as_str);
        sqlx::query(UPDATE)
            .bind(after.id.to_string())
            .bind(after.name.as_str())
            .bind(name_key(after.name.as_str()))
            .bind(fold(after.name.as_str()))
            .bind(after.email.as_str())
            .bind(after.email.folded())
            .bind(fold(after.email.as_str()))
            .bind(phone)
            .bind(phone.map(phone_digits))
            .bind(after.address.as_ref().map(provesi_core::Address::as_str))
            .bind(after.updated_at.micros())
            .execute(connection)
            .await
            .map_err(|error| {
                // The id stays as it is, so it is the address that is taken.
                if is_unique_violation(&error) {
                    return StoreError::AlreadyExists { field: UniqueField::Email };
                }
                store_error(error)
            })?;
        Ok(after)
    }
}

pub(super) struct Delete {
    pub(super) id: ClientId,
    pub(super) expected: Expected,
}

const DELETE: &str = "DELETE FROM clients WHERE id = ?1";

#[async_trait]
impl Write for Delete {
    type Output = Client;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Client, StoreError> {
        let client = stored(connection, self.id, self.expected).await?;
        sqlx::query(DELETE).bind(self.id.to_string()).execute(connection).await.map_err(store_error)?;
        Ok(client)
    }
}
