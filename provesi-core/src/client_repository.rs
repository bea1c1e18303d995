//! The port of clients.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::repository::{EDIT_ATTEMPTS, only, valid_page};
use crate::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientKey, ClientListing, ClientRow, ClientWrite,
    ClientsById, Email, Expected, Page, PageLimit, PageRequest, StoreError, Stored, Timestamp, stream_items,
};

/// A store of clients.
///
/// What every implementation MUST do, besides what each method says:
/// - A change is made as a whole or not at all. Once a method has returned, it survives the end of the process, and every
///   later call sees it.
/// - Uniqueness of ids and of [`Email::folded`] is enforced by the store itself: of two concurrent writers one succeeds, and
///   the other gets [`StoreError::AlreadyExists`]. A look before the write is not enough.
/// - If a future is dropped, each of its writes is made as a whole or not at all.
/// - Every method has a deadline, of a few seconds. A read that exceeds it fails with [`StoreError::Unavailable`], and so
///   does a write that was not sent, which is then never sent. A write that was sent and not answered is
///   [`StoreError::OutcomeUnknown`].
/// - A store MAY take more addresses for equal than [`Email::folded`] does, such as one whose collation does not tell `ß`
///   from `ss`; never fewer.
/// - A store MAY sort names by code point instead of [`ClientListing`]'s collation if its database has none for Spanish. It
///   documents and logs that.
///
/// `provesi-testkit` tests an implementation as far as it can be tested. [`ClientRepositoryExt`] has conveniences for single
/// records.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
#[allow(clippy::missing_errors_doc, reason = "the documentation of the trait lists the errors of every method")]
pub trait ClientRepository: Debug + Send + Sync + 'static {
    /// The name of the database for health reports, such as `SQLite` or `MongoDB`. No secret, no address.
    fn database(&self) -> String;

    /// The rows of these clients, position by position; `None` for a client that does not exist. Takes any number of keys,
    /// in one query for each 1,000 of a kind.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] at the position of a row that cannot be decoded at all. A failure of the store is at every
    /// position that it concerns.
    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>>;

    /// Makes these writes, position by position. Each write stands alone: one that is refused does not disturb the others,
    /// whose order is free unless they concern the same client or address.
    ///
    /// # Errors
    /// At the position of the write:
    /// - [`StoreError::VersionConflict`] if a field does not have the value of `before`, or the row does not exist.
    /// - [`StoreError::AlreadyExists`] with the field if another client has the id or, in any letter case, the e-mail
    ///   address. If both are taken, either may be named.
    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>>;

    /// As [`commit`](Self::commit), but a write that would wait for another transaction is given up after a moment, with
    /// [`StoreError::Locked`] at its position. By default the same as [`commit`](Self::commit).
    async fn try_commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        self.commit(writes).await
    }

    /// A page of a listing, in its order ([`ClientListing`]). Reading page after page covers each client that exists and is
    /// not renamed meanwhile exactly once, irregular ones too. Rows that cannot be decoded or listed ([`ClientRow::listed`])
    /// are skipped and logged. A search that would take too long may stop early, and says so ([`Page::stopped_early`]).
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] if the cursor was made by another listing.
    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError>;

    /// How many clients pass the filter. May take time in proportion to the table: not for lists.
    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError>;

    /// Whether the store answers and takes writes.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if it does not answer.
    /// - [`StoreError::Degraded`] if it answers reads and would refuse writes, or has met damaged data.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Conveniences over [`ClientRepository`]: single records, and the changes that the domain decides.
#[async_trait]
pub trait ClientRepositoryExt: ClientRepository {
    /// The client with this key, irregular or not.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] if the row cannot be decoded at all.
    async fn load(&self, key: ClientKey) -> Result<Option<Stored<Client>>, StoreError> {
        Ok(only(self.get_many(&[key]).await)?.map(Stored::new))
    }

