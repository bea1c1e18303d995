//! The port of clients.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, Email, Expected, Page, PageRequest,
    StoreError, Timestamp,
};

/// A store of clients.
///
/// What every implementation MUST keep to, besides what each method says:
/// - A change is there as a whole or not at all, and once a method answered, the change survives the end of the
///   process and whoever asks next sees it.
/// - Uniqueness of ids and of [`Email::folded`] is the store's own: two writers at once get one winner, and the other
///   gets [`StoreError::AlreadyExists`]. Looking before writing is not enough.
/// - A future that is dropped leaves its change there as a whole or not at all.
/// - No method waits without end. After a time of the store's choice, a few seconds, a read fails with
///   [`StoreError::Unavailable`], and so does a write that was not sent, which the store then never sends. A write that
///   was sent and not answered is [`StoreError::OutcomeUnknown`].
/// - Instants come back as they were given, cut to whole milliseconds where the store keeps no more: MongoDB does not.
///   Versions are compared as they come back.
/// - Refusals come in this order: [`StoreError::NotFound`], [`StoreError::VersionConflict`],
///   [`StoreError::AlreadyExists`]. Each leaves everything as it was.
/// - A record that somebody else wrote may break the rules of the domain. Methods that are asked for one record say
///   [`StoreError::Corrupt`], and neither change nor delete it. Methods that read many leave it out and log which it is,
///   so that one record does not take a whole list with it; a page is filled up with those that follow.
/// - A store MAY take more addresses for equal than [`Email::folded`] does, such as one whose collation knows no
///   difference between `ß` and `ss`; never fewer.
///
/// `provesi-testkit` holds what of this can be tested as a conformance suite.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ClientRepository: Debug + Send + Sync + 'static {
    /// The name of the database for health reports, such as `SQLite` or `MongoDB`. No secret, no address.
    fn database(&self) -> String;

    /// Keeps a new client as it is given, instants included, and returns it as it was kept.
    ///
    /// # Errors
    /// - [`StoreError::AlreadyExists`] with the field, where another client has the id or, in any letter case, the
    ///   e-mail address. Where both are taken, either may be named.
    async fn insert(&self, client: &Client) -> Result<Client, StoreError>;

    /// The client with this id, `None` where there is none.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] where the record breaks the rules of the domain.
    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError>;

    /// The clients with these ids, in no particular order: each once, however often it is asked for; the unknown are
    /// left out, and so are records that cannot be read: who is missing here may still be there, which
    /// [`get`](Self::get) tells. At least 1,000 ids are accepted, in one query per 1,000; no ids give no clients,
    /// without a query.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError>;

    /// The client with this e-mail address in any letter case, `None` where there is none.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] where the record breaks the rules of the domain.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError>;

    /// Replaces name, e-mail address, phone and address of the client `client.id` by those given, if its version is
    /// the expected one, and returns the client as it is since. Version check and write are one step: no other write
    /// comes between.
    ///
    /// `updated_at` becomes [`Timestamp::next`] of the stored one and `at`; the instants in `client` are ignored and
    /// `created_at` stays. Where nothing changes ([`Client::same_content`]), nothing is written and the version
    /// stays.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] where there is no such client.
    /// - [`StoreError::VersionConflict`] where it has another version, also if nothing would change.
    /// - [`StoreError::AlreadyExists`] where another client has the e-mail address in any letter case.
    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError>;

    /// Deletes the client with this id, if its version is the expected one, and returns it as it was.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] where there is no such client: a second delete gets this.
    /// - [`StoreError::VersionConflict`] where it has another version.
    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError>;

    /// A page of a listing, in its order ([`ClientListing`]). Reading page after page covers each client that was
    /// there all along and was not renamed exactly once. A search that would take too long may stop early, and says so
    /// ([`Page::stopped_early`]): a page is never short, and a list never ends, without a word.
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] where the cursor was made by another listing.
    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError>;

    /// All clients of a listing, in its order: what the pages give, in constant memory. The stream outlives the
    /// handle that it was asked from, and holds no connection while nobody polls it. An error ends it.
    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>>;

    /// How many clients pass the filter. May take time in proportion to the table: not for lists.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError>;

    /// Whether the store answers and can be written to.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] where it does not answer.
    /// - [`StoreError::Degraded`] where it answers reads and would refuse writes, or has met damaged data.
    async fn ping(&self) -> Result<(), StoreError>;
}
