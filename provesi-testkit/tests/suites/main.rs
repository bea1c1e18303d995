//! The suites on the reference store, and on a store that could fail but is not told to; and what the faults do.

#![allow(clippy::unwrap_used, reason = "tests")]

mod faults;

use provesi_core::{ClientRow, OrderRow};
use provesi_testkit::{FaultyStore, MemoryStore};

async fn memory() -> (MemoryStore, ()) {
    (MemoryStore::new(), ())
}

async fn plant_clients(rows: Vec<ClientRow>) -> (MemoryStore, ()) {
    let store = MemoryStore::new();
    rows.into_iter().for_each(|row| store.plant_client(row));
    (store, ())
}

async fn plant_orders(rows: Vec<OrderRow>) -> (MemoryStore, ()) {
    let store = MemoryStore::new();
    rows.into_iter().for_each(|row| store.plant_order(row));
    (store, ())
}

async fn without_faults() -> (FaultyStore<MemoryStore>, ()) {
    (FaultyStore::new(MemoryStore::new()).0, ())
}

mod clients_in_memory {
    provesi_testkit::client_repository_suite!(super::memory, plant = super::plant_clients);
}

mod orders_in_memory {
    provesi_testkit::order_repository_suite!(super::memory, plant = super::plant_orders);
}

mod clients_without_faults {
    provesi_testkit::client_repository_suite!(super::without_faults);
}

mod orders_without_faults {
    provesi_testkit::order_repository_suite!(super::without_faults);
}

mod audit_in_memory {
    provesi_testkit::audit_store_suite!(super::memory);
}

mod audit_without_faults {
    provesi_testkit::audit_store_suite!(super::without_faults);
}
