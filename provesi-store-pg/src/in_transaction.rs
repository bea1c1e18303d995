//! Writes and reads within a transaction of the caller's: changes of orders and clients are committed together with the
//! caller's own.
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
//! - Nothing is retried and no deadline applies: when PostgreSQL rolls a transaction back because of another one, or a lock
//!   times out, that is [`StoreError::Unavailable`], and the caller starts the transaction over.
//! - A transaction that is dropped is rolled back, wherever it stands. That holds for pools made from
//!   [`pool_options`](crate::pool_options), which look at a connection that returns to them.
//! - An error of `commit` may mean that the transaction was committed and the answer got lost.
//! - From the first event that it writes, the transaction should soon be over: until then the feed hands out nothing
//!   that came later, and who asks for it waits, then gets [`StoreError::Unavailable`]. So must who asks for it from
//!   within the transaction.
//! - At the isolation level `read committed` only, which is the default, are refusals what the ports say: at others
//!   PostgreSQL refuses by itself what changed since the transaction began.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use provesi_core::StoreError;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgTransaction};

use crate::error::store_error;

/// Runs a write so that a refusal leaves the caller's transaction as it was.
async fn in_savepoint<T>(
    transaction: &mut PgTransaction<'_>,
    write: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    guard(async {
        let mut savepoint = transaction.begin().await.map_err(store_error)?;
        let written = write(&mut savepoint).await?;
        savepoint.commit().await.map_err(store_error)?;
        Ok(written)
    })
    .await
}

/// Turns a panic of the driver at an answer of the server into an error.
async fn guard<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let ended = AssertUnwindSafe(call).catch_unwind().await;
    ended.unwrap_or_else(|_panic| Err(StoreError::unavailable("the driver panicked at an answer of the server")))
}

/// Orders.
pub mod orders {
    use provesi_core::{Expected, NewOrder, Order, OrderId, OrderNumber, Stamp, StoreError};
    use sqlx::postgres::PgTransaction;

    use super::{guard, in_savepoint};
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
        in_savepoint(transaction, async |savepoint| write::insert(savepoint, order, stamp).await).await
    }

    /// As [`OrderRepository::get`](provesi_core::OrderRepository::get).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn get(transaction: &mut PgTransaction<'_>, id: OrderId) -> Result<Option<Order>, StoreError> {
        guard(orders::get(transaction, id)).await
    }

    /// As [`OrderRepository::find_by_number`](provesi_core::OrderRepository::find_by_number).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn find_by_number(
        transaction: &mut PgTransaction<'_>,
        number: &OrderNumber,
    ) -> Result<Option<Order>, StoreError> {
        guard(orders::find_by_number(transaction, number)).await
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
        in_savepoint(transaction, async |savepoint| write::update(savepoint, order, expected, stamp).await).await
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
        in_savepoint(transaction, async |savepoint| write::delete(savepoint, id, expected, stamp).await).await
    }
}

/// Clients.
pub mod clients {
    use provesi_core::{Client, ClientId, Email, Expected, StoreError, Timestamp};
    use sqlx::postgres::PgTransaction;

    use super::{guard, in_savepoint};
    use crate::clients::{self, write};

    /// As [`ClientRepository::insert`](provesi_core::ClientRepository::insert).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn insert(transaction: &mut PgTransaction<'_>, client: &Client) -> Result<Client, StoreError> {
        in_savepoint(transaction, async |savepoint| write::insert(savepoint, client).await).await
    }

    /// As [`ClientRepository::get`](provesi_core::ClientRepository::get).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn get(transaction: &mut PgTransaction<'_>, id: ClientId) -> Result<Option<Client>, StoreError> {
        guard(clients::get(transaction, id)).await
    }

    /// As [`ClientRepository::find_by_email`](provesi_core::ClientRepository::find_by_email).
    ///
    /// # Errors
    /// Those of the port.
    pub async fn find_by_email(
        transaction: &mut PgTransaction<'_>,
        email: &Email,
    ) -> Result<Option<Client>, StoreError> {
        guard(clients::find_by_email(transaction, email)).await
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
        in_savepoint(transaction, async |savepoint| write::update(savepoint, client, expected, at).await).await
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
        in_savepoint(transaction, async |savepoint| write::delete(savepoint, id, expected).await).await
    }
}
