//! The port of orders.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::records::skip_corrupt;
use crate::repository::{EDIT_ATTEMPTS, only, valid_page};
use crate::{
    BoxStream, ClientId, CountKey, Entry, EntryCondition, EntryKey, EntryQuery, EntryWrite, EventId, EventQuery,
    EventsOf, Expected, NewOrder, Order, OrderCount, OrderCounts, OrderCursor, OrderEvent, OrderFilter, OrderGroup,
    OrderId, OrderKey, OrderListing, OrderNumber, OrderRow, OrderWrite, Page, PageLimit, PageRequest, Stamp,
    StoreError, StoreId, Stored, stream_items,
};

/// A store of orders.
///
/// What every implementation MUST do, besides what each method says:
/// - A change and its events are made in one transaction, or not at all. Once a method has returned, they survive the end
///   of the process, and every later call sees them.
/// - Uniqueness of [`OrderNumber::folded`] is enforced by the store itself: of two concurrent writers one succeeds, and the
///   other gets [`StoreError::AlreadyExists`]. A look before the write is not enough.
/// - Event ids grow strictly in the order in which the feed returns events; the events of one order are in the order of
///   its changes. An event carries `at`, actor and address of its [`Stamp`].
/// - If a future is dropped, each of its writes is made as a whole or not at all.
/// - Every method has a deadline, of a few seconds. A read that exceeds it fails with [`StoreError::Unavailable`], and so
///   does a write that was not sent, which is then never sent. A write that was sent and not answered is
///   [`StoreError::OutcomeUnknown`].
/// - Instants keep their microseconds.
///
/// Orders know clients by id only; a client may have been deleted. `provesi-testkit` tests an implementation as far as it
/// can be tested. [`OrderRepositoryExt`] has conveniences for single records.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
#[allow(clippy::missing_errors_doc, reason = "the documentation of the trait lists the errors of every method")]
pub trait OrderRepository: Debug + Send + Sync + 'static {
    /// The name of the database for health reports, such as `SQLite` or `PostgreSQL (provesi_orders)`. No secret, no
    /// address.
    fn database(&self) -> String;

    /// The rows of these orders, position by position; `None` for an order that does not exist. Takes any number of keys, in
    /// one query for each 1,000 of a kind.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] at the position of a row that cannot be decoded at all. A failure of the store is at every
    /// position that it concerns.
    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>>;

    /// Makes these writes, position by position, and returns the id of each order; `None` for a write that concerns none.
    /// Each write stands alone: one that is refused or waits for a lock does not disturb the others, whose order is free
    /// unless they concern the same order, number or entry.
    ///
    /// A write that requires something of an entry, and one that changes it, are made one after the other: once a change of an
    /// entry has returned, every read sees what was written while the entry was as before.
    ///
    /// # Errors
    /// At the position of the write:
    /// - [`StoreError::EntryConflict`] if a condition does not hold, or an entry does not have the value that was read.
    /// - [`StoreError::VersionConflict`] if a column does not have the value of `before`, or the row does not exist; if an
    ///   order to be restored exists.
    /// - [`StoreError::AlreadyExists`] if another order has the number in any letter case.
    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>>;

    /// As [`commit`](Self::commit), but a write that would wait for another transaction is given up after a moment, with
    /// [`StoreError::Locked`] at its position. By default the same as [`commit`](Self::commit): for a store in which a writer
    /// waits for the whole store, or never.
    async fn try_commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.commit(writes).await
    }

    /// A page of a listing, in its order ([`OrderListing`]). Reading page after page covers each order that exists and
    /// does not change meanwhile exactly once, irregular ones too ([`OrderListing::has`]). Rows that cannot be decoded are
    /// skipped and logged.
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] if the cursor was made by another listing.
    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError>;

    /// How many orders or events there are in each group ([`OrderCount`]). Counts of clients are one query for each 1,000
    /// ids. The others may take time in proportion to the table: not for lists.
    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError>;

    /// A page of the ids of all clients that any order names, each once, ascending.
    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError>;

    /// The events of one order or of all, in the order of their ids ([`EventQuery`]). MUST NOT return an event of all while
    /// one with a smaller id may still be committed, so that a reader that continues after the last id that it saw misses
    /// nothing.
    async fn events(&self, query: &EventQuery) -> Result<Vec<OrderEvent>, StoreError>;

    /// The entries that the query asks for ([`EntryQuery`]).
    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError>;

    /// Whether the store answers and takes writes.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if it does not answer.
    /// - [`StoreError::Degraded`] if it answers reads and would refuse writes, or has met damaged data.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Conveniences over [`OrderRepository`]: single records, and the changes that the domain decides.
#[async_trait]
pub trait OrderRepositoryExt: OrderRepository {
    /// The order with this key, irregular or not.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] if the row cannot be decoded at all.
    async fn load(&self, key: OrderKey) -> Result<Option<Stored<Order>>, StoreError> {
        Ok(only(self.get_many(&[key]).await)?.map(Stored::new))
    }

