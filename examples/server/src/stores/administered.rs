//! What every store offers besides its ports.

use async_trait::async_trait;
use provesi_core::StoreError;
use provesi_store_mongo::{MongoAudit, MongoStore};
use provesi_store_pg::PgStore;
use provesi_store_sqlite::SqliteStore;

/// Its tables and its end.
#[async_trait]
pub(super) trait Administered: Send + Sync {
    async fn pending(&self) -> Result<Vec<String>, StoreError>;
    async fn migrate(&self) -> Result<(), StoreError>;
    /// Names of another program's tables, where there are some and none of ours.
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError>;
    async fn close(&self);
}

#[async_trait]
impl Administered for SqliteStore {
    async fn pending(&self) -> Result<Vec<String>, StoreError> {
        self.pending_migrations().await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate().await
    }

    /// Looked at before the file is opened, see [`provesi_store_sqlite::foreign_tables`].
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn close(&self) {
        self.close().await;
    }
}

#[async_trait]
impl Administered for PgStore {
    async fn pending(&self) -> Result<Vec<String>, StoreError> {
        self.pending_migrations().await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate().await
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.foreign_tables().await
    }

    async fn close(&self) {
        self.close().await;
    }
}

#[async_trait]
impl Administered for MongoStore {
    async fn pending(&self) -> Result<Vec<String>, StoreError> {
        self.pending_migrations().await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate().await
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.foreign_collections().await
    }

    /// The driver ends its connections when its last handle is dropped; nothing waits to be written.
    async fn close(&self) {}
}

#[async_trait]
impl Administered for MongoAudit {
    async fn pending(&self) -> Result<Vec<String>, StoreError> {
        self.pending_migrations().await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate().await
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.foreign_collections().await
    }

    async fn close(&self) {}
}
