//! What is joined or shared of each port.

use std::convert::Infallible;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use provesi_core::{
    ClientClaim, ClientCursor, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, OrderClaim,
    OrderCount, OrderCounts, OrderCursor, OrderId, OrderKey, OrderListing, OrderRepository, OrderRow, OrderWithClient,
    OrderWrite, OrdersWithClients, Page, PageRequest, StoreError,
};

use super::lane::{Calls, Join, Lane};
use super::{Batched, Lookups};

/// Lookups by a key `K`.
pub(super) struct Reads<K, R>(PhantomData<(K, R)>);

impl<K, R> Calls for Reads<K, R>
where
    K: Clone + Send + Sync + 'static,
    R: Send + Sync + 'static,
{
    type Call = K;
    type Value = Option<R>;
    type Claim = Infallible;
    const WRITES: bool = false;

    fn claims(_: &K) -> Vec<Infallible> {
        Vec::new()
    }
}

pub(super) type OrderReads = Reads<OrderKey, OrderRow>;
pub(super) type OrderWithClientReads = Reads<OrderKey, OrderWithClient>;
pub(super) type ClientReads = Reads<ClientKey, ClientRow>;

/// Looks up one record in a batch, or several in a query that identical calls share.
async fn look_up<K, T, R>(
    single: &Lane<Reads<K, T>>,
    several: &Lookups<K, T>,
    store: &Arc<R>,
    keys: &[K],
) -> Vec<Result<Option<T>, StoreError>>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    R: Join<Reads<K, T>>,
{
    match keys {
        [] => Vec::new(),
        [key] => single.read(store, key).await,
        keys => {
            let store = Arc::clone(store);
            let found = several.read(keys.to_vec(), async move |keys| store.join(&keys).await).await;
            found.unwrap_or_else(|lost| keys.iter().map(|_| Err(lost.clone())).collect())
        }
    }
}

/// Writes of orders.
pub(super) enum OrderWrites {}

impl Calls for OrderWrites {
    type Call = OrderWrite;
    type Value = Option<OrderId>;
    type Claim = OrderClaim;
    const WRITES: bool = true;

    fn claims(write: &OrderWrite) -> Vec<OrderClaim> {
        write.claims()
    }
}

/// Writes of clients.
pub(super) enum ClientWrites {}

impl Calls for ClientWrites {
    type Call = ClientWrite;
    type Value = ();
    type Claim = ClientClaim;
    const WRITES: bool = true;

    fn claims(write: &ClientWrite) -> Vec<ClientClaim> {
        write.claims()
    }
}

#[async_trait]
impl<R: OrderRepository> Join<OrderReads> for R {
    async fn join(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.get_many(keys).await
    }
}

#[async_trait]
impl<R: OrdersWithClients> Join<OrderWithClientReads> for R {
    async fn join(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        self.get_with_clients(keys).await
    }
}

#[async_trait]
impl<R: OrderRepository> Join<OrderWrites> for R {
    async fn join(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.try_commit(writes).await
    }
}

#[async_trait]
impl<R: ClientRepository> Join<ClientReads> for R {
    async fn join(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        self.get_many(keys).await
    }
}

#[async_trait]
impl<R: ClientRepository> Join<ClientWrites> for R {
    async fn join(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        self.try_commit(writes).await
    }
}

#[async_trait]
impl<R: OrderRepository> OrderRepository for Batched<R> {
    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        look_up(&self.order_reads, &self.coalesced.orders, &self.store, keys).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        let (store, question) = (Arc::clone(&self.store), (listing.clone(), request.clone()));
        self.coalesced
            .order_pages
            .read(question, async move |question| store.page(&question.0, &question.1).await)
            .await?
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        let store = Arc::clone(&self.store);
        self.coalesced.order_counts.read(query.clone(), async move |query| store.count(&query).await).await?
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        match writes {
            [write] => vec![self.order_writes.ask(&self.store, write.clone()).await],
            _ => self.store.commit(writes).await,
        }
    }

    provesi_core::forward_order_repository!(
        |batched| &*batched.store; database, try_commit, client_ids, events, entries, ping
    );
}

#[async_trait]
impl<R: OrdersWithClients> OrdersWithClients for Batched<R> {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        look_up(&self.order_with_client_reads, &self.coalesced.orders_with_clients, &self.store, keys).await
    }
}

#[async_trait]
impl<R: ClientRepository> ClientRepository for Batched<R> {
    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        look_up(&self.client_reads, &self.coalesced.clients, &self.store, keys).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        let (store, question) = (Arc::clone(&self.store), (listing.clone(), request.clone()));
        self.coalesced
            .client_pages
            .read(question, async move |question| store.page(&question.0, &question.1).await)
            .await?
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        match writes {
            [write] => vec![self.client_writes.ask(&self.store, write.clone()).await],
            _ => self.store.commit(writes).await,
        }
    }

    provesi_core::forward_client_repository!(|batched| &*batched.store; database, try_commit, count, ping);
}
