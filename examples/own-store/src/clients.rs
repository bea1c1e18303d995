//! The port of clients.

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Page, PageRequest,
    StoreError, UniqueField,
};
use redb::{ReadTransaction, TableDefinition};

use crate::{Key, RedbStore, Row, TextTable, change, rows};

impl Row for ClientRow {
    const ROWS: TextTable = TableDefinition::new("clients");
    const INDEX: TextTable = TableDefinition::new("client_emails");
    const UNIQUE: UniqueField = UniqueField::Email;
    const ID_TAKEN: StoreError = StoreError::AlreadyExists { field: UniqueField::ClientId };

    fn keys(&self) -> (String, String) {
        (self.id.to_string(), self.folded_email())
    }
}

#[async_trait]
impl ClientRepository for RedbStore {
    fn database(&self) -> String {
        "redb".to_owned()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        let key = |key: &ClientKey| match key {
            ClientKey::Id(id) => Key::Id(id.to_string()),
            ClientKey::Email(email) => Key::Unique(email.folded()),
        };
        self.get_rows(keys.iter().map(key).collect()).await
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        let make = |transaction: &_, write: &_| match write {
            ClientWrite::Insert(client) => change(transaction, None, Some(&ClientRow::from(client))),
            ClientWrite::Replace { before, after } => change(transaction, Some(before), Some(&after.into())),
            ClientWrite::Delete { before } => change(transaction, Some(before), None),
        };
        self.make_all(writes, make).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        let (listing, request) = (listing.clone(), request.clone());
        self.read(move |snapshot| Ok(listing.page_of(rows(snapshot)?, &request))).await?
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        let count = move |snapshot: &ReadTransaction| {
            Ok(rows(snapshot)?.iter().filter(|client| filter.matches(client)).count() as u64)
        };
        self.read(count).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // An empty commit is written to the disk like any other: only that tells whether it takes writes.
        self.write(|_| Ok(())).await.map_err(|error| StoreError::degraded("writes fail", error))
    }
}
