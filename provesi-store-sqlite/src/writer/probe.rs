//! Whether the file can be written to, as the last write found it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use provesi_core::StoreError;
use sqlx::sqlite::SqliteConnection;

use super::Write;
use crate::error::{Shared, store_error};

/// How the last transaction found the file.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteHealth(Arc<State>);

#[derive(Debug, Default)]
struct State {
    failure: Mutex<Option<Shared>>,
    is_probing: AtomicBool,
}

impl WriteHealth {
    /// Notes the outcome of a transaction. Only a degraded file is remembered.
    pub(super) fn note(&self, outcome: Result<(), &Shared>) {
        let failure = match outcome {
            Err(failure) if failure.degradation().is_none() => return,
            outcome => outcome.err().cloned(),
        };
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure.to_store_error()),
            None => Ok(()),
        }
    }

    /// Whether the caller is to run the probe: one at a time.
    pub(super) fn start_probe(&self) -> bool {
        !self.0.is_probing.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end_probe(&self) {
        self.0.is_probing.store(false, Ordering::Release);
    }
}

/// A write that needs new pages and leaves nothing behind.
pub(super) struct Probe;

/// Random, so that the name is nobody's.
const CREATE: &str = "CREATE TABLE provesi_probe_6c1f42 AS SELECT zeroblob(65536) AS filler";
const DROP: &str = "DROP TABLE provesi_probe_6c1f42";

#[async_trait]
impl Write for Probe {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for statement in [CREATE, DROP] {
            sqlx::query(statement).execute(&mut *connection).await.map_err(store_error)?;
        }
        Ok(())
    }
}
