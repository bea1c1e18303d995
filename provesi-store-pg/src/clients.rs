//! The port of clients.

mod page;
pub(crate) mod write;

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Page, PageRequest,
    StoreError,
};

use crate::commit::{HeldUp, commit};
use crate::rows::{Lookup, look_up};
use crate::sql::{client_columns, is_writable};
use crate::store::{PgStore, writable};

#[cfg(test)]
pub(crate) use page::{page_text, search_text};

macro_rules! lookup {
    ($key:literal, $is_asked:literal) => {
        concat!("SELECT ", client_columns!(), ", ", $key, " AS key FROM provesi_clients WHERE ", $key, $is_asked)
    };
}

const BY_ID: Lookup = Lookup { one: lookup!("id", " = $1"), many: lookup!("id", " = ANY($1)") };

const BY_EMAIL: Lookup = Lookup { one: lookup!("email_folded", " = $1"), many: lookup!("email_folded", " = ANY($1)") };

/// Whether the server takes writes, with a look at the table.
const PING: &str = concat!(
    "SELECT ",
    is_writable!(),
    " FROM (SELECT count(*) FROM (SELECT 1 FROM provesi_clients LIMIT 1) AS one) AS clients"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[BY_ID.one, BY_ID.many, BY_EMAIL.one, BY_EMAIL.many];

#[async_trait]
impl ClientRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        let (mut ids, mut emails) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                ClientKey::Id(id) => ids.push(id.to_string()),
                ClientKey::Email(email) => emails.push(email.folded()),
            }
        }
        let by_id = look_up(self, &BY_ID, ids.into_iter()).await;
        let by_email = look_up(self, &BY_EMAIL, emails.into_iter()).await;
        let found = keys.iter().map(|key| match key {
            ClientKey::Id(id) => by_id.get(&id.to_string()),
            ClientKey::Email(email) => by_email.get(&email.folded()),
        });
        found.map(|row| row.cloned().unwrap_or(Ok(None))).collect()
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        commit(self, writes, HeldUp::Waits).await
    }

    async fn try_commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        commit(self, writes, HeldUp::IsRefused).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        self.read((listing.clone(), request.clone()), |connection, (listing, request)| {
            Box::pin(page::read(connection, listing, request))
        })
        .await
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        self.scan(filter.clone(), |connection, filter| Box::pin(page::count(connection, filter))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_with(|connection, ()| Box::pin(writable(connection, PING))).await
    }
}
