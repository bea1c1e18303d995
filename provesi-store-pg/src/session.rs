//! Where the statements of a call run.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use provesi_core::StoreError;
use sqlx::Connection;
use sqlx::postgres::PgTransaction;
use tokio::time::Instant;

use crate::commit::TimeLimit;
use crate::error::store_error;
use crate::executor::Call;
use crate::store::PgStore;

pub(crate) enum Session<'s, 't> {
    /// Each on a connection of the pool, in a transaction of its own.
    Pool(&'s PgStore),
    /// In the caller's transaction.
    Transaction(&'s mut PgTransaction<'t>),
}

impl Session<'_, '_> {
    pub(crate) async fn read<A, T>(&mut self, arguments: A, call: Call<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        match self {
            Self::Pool(store) => store.read(arguments, call).await,
            Self::Transaction(transaction) => catch_panic(call(transaction, &arguments)).await,
        }
    }

    /// Runs a write of one statement. In a transaction it has a savepoint, so that the transaction survives a failure.
    pub(crate) async fn write<A, T>(
        &mut self,
        deadline: Option<Instant>,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        match self {
            Self::Pool(store) => store.write(deadline, arguments, call).await,
            Self::Transaction(transaction) => {
                catch_panic(async {
                    let mut savepoint = transaction.begin().await.map_err(store_error)?;
                    let value = call(&mut savepoint, &arguments).await?;
                    savepoint.commit().await.map_err(store_error)?;
                    Ok(value)
                })
                .await
            }
        }
    }

    /// The limit of a call that starts now; none in a transaction of the caller's.
    pub(crate) fn time_limit(&self) -> Option<TimeLimit> {
        match self {
            Self::Pool(store) => {
                let limit = store.deadlines.call;
                Some(TimeLimit { deadline: Instant::now() + limit, reserve: limit / 4 })
            }
            Self::Transaction(_) => None,
        }
    }
}

/// Turns a panic of the driver at an answer of the server into an error.
async fn catch_panic<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let ended = AssertUnwindSafe(call).catch_unwind().await;
    ended.unwrap_or_else(|_panic| Err(StoreError::unavailable("the driver panicked at an answer of the server")))
}
