//! The connections that read.

use provesi_core::StoreError;
use sqlx::sqlite::SqlitePool;

use crate::error::store_error;
use crate::health::Health;

/// A pool of connections, and what their failures say of the file.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pub(crate) pool: SqlitePool,
    pub(crate) health: Health,
}

impl Readers {
    /// What a failed read means to its caller. Damage that it met is remembered for `ping`.
    pub(crate) fn failed(&self, error: sqlx::Error) -> StoreError {
        let error = store_error(error);
        self.health.record(&error);
        error
    }
}
