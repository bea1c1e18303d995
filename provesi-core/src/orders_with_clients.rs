//! Orders and their clients, read together.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ClientRow, OrderKey, OrderRow, StoreError};

/// A store of both orders and clients that reads an order with its client in one query.
///
/// A store need not implement it: without, [`App`](crate::App) asks for the client after the order. With it
/// ([`App::with_joined_reads`](crate::App::with_joined_reads)), an order is read in one round trip. `provesi-testkit` tests an
/// implementation.
#[async_trait]
pub trait OrdersWithClients: Debug + Send + Sync + 'static {
    /// As [`OrderRepository::get_many`](crate::OrderRepository::get_many), each order with its client.
    ///
    /// # Errors
    /// As [`OrderRepository::get_many`](crate::OrderRepository::get_many), whichever of the two the query could not read.
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>>;
}

/// An order and the client that it names, as they are in a store.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make them, and both parts are all there is")]
pub struct OrderWithClient {
    /// The order.
    pub order: OrderRow,
    /// The client with the id [`OrderRow::client_id`]: `None` if it does not exist, [`StoreError::Corrupt`] if its row cannot be
    /// decoded. Means nothing if the order has no client id, or one that is none.
    pub client: Result<Option<ClientRow>, StoreError>,
}

#[async_trait]
impl<R: OrdersWithClients + ?Sized> OrdersWithClients for Arc<R> {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        (**self).get_with_clients(keys).await
    }
}
