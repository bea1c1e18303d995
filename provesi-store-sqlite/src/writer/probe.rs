//! The write that shows whether the file can be written to.

use async_trait::async_trait;
use provesi_core::StoreError;
use sqlx::sqlite::SqliteConnection;

use super::Write;
use crate::error::store_error;

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