    /// The order with this id.
    ///
    /// # Errors
    /// - [`StoreError::Corrupt`] if the row breaks the rules of the domain.
    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        only(self.get_many(&[OrderKey::Id(id)]).await)?.map(Order::try_from).transpose()
    }

    /// The order with this number in any letter case.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        only(self.get_many(&[OrderKey::Number(number.clone())]).await)?.map(Order::try_from).transpose()
    }

    /// The orders with these numbers in any letter case, irregular ones too, in the order in which they are asked for: each
    /// once, however often and in how many spellings its number is given. Rows that cannot be decoded are skipped and logged.
    ///
    /// # Errors
    /// Those of the store.
    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<OrderRow>, StoreError> {
        let mut folded = BTreeSet::new();
        let numbers = numbers.iter().filter(|number| folded.insert(number.folded()));
        let keys: Vec<_> = numbers.map(OrderKey::from).collect();
        let rows = if keys.is_empty() { Vec::new() } else { self.get_many(&keys).await };
        skip_corrupt(rows.into_iter().filter_map(Result::transpose))
    }

    /// A page of the valid orders of a listing. Irregular ones are skipped and logged.
    ///
    /// # Errors
    /// As [`page`](OrderRepository::page).
    async fn list(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        Ok(valid_page(self.page(listing, request).await?))
    }

    /// All valid orders of a listing, in its order: what the pages give, in constant memory. The stream outlives the handle
    /// that made it, and holds no connection while it is not polled. An error ends it. As with the pages, an order that is
    /// changed meanwhile may come twice or not at all: it moves within the listing.
    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>>
    where
        Self: Clone,
    {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { store.list(&listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    /// How many orders pass the filter.
    ///
    /// # Errors
    /// Those of the store.
    async fn count_all(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        let query = OrderCount::Orders { filter: filter.clone(), by: OrderGroup::All };
        Ok(self.count(&query).await?.into_values().sum())
    }

    /// How many orders each of these clients has: an entry for every id, 0 if it has none.
    ///
    /// # Errors
    /// Those of the store.
    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let counts = self.count(&OrderCount::OfClients(ids.to_vec())).await?.into_iter();
        Ok(counts
            .filter_map(|(key, count)| if let CountKey::Client(id) = key { Some((id, count)) } else { None })
            .collect())
    }

    /// The ids of all clients that any order names, each once, ascending, as a [`stream`](Self::stream).
    fn stream_client_ids(&self) -> BoxStream<Result<ClientId, StoreError>>
    where
        Self: Clone,
    {
        let store = self.clone();
        stream_items(move |after| {
            let store = store.clone();
            async move { store.client_ids(&PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    /// The events of the order that has this number, or had it last ([`EventsOf::Number`]).
    ///
    /// # Errors
    /// Those of the store.
    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        self.events(&EventQuery { of: EventsOf::Number(number.clone()), after, limit }).await
    }

    /// The events of all orders.
    ///
    /// # Errors
    /// Those of the store.
    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        self.events(&EventQuery { of: EventsOf::All, after, limit }).await
    }

    /// The entry with this key.
    ///
    /// # Errors
    /// Those of the store.
    async fn entry(&self, key: EntryKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries(&EntryQuery::Keys(vec![key])).await?.into_iter().next())
    }

    /// Changes one entry.
    ///
    /// # Errors
    /// - [`StoreError::EntryConflict`] if its value is not the one that was read.
    /// - Those of the store.
    async fn commit_entry(&self, entry: EntryWrite, stamp: &Stamp) -> Result<(), StoreError> {
        self.commit_one(OrderWrite::entries_alone(vec![entry], stamp.clone())).await.map(drop)
    }

    /// The id of the store of clients that belongs to this store of orders, if it was recorded.
    ///
    /// # Errors
    /// Those of the store.
    async fn partner(&self) -> Result<Option<StoreId>, StoreError> {
        self.entry(EntryKey::partner()).await?.map(|entry| entry.value.parse()).transpose()
    }

    /// Records which store of clients belongs to this store of orders, if the recorded one is `before`.
    ///
    /// # Errors
    /// - [`StoreError::EntryConflict`] if it is another one.
    /// - Those of the store.
    async fn set_partner(&self, before: Option<StoreId>, partner: StoreId, stamp: &Stamp) -> Result<(), StoreError> {
        let before = before.map(|id| id.to_string());
        let write = EntryWrite { key: EntryKey::partner(), before, after: Some((partner.to_string(), None)) };
        self.commit_entry(write, stamp).await
    }

    /// Makes one write.
    ///
    /// # Errors
    /// As [`commit`](OrderRepository::commit).
    async fn commit_one(&self, write: OrderWrite) -> Result<Option<OrderId>, StoreError> {
        only(self.commit(&[write]).await)
    }

    /// Inserts an order ([`OrderWrite::insert`]) and returns it with its id.
    ///
    /// # Errors
    /// - [`StoreError::EntryConflict`] if its client is retired.
    /// - [`StoreError::AlreadyExists`] if another order has the number in any letter case.
    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        let id = self.commit_one(OrderWrite::insert(order.clone(), stamp.clone())).await?;
        let id = id.ok_or_else(|| StoreError::backend("an inserted order has no id"))?;
        Ok(order.clone().with_id(id))
    }

    /// Replaces the content of the order `order.id` ([`Order::with_content`]) if its version is the expected one, and
    /// returns the order as it is then. If nothing changes, nothing is written.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such order.
    /// - [`StoreError::EntryConflict`] if it gets a client that is retired.
    /// - [`StoreError::VersionConflict`] if it has another version, also if nothing would change; with [`Expected::Any`]
    ///   if other writers were faster 64 times.
    /// - [`StoreError::AlreadyExists`] if another order has the number in any letter case.
    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        for _ in 0..EDIT_ATTEMPTS {
            let before = self.expected(order.id, expected).await?;
            let Some(after) = before.with_content(order.clone(), stamp.at) else { return before.valid() };
            match self.commit_one(OrderWrite::replace(before, after.clone(), stamp.clone())).await {
                Ok(_) => return Ok(after),
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::VersionConflict)
    }

    /// Deletes the order with this id ([`OrderWrite::delete`]) if its version is the expected one, and returns it as it
    /// was.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such order: a second delete gets this.
    /// - [`StoreError::VersionConflict`] as [`update`](Self::update).
    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Stored<Order>, StoreError> {
        for _ in 0..EDIT_ATTEMPTS {
            let order = self.expected(id, expected).await?;
            match self.commit_one(OrderWrite::delete(order.clone(), stamp.clone())).await {
                Ok(_) => return Ok(order),
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::VersionConflict)
    }

    /// The order with this id, if its version is the expected one.
    ///
    /// # Errors
    /// - [`StoreError::NotFound`] if there is no such order.
    /// - [`StoreError::VersionConflict`] if it has another version.
    async fn expected(&self, id: OrderId, expected: Expected) -> Result<Stored<Order>, StoreError> {
        let stored = self.load(OrderKey::Id(id)).await?.ok_or(StoreError::NotFound)?;
        if expected.allows(stored.version()) { Ok(stored) } else { Err(StoreError::VersionConflict) }
    }

    /// Detaches this client from all its orders ([`Order::detached_from`]) and returns how many there were. Irregular orders
    /// keep the client.
    ///
    /// # Errors
    /// - [`StoreError::VersionConflict`] if other writers were faster 64 times in a row.
    /// - Those of the store.
    ///
    /// The orders that were detached before stay detached; another call continues.
    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        detach(self, id, None, stamp).await
    }

    /// As [`detach_client`](Self::detach_client), as long as the client is retired ([`EntryKey::retirement`]).
    ///
    /// # Errors
    /// - [`StoreError::EntryConflict`] if it is not.
    /// - As [`detach_client`](Self::detach_client).
    async fn detach_retired_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        detach(self, id, Some(EntryCondition::Exists(EntryKey::retirement(id))), stamp).await
    }
}

impl<R: OrderRepository + ?Sized> OrderRepositoryExt for R {}

/// Detaches a client from all its valid orders, each time only if the condition holds.
async fn detach<R: OrderRepository + ?Sized>(
    store: &R,
    id: ClientId,
    condition: Option<EntryCondition>,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    let (listing, mut request) = (OrderListing::of_client(id), PageRequest::first(PageLimit::MAX));
    let (mut detached, mut attempts) = (0, 0);
    while attempts < EDIT_ATTEMPTS {
        // The same page again: orders that were detached have left the listing.
        let page = store.page(&listing, &request).await?;
        let writes = page.items.into_iter().filter_map(|row| {
            let before = Stored::<Order>::new(row);
            let after = before.record.as_ref().ok()?.detached_from(id)?;
            let write = OrderWrite::replace(before, after, stamp.clone());
            Some(condition.iter().cloned().fold(write, OrderWrite::with_condition))
        });
        let writes: Vec<_> = writes.collect();
        let mut is_complete = page.next.is_none();
        if writes.is_empty() && !is_complete {
            // A page of irregular orders alone, which stay.
            request.after = page.next;
            continue;
        }
        attempts += 1;
        for outcome in store.commit(&writes).await {
            match outcome {
                Ok(_) => {
                    detached += 1;
                    attempts = 0;
                }
                Err(StoreError::VersionConflict) => {
                    // Another writer may have moved the order to another page.
                    request.after = None;
                    is_complete = false;
                }
                Err(error) => return Err(error),
            }
        }
        if is_complete {
            return Ok(detached);
        }
    }
    Err(StoreError::VersionConflict)
}

impl<R: OrderRepository + ?Sized> OrderRepository for Arc<R> {
    crate::forward_order_repository!(|store| &**store; database, get_many, commit, try_commit, page, count, client_ids, events, entries, ping);
}
