//! The port of clients.

mod page;
mod write;

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Page, PageRequest,
    StoreError,
};

use crate::look_up::{Lookup, look_up, lookup};
use crate::rows::{self, client_line};
use crate::store::SqliteStore;

#[cfg(test)]
pub(crate) use page::page_text;
pub(crate) use write::commit;

const BY_ID: Lookup = lookup!(client_line!(), "clients", "id");
const BY_EMAIL: Lookup = lookup!(client_line!(), "clients", "email_folded");

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[BY_ID.one, BY_ID.many, BY_EMAIL.one, BY_EMAIL.many];

#[async_trait]
impl ClientRepository for SqliteStore {
    fn database(&self) -> String {
        "SQLite".to_owned()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        let (mut ids, mut emails) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                ClientKey::Id(id) => ids.push(id.to_string()),
                ClientKey::Email(email) => emails.push(email.folded()),
            }
        }
        let by_id = look_up(&self.readers, &BY_ID, &ids, rows::client).await;
        let by_email = look_up(&self.readers, &BY_EMAIL, &emails, rows::client).await;
        let row = |key: &ClientKey| match key {
            ClientKey::Id(id) => by_id.get(&id.to_string()),
            ClientKey::Email(email) => by_email.get(&email.folded()),
        };
        keys.iter().map(row).collect()
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        self.writer.commit_clients(writes).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        page::read(&self.readers, listing, request).await
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        page::count(&self.readers, filter).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}
