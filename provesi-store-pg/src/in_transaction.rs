//! Reads and writes within a transaction of the caller's: changes of orders and clients are committed together with the
//! caller's own.
//!
//! ```no_run
//! use provesi_core::{NewOrder, OrderId, OrderWrite, Stamp};
//! use provesi_store_pg::in_transaction::orders;
//!
//! # async fn receive(pool: sqlx::PgPool, new: NewOrder, stamp: Stamp) -> Result<(), Box<dyn std::error::Error>> {
//! let mut transaction = pool.begin().await?;
//! for id in orders::commit(&mut transaction, &[OrderWrite::insert(new, stamp)]).await {
//!     sqlx::query("INSERT INTO shelves (order_id) VALUES ($1)").bind(id?.map(OrderId::get)).execute(&mut *transaction).await?;
//! }
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each function does what the method of the port does that has its name, with these differences:
//! - A change is durable once the caller commits. A write that is refused, or fails, leaves the transaction as it was: the
//!   caller can go on with it.
//! - Nothing is retried, and the only deadlines are those of the session. If PostgreSQL rolls the transaction back because of
//!   another one, or a lock times out, that is [`StoreError::Unavailable`], and the caller starts the transaction over.
//! - A transaction that is dropped is rolled back, wherever it stands. This holds for pools that are made from
//!   [`pool_options`](crate::pool_options), which check a connection that returns to them.
//! - An error of the caller's `commit` may mean that the transaction was committed and the answer was lost.
//! - After its first event the transaction should end soon. Until then the feed returns nothing that came later: its readers
//!   wait and then get [`StoreError::Unavailable`], also within this transaction.
//! - A write that attaches an order to a client, or changes an entry, keeps others from deleting that client, or changing the
//!   entry, until the transaction ends. It needs the isolation level `read committed`, and is refused at others.
//! - Refusals are those of the port at the isolation level `read committed`, the default. At other levels PostgreSQL itself
//!   refuses to change rows that changed since the transaction began.

use sqlx::postgres::PgTransaction;

use crate::commit;
use crate::session::Session;

#[cfg(doc)]
use provesi_core::StoreError;

/// Orders.
pub mod orders {
    use provesi_core::{OrderId, OrderKey, OrderRow, OrderWrite, StoreError};

    use super::{PgTransaction, Session, commit};

    /// As [`OrderRepository::get_many`](provesi_core::OrderRepository::get_many).
    pub async fn get_many(
        transaction: &mut PgTransaction<'_>,
        keys: &[OrderKey],
    ) -> Vec<Result<Option<OrderRow>, StoreError>> {
        crate::orders::get_many(&mut Session::Transaction(transaction), keys).await
    }

    /// As [`OrderRepository::commit`](provesi_core::OrderRepository::commit).
    pub async fn commit(
        transaction: &mut PgTransaction<'_>,
        writes: &[OrderWrite],
    ) -> Vec<Result<Option<OrderId>, StoreError>> {
        commit::commit(&mut Session::Transaction(transaction), writes).await
    }
}

/// Clients.
pub mod clients {
    use provesi_core::{ClientKey, ClientRow, ClientWrite, StoreError};

    use super::{PgTransaction, Session, commit};

    /// As [`ClientRepository::get_many`](provesi_core::ClientRepository::get_many).
    pub async fn get_many(
        transaction: &mut PgTransaction<'_>,
        keys: &[ClientKey],
    ) -> Vec<Result<Option<ClientRow>, StoreError>> {
        crate::clients::get_many(&mut Session::Transaction(transaction), keys).await
    }

    /// As [`ClientRepository::commit`](provesi_core::ClientRepository::commit).
    pub async fn commit(transaction: &mut PgTransaction<'_>, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        commit::commit(&mut Session::Transaction(transaction), writes).await
    }
}
