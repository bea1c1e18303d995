use std::sync::Arc;

use provesi_testkit::MemoryStore;
use provesi_testkit::conformance::irregular::{self, clients, orders};

fn store() -> Arc<MemoryStore> {
    let store = MemoryStore::new();
    orders().into_iter().for_each(|(row, _)| store.plant_order(row));
    clients().into_iter().for_each(|(row, _)| store.plant_client(row));
    Arc::new(store)
}

#[tokio::test]
async fn irregular_orders_are_listed_repaired_and_deleted() {
    irregular::irregular_orders_are_listed_and_repaired(store()).await;
    irregular::irregular_orders_are_deleted(store()).await;
}

#[tokio::test]
async fn irregular_clients_are_listed_repaired_and_deleted() {
    irregular::irregular_clients_are_listed_and_repaired(store()).await;
    irregular::irregular_clients_are_deleted(store()).await;
}
