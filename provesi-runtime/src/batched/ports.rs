//! What is joined of each port.

use std::convert::Infallible;
use std::marker::PhantomData;

use async_trait::async_trait;
use provesi_core::{
    ClientClaim, ClientKey, ClientRepository, ClientRow, ClientWrite, OrderClaim, OrderId, OrderKey, OrderRepository,
    OrderRow, OrderWrite, StoreError,
};

use super::Batched;
use super::lane::{Calls, Join};

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
pub(super) type ClientReads = Reads<ClientKey, ClientRow>;

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
        self.order_reads.read(&self.store, keys).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        match writes {
            [write] => vec![self.order_writes.ask(&self.store, write.clone()).await],
            _ => self.store.commit(writes).await,
        }
    }

    provesi_core::forward_order_repository!(
        |batched| &*batched.store; database, try_commit, page, count, client_ids, events, entries, ping
    );
}

#[async_trait]
impl<R: ClientRepository> ClientRepository for Batched<R> {
    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        self.client_reads.read(&self.store, keys).await
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        match writes {
            [write] => vec![self.client_writes.ask(&self.store, write.clone()).await],
            _ => self.store.commit(writes).await,
        }
    }

    provesi_core::forward_client_repository!(|batched| &*batched.store; database, try_commit, page, count, ping);
}
