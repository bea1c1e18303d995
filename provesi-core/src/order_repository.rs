//! The port of orders and of what happened to them.

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    BoxStream, ClientId, EventId, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId,
    OrderListing, OrderNumber, Page, PageLimit, PageRequest, Stamp, StoreError,
};

/// A store of orders.
///
/// What every implementation MUST keep to, besides what each method says:
/// - A change is there as a whole or not at all, with its events ([`EventKind`](crate::EventKind)), in the same
///   transaction: an event is there exactly when its change is. Once a method answered, both survive the end of the
///   process and whoever asks next sees them.
/// - Uniqueness of [`OrderNumber::folded`] is the store's own: two writers at once get one winner, and the other gets
///   [`StoreError::AlreadyExists`]. Looking before writing is not enough.
/// - Event ids grow strictly in the order in which the feed hands events out; all events of one order are in the
///   order of its changes. An event carries the stamp's `at`, actor and address.
/// - A future that is dropped leaves its change there as a whole or not at all.
/// - No method waits without end. After a time of the store's choice, a few seconds, a read fails with
///   [`StoreError::Unavailable`], and so does a write that was not sent, which the store then never sends. A write that
///   was sent and not answered is [`StoreError::OutcomeUnknown`].
/// - Instants come back to the microsecond as they were given.
/// - Refusals come in this order: [`StoreError::NotFound`], [`StoreError::VersionConflict`],
///   [`StoreError::AlreadyExists`]. Each leaves everything as it was, and no event.
/// - A record that somebody else wrote may break the rules of the domain. Methods that are asked for one record say
///   [`StoreError::Corrupt`], and neither change nor delete it. Methods that read many leave it out and log which it is,
///   so that one record does not take a whole list with it; a page is filled up with those that follow.
///
/// Orders know clients by id only; a client may be gone. `provesi-testkit` holds what of this can be tested as a
/// conformance suite.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderRepository: Debug + Send + Sync + 'static {
    /// The name of the database for health reports, such as `SQLite` or `PostgreSQL (provesi_orders)`. No secret, no
    /// address.
    fn database(&self) -> String;

    /// Keeps a new order as it is given, instants included, with the event `created`, and returns it with the id that
    /// it got: greater than 0, and never that of a deleted order.
    ///
    /// # Errors
    /// - [`StoreError::AlreadyExists`] where another order has the number in any letter case. Nothing is kept, no
    ///   event either.
    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError>;

    /// The order with this id, `None` where there is none.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] where the record breaks the rules of the domain.
    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// The order with this number in any letter case, `None` where there is none.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] where the record breaks the rules of the domain.
    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError>;

    /// The orders with these numbers in any letter case, in no particular order: each once, however often and in how
    /// many spellings it is asked for; the unknown are left out. At least 1,000 numbers are accepted, in one query
    /// per 1,000; no numbers give no orders, without a query.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError>;

    /// Replaces number, client and state of the order `order.id` by those given, if its version is the expected one,
    /// keeps the events of the change ([`EventKind::changes`](crate::EventKind::changes) of the stored and the given
    /// order), and returns the order as it is since. Version check and write are one step: no other write comes
    /// between.
    ///
    /// `updated_at` becomes [`Timestamp::next`](crate::Timestamp::next) of the stored one and [`Stamp::at`]; the
    /// instants of the record in `order` are ignored and `created_at` stays. Where nothing changes
    /// ([`Order::same_content`]), nothing is written, there is no event, and the version stays.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] where there is no such order.
    /// - [`StoreError::VersionConflict`] where it has another version, also if nothing would change.
    /// - [`StoreError::AlreadyExists`] where another order has the number in any letter case.
    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError>;

    /// Deletes the order with this id, if its version is the expected one, keeps the event `deleted`, and returns the
    /// order as it was. Its events stay.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] where there is no such order: a second delete gets this.
    /// - [`StoreError::VersionConflict`] where it has another version.
    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError>;

    /// A page of a listing, in its order ([`OrderListing`]). Reading page after page covers each order that was there
    /// and not changed all along exactly once.
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] where the cursor was made by another listing.
    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError>;

    /// All orders of a listing, in its order: what the pages give, in constant memory. The stream outlives the handle
    /// that it was asked from, and holds no connection while nobody polls it. An error ends it. As with the pages, an
    /// order that is changed meanwhile may come twice or not at all: it moves within the listing.
    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>>;

    /// How many orders pass the filter. May take time in proportion to the table: not for lists.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError>;

    /// How many orders each of these clients has: an entry for every id that is asked for, 0 where it has none. At
    /// least 1,000 ids are accepted, in one query per 1,000.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError>;

    /// Takes this client off all its orders, each with the event `client_changed` and a new version as in
    /// [`update`](Self::update), and returns how many there were: 0 the second time.
    ///
    /// Orders may be taken in several transactions; where one fails, those before it stay done, and calling again
    /// finishes the job.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError>;

    /// The ids of all clients that any order names, each once, ascending, for the integrity check. As a stream it
    /// behaves as [`stream`](Self::stream).
    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>>;

    /// The events of one order, oldest first: at most `limit` of them, those after the event `after` where it is
    /// given. The order is the one that has this number now, in any letter case, else the one that had it last; its
    /// events under other numbers are among them. A number that no order ever had has no events. Who asks for what
    /// follows an event looks at [`OrderEvent::order_id`]: the number may have gone to another order meanwhile.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError>;

    /// The events of all orders in the order of their ids: at most `limit` of them, those after the event `after`
    /// where it is given. MUST NOT hand out an event while one with a smaller id may still be committed: whoever asks
    /// again after the last id that they saw misses nothing.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError>;

    /// Whether the store answers and can be written to.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] where it does not answer.
    /// - [`StoreError::Degraded`] where it answers reads and would refuse writes, or has met damaged data.
    async fn ping(&self) -> Result<(), StoreError>;
}