    /// The client with this id.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] if the row breaks the rules of the domain.
    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        only(self.get_many(&[ClientKey::Id(id)]).await)?.map(Client::try_from).transpose()
    }

    /// The client with this e-mail address in any letter case.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        only(self.get_many(&[ClientKey::Email(email.clone())]).await)?.map(Client::try_from).transpose()
    }

    /// Those of `ids` that clients have, irregular ones and rows that cannot be decoded among them.
    ///
    /// # Errors
    /// As [`get_many`](ClientRepository::get_many), but for [`StoreError::Corrupt`].
    async fn existing(&self, ids: &[ClientId]) -> Result<BTreeSet<ClientId>, StoreError> {
        let found = find_clients(self, ids).await?;
        Ok(found.clients.iter().map(|client| client.row.id).chain(found.unreadable).collect())
    }

    /// A page of the valid clients of a listing. Irregular ones are skipped and logged.
    ///
    /// # Errors
    /// As [`page`](ClientRepository::page).
    async fn list(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        Ok(valid_page(self.page(listing, request).await?))
    }

    /// All valid clients of a listing, in its order: what the pages give, in constant memory. The stream outlives the handle
    /// that made it, and holds no connection while it is not polled. An error ends it.
    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>>
    where
        Self: Clone,
    {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { store.list(&listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    /// Makes one write.
    ///
    /// # Errors
    /// As [`commit`](ClientRepository::commit).
    async fn commit_one(&self, write: ClientWrite) -> Result<(), StoreError> {
        only(self.commit(&[write]).await)
    }

    /// Inserts a client and returns it as it is stored: its instants are cut to whole milliseconds.
    ///
    /// # Errors
    /// - [`StoreError::AlreadyExists`] with the field if another client has the id or, in any letter case, the e-mail
    ///   address.
    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        let client = client.clone().in_millis();
        self.commit_one(ClientWrite::Insert(client.clone())).await?;
        Ok(client)
    }

    /// Replaces the content of the client `client.id` ([`Client::with_content`]) if its version is the expected one, and
    /// returns the client as it is then. If nothing changes, nothing is written.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such client.
    /// - [`StoreError::VersionConflict`] if it has another version, also if nothing would change; with [`Expected::Any`] if
    ///   other writers were faster 64 times.
    /// - [`StoreError::AlreadyExists`] if another client has the e-mail address in any letter case.
    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        for _ in 0..EDIT_ATTEMPTS {
            let before = self.expected(client.id, expected).await?;
            let Some(after) = before.with_content(client.clone(), at) else { return before.valid() };
            match self.commit_one(ClientWrite::replace(before, after.clone())).await {
                Ok(()) => return Ok(after),
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::VersionConflict)
    }

    /// Deletes the client with this id if its version is the expected one, and returns it as it was.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such client: a second delete gets this.
    /// - [`StoreError::VersionConflict`] as [`update`](Self::update).
    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Stored<Client>, StoreError> {
        for _ in 0..EDIT_ATTEMPTS {
            let client = self.expected(id, expected).await?;
            match self.commit_one(ClientWrite::delete(client.clone())).await {
                Ok(()) => return Ok(client),
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::VersionConflict)
    }

    /// The client with this id, if its version is the expected one.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such client.
    /// - [`StoreError::VersionConflict`] if it has another version.
    async fn expected(&self, id: ClientId, expected: Expected) -> Result<Stored<Client>, StoreError> {
        let stored = self.load(ClientKey::Id(id)).await?.ok_or(StoreError::NotFound)?;
        if expected.allows(stored.version()) { Ok(stored) } else { Err(StoreError::VersionConflict) }
    }
}

impl<R: ClientRepository + ?Sized> ClientRepositoryExt for R {}

/// The clients with these ids, each once.
pub(crate) async fn find_clients<R: ClientRepository + ?Sized>(
    store: &R,
    ids: &[ClientId],
) -> Result<ClientsById, StoreError> {
    let ids: BTreeSet<_> = ids.iter().copied().collect();
    let keys: Vec<_> = ids.iter().copied().map(ClientKey::Id).collect();
    let rows = if keys.is_empty() { Vec::new() } else { store.get_many(&keys).await };
    let mut found = ClientsById::default();
    for (id, row) in ids.into_iter().zip(rows) {
        match row {
            Ok(row) => found.clients.extend(row.map(Stored::new)),
            Err(StoreError::Corrupt { .. }) => found.unreadable.push(id),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl<R: ClientRepository + ?Sized> ClientRepository for Arc<R> {
    crate::forward_client_repository!(|store| &**store; database, get_many, commit, try_commit, page, count, ping);
}
