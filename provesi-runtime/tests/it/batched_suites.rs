//! The suites of the testkit on joined calls.

use provesi_core::{ClientRow, OrderRow};
use provesi_runtime::Batched;
use provesi_testkit::MemoryStore;

async fn empty() -> (Batched<MemoryStore>, ()) {
    (Batched::new(MemoryStore::new()), ())
}

async fn plant_clients(rows: Vec<ClientRow>) -> (Batched<MemoryStore>, ()) {
    let store = MemoryStore::new();
    rows.into_iter().for_each(|row| store.plant_client(row));
    (Batched::new(store), ())
}

async fn plant_orders(rows: Vec<OrderRow>) -> (Batched<MemoryStore>, ()) {
    let store = MemoryStore::new();
    rows.into_iter().for_each(|row| store.plant_order(row));
    (Batched::new(store), ())
}

mod clients {
    provesi_testkit::client_repository_suite!(super::empty, plant = super::plant_clients);
}

mod orders {
    provesi_testkit::order_repository_suite!(super::empty, plant = super::plant_orders);
}

mod orders_with_clients {
    provesi_testkit::orders_with_clients_suite!(super::empty, plant = super::plant_orders);
}
