//! Secrets that all processes on one store of orders share.

use crate::{App, Caller, EntryKey, EntryKind, EntryWrite, OrderRepositoryExt, StoreError};

impl App {
    /// The secret with this name, which every process on this store of orders gets. The first one records `new`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn shared_secret(&self, name: &str, new: String) -> Result<String, StoreError> {
        let key = EntryKey::new(EntryKind::Secret, name);
        if let Some(entry) = self.orders.entry(key.clone()).await? {
            return Ok(entry.value);
        }
        let caller = Caller::system("secret").map_err(StoreError::backend)?;
        let write = EntryWrite::insert(key.clone(), new.clone(), None);
        match self.orders.commit_entry(write, &self.stamp(&caller)).await {
            // Another process was faster.
            Err(StoreError::EntryConflict { .. }) => {
                let entry = self.orders.entry(key).await?;
                entry.map(|entry| entry.value).ok_or_else(|| StoreError::unavailable("a shared secret was removed"))
            }
            recorded => recorded.map(|()| new),
        }
    }
}
