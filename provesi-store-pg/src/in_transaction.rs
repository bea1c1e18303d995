//! The same within a transaction of the caller's: what happens to orders and clients is there exactly when the caller's
//! own changes are.
//!
//! ```no_run
//! use provesi_core::{NewOrder, Stamp};
//! use provesi_store_pg::in_transaction::orders;
//!
//! # async fn take(pool: sqlx::PgPool, new: NewOrder, stamp: Stamp) -> Result<(), Box<dyn std::error::Error>> {
//! let mut transaction = pool.begin().await?;
//! let order = orders::insert(&mut transaction, &new, &stamp).await?;
//! sqlx::query("INSERT INTO shelves (order_id) VALUES ($1)")
//!     .bind(order.id.get())
//!     .execute(&mut *transaction)
//!     .await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each function keeps to what the port's method of the same name says, but:
//! - A change is there once the caller commits. A refusal leaves the transaction as it was, to go on with.
//! - Nothing is tried again and no time is kept: where PostgreSQL undoes a transaction because of another one, or a lock
//!   is not had in time, that is [`StoreError::Unavailable`], and the caller starts the transaction over.
//! - From the first event that it writes, the transaction should soon be over: until then the feed hands out nothing
//!   that came later, and who asks for it waits, then gets [`StoreError::Unavailable`]. So must who asks for it from
//!   within the transaction.
//! - At the isolation level `read committed` only, which is the default, are refusals what the ports say: at others
//!   PostgreSQL refuses by itself what changed since the transaction began.

#[cfg(doc)]
use provesi_core::StoreError;

/// Orders.
pub mod orders {
    use provesi_core::{Expected, NewOrder, Order, OrderId, OrderNumber, Stamp, StoreError};
    use sqlx::Connection;
    use sqlx::postgres::PgTransaction;

    use crate::error::store_error;
    use crate::orders::{self, write};

    /// As [`OrderRepository::insert`](provesi_core::OrderRepository::insert).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn insert(
        transaction: &mut PgTransaction<'_>,
        order: &NewOrder,
        stamp: &Stamp,
    ) -> Result<Order, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let kept = write::insert_with(&mut inner, order, stamp).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(kept)
    }

    /// As [`OrderRepository::get`](provesi_core::OrderRepository::get).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn get(transaction: &mut PgTransaction<'_>, id: OrderId) -> Result<Option<Order>, StoreError> {
        orders::get(&mut **transaction, id).await
    }

    /// As [`OrderRepository::find_by_number`](provesi_core::OrderRepository::find_by_number).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn find_by_number(
        transaction: &mut PgTransaction<'_>,
        number: &OrderNumber,
    ) -> Result<Option<Order>, StoreError> {
        orders::find_by_number(&mut **transaction, number).await
    }

    /// As [`OrderRepository::update`](provesi_core::OrderRepository::update).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn update(
        transaction: &mut PgTransaction<'_>,
        order: &Order,
        expected: Expected,
        stamp: &Stamp,
    ) -> Result<Order, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let after = write::update(&mut inner, order, expected, stamp).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(after)
    }

    /// As [`OrderRepository::delete`](provesi_core::OrderRepository::delete).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn delete(
        transaction: &mut PgTransaction<'_>,
        id: OrderId,
        expected: Expected,
        stamp: &Stamp,
    ) -> Result<Order, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let deleted = write::delete(&mut inner, id, expected, stamp).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(deleted)
    }
}

/// Clients.
pub mod clients {
    use provesi_core::{Client, ClientId, Email, Expected, StoreError, Timestamp};
    use sqlx::Connection;
    use sqlx::postgres::PgTransaction;

    use crate::clients::{self, write};
    use crate::error::store_error;

    /// As [`ClientRepository::insert`](provesi_core::ClientRepository::insert).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn insert(transaction: &mut PgTransaction<'_>, client: &Client) -> Result<Client, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let kept = write::insert_with(&mut inner, client).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(kept)
    }

    /// As [`ClientRepository::get`](provesi_core::ClientRepository::get).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn get(transaction: &mut PgTransaction<'_>, id: ClientId) -> Result<Option<Client>, StoreError> {
        clients::get(&mut **transaction, id).await
    }

    /// As [`ClientRepository::find_by_email`](provesi_core::ClientRepository::find_by_email).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn find_by_email(
        transaction: &mut PgTransaction<'_>,
        email: &Email,
    ) -> Result<Option<Client>, StoreError> {
        clients::find_by_email(&mut **transaction, email).await
    }

    /// As [`ClientRepository::update`](provesi_core::ClientRepository::update).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn update(
        transaction: &mut PgTransaction<'_>,
        client: &Client,
        expected: Expected,
        at: Timestamp,
    ) -> Result<Client, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let after = write::update(&mut inner, client, expected, at).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(after)
    }

    /// As [`ClientRepository::delete`](provesi_core::ClientRepository::delete).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn delete(
        transaction: &mut PgTransaction<'_>,
        id: ClientId,
        expected: Expected,
    ) -> Result<Client, StoreError> {
        let mut inner = transaction.begin().await.map_err(store_error)?;
        let deleted = write::delete(&mut inner, id, expected).await?;
        inner.commit().await.map_err(store_error)?;
        Ok(deleted)
    }
}
