//! The cases for stores that read orders together with their clients.

#![allow(missing_docs, reason = "the name of a case is what it checks")]

pub mod irregular;
pub mod lookup;

use std::sync::Arc;

use provesi_core::{
    ClientKey, ClientRepository, ClientRow, OrderKey, OrderRepository, OrderRow, OrdersWithClients, StoreError,
};

/// The three ports of one store.
#[doc(hidden)]
#[derive(Debug)]
pub struct OfBoth {
    clients: Arc<dyn ClientRepository>,
    orders: Arc<dyn OrderRepository>,
    joined: Arc<dyn OrdersWithClients>,
}

/// What a fixture gives, as the cases take it.
#[doc(hidden)]
pub fn under_test(store: impl ClientRepository + OrderRepository + OrdersWithClients) -> OfBoth {
    let store = Arc::new(store);
    OfBoth { clients: Arc::clone(&store) as _, orders: Arc::clone(&store) as _, joined: store }
}

type Found = Result<Option<(OrderRow, Option<ClientRow>)>, StoreError>;

impl OfBoth {
    async fn joined(&self, keys: &[OrderKey]) -> Vec<Found> {
        let found = self.joined.get_with_clients(keys).await.into_iter();
        found.map(|found| found?.map(|found| Ok((found.order, found.client?))).transpose()).collect()
    }

    /// What the two ports say, asked one after the other.
    async fn one_by_one(&self, keys: &[OrderKey]) -> Vec<Found> {
        let mut all = Vec::new();
        for order in self.orders.get_many(keys).await {
            let Ok(Some(order)) = order else {
                all.push(order.map(|_| None));
                continue;
            };
            let client = match order.client_id() {
                Ok(Some(id)) => self.clients.get_many(&[ClientKey::Id(id)]).await.remove(0).expect("a client is read"),
                _ => None,
            };
            all.push(Ok(Some((order, client))));
        }
        all
    }

    /// A joined read of all keys, and of each alone, returns what the two ports return.
    async fn assert_agrees(&self, keys: &[OrderKey]) {
        let expected = self.one_by_one(keys).await;
        assert_found(&self.joined(keys).await, &expected);
        for (key, expected) in keys.iter().zip(&expected) {
            assert_found(&self.joined(std::slice::from_ref(key)).await, std::slice::from_ref(expected));
        }
    }
}

fn assert_found(found: &[Found], expected: &[Found]) {
    let plain = |found: &Found| found.as_ref().expect("an order and its client are read").clone();
    let plainly = |all: &[Found]| all.iter().map(plain).collect::<Vec<_>>();
    assert_eq!(plainly(found), plainly(expected));
}

/// Makes a test of each case of the suite for stores that read orders together with their clients. Use it in a module of its own.
///
/// ```rust,ignore
/// provesi_testkit::orders_with_clients_suite!(super::empty, plant = super::plant_orders);
/// ```
///
/// The arguments are those of [`order_repository_suite!`](crate::order_repository_suite); the store has both ports.
#[macro_export]
macro_rules! orders_with_clients_suite {
    ($fixture:path $(, plant = $plant:path)? $(,)?) => {
        $crate::__conformance_cases! {
            orders_with_clients, $fixture,
            lookup:
                an_order_comes_with_its_client,
                a_change_of_either_is_seen_at_once,
                thousands_are_read,
                nothing_is_asked_for_and_nothing_found;
        }
        $($crate::__irregular_cases!(orders_with_clients, $plant, irregular_orders_come_with_their_clients);)?
    };
}
