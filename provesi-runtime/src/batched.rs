//! Repositories whose concurrent calls share queries and commits.

mod coalesced;
mod lane;
mod ports;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use provesi_core::{
    ClientCursor, ClientKey, ClientListing, ClientRow, OrderCount, OrderCounts, OrderCursor, OrderKey, OrderListing,
    OrderRow, OrderWithClient, Page, PageRequest, StoreError,
};

use coalesced::Coalesced;
use lane::Lane;
use ports::{ClientReads, ClientWrites, OrderReads, OrderWithClientReads, OrderWrites};

/// A repository around another: calls for single records that wait at the same moment become one call for many, and concurrent calls
/// for the same page share one query.
///
/// What callers see is what the inner store does, besides:
/// - A call starts only after all who share it asked, so that everyone reads their own writes. Nothing is cached.
/// - A read that finds the store idle goes through on its own. Otherwise calls wait for the batch that is under way, since one large
///   batch costs a store less than two at the same time. Beside a batch that takes more than 50 ms, another one starts.
/// - A batch has at most one write of each order, number, client, address and entry; single writes of one record are made in the
///   order in which they were asked for.
/// - A write that another transaction holds up delays the others by no more than the store takes to notice: in PostgreSQL a locked row
///   is skipped, and a number that another transaction inserts costs 10 ms a few times. It is tried again with those in the same
///   state, with pauses of 5 to 50 ms, until it is made or [`BatchOptions::max_wait_for_lock`] is over. Then it fails with
///   [`StoreError::Unavailable`](provesi_core::StoreError::Unavailable), and was not made.
/// - If the store does not answer a batch at all, the calls that waited for it for half a second fail with it.
/// - A call whose future is dropped before its batch starts is not made. A batch that started runs to its end.
/// - A write is sent again only if the store said that it was not made because of a lock. Each caller of a batch whose outcome
///   is unknown gets [`StoreError::OutcomeUnknown`](provesi_core::StoreError::OutcomeUnknown).
/// - Calls for several records share a statement already: they neither wait for batches nor make them longer.
/// - Concurrent calls for the same page, the same counts of orders or the same several records share one query. A call never joins a
///   query that has started: it waits until that one has ended or taken 50 ms, and shares the next one.
///
/// A batch, or a shared query, is a task of the tokio runtime in which one of its callers asked. Use a store within one runtime: if it
/// ends, calls that wait for its tasks fail.
pub struct Batched<R> {
    store: Arc<R>,
    order_reads: Lane<OrderReads>,
    order_with_client_reads: Lane<OrderWithClientReads>,
    order_writes: Lane<OrderWrites>,
    client_reads: Lane<ClientReads>,
    client_writes: Lane<ClientWrites>,
    coalesced: Reads,
}

/// The reads of which identical ones share a query.
#[derive(Clone, Default)]
struct Reads {
    orders: Lookups<OrderKey, OrderRow>,
    orders_with_clients: Lookups<OrderKey, OrderWithClient>,
    order_pages: Pages<OrderListing, OrderRow, OrderCursor>,
    order_counts: Coalesced<OrderCount, Result<OrderCounts, StoreError>>,
    clients: Lookups<ClientKey, ClientRow>,
    client_pages: Pages<ClientListing, ClientRow, ClientCursor>,
}

type Lookups<K, R> = Coalesced<Vec<K>, Vec<Result<Option<R>, StoreError>>>;
type Pages<L, R, C> = Coalesced<(L, PageRequest<C>), Result<Page<R, C>, StoreError>>;

/// The limits of a [`Batched`] repository. They apply separately to reads and writes, and to orders, clients, and
/// orders with their clients.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BatchOptions {
    /// How many calls a batch has at most: 256 by default.
    pub max_batch: usize,
    /// How many batches are under way at a time: 2 by default. A further one starts only if each of the others has taken more than
    /// 50 ms. Each takes a connection of the store. So does one read that found the store idle, and one batch of writes that are
    /// tried again.
    pub max_running: usize,
    /// How many calls wait at most: 8,192 by default. A further one fails with
    /// [`StoreError::Unavailable`](provesi_core::StoreError::Unavailable).
    pub max_waiting: usize,
    /// How long a call waits for a batch: 2 seconds by default. It fails with
    /// [`StoreError::Unavailable`](provesi_core::StoreError::Unavailable) when the next batch starts after that.
    pub max_wait: Duration,
    /// How long after it was asked for a write is tried again because of a lock: 3 seconds by default.
    pub max_wait_for_lock: Duration,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            max_batch: 256,
            max_running: 2,
            max_waiting: 8_192,
            max_wait: Duration::from_secs(2),
            max_wait_for_lock: Duration::from_secs(3),
        }
    }
}

impl<R> Batched<R> {
    /// A repository around `store`, with the default limits.
    #[must_use]
    pub fn new(store: R) -> Self {
        Self::with_options(store, BatchOptions::default())
    }

    /// A repository around `store`, with these limits. Of each number, at least 1 is taken.
    #[must_use]
    pub fn with_options(store: R, options: BatchOptions) -> Self {
        Self {
            store: Arc::new(store),
            order_reads: Lane::new(options),
            order_with_client_reads: Lane::new(options),
            order_writes: Lane::new(options),
            client_reads: Lane::new(options),
            client_writes: Lane::new(options),
            coalesced: Reads::default(),
        }
    }
}

/// A handle on the same store and the same batches.
impl<R> Clone for Batched<R> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            order_reads: self.order_reads.clone(),
            order_with_client_reads: self.order_with_client_reads.clone(),
            order_writes: self.order_writes.clone(),
            client_reads: self.client_reads.clone(),
            client_writes: self.client_writes.clone(),
            coalesced: self.coalesced.clone(),
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Batched<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batched").field(&self.store).finish()
    }
}
