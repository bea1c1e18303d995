//! The suites on the reference store, and on a store that could fail but is not told to; and what the faults do.

#![allow(clippy::unwrap_used, reason = "tests")]

mod faults;
mod irregular;

use std::sync::Arc;

use provesi_core::{AuditStore, ClientRepository, OrderRepository};
use provesi_testkit::{FaultyStore, MemoryStore};

async fn memory_clients() -> (Arc<dyn ClientRepository>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

async fn memory_orders() -> (Arc<dyn OrderRepository>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

async fn memory_audit() -> (Arc<dyn AuditStore>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

async fn faulty_audit() -> (Arc<dyn AuditStore>, ()) {
    (Arc::new(FaultyStore::new(MemoryStore::new()).0), ())
}

async fn faulty_clients() -> (Arc<dyn ClientRepository>, ()) {
    (Arc::new(FaultyStore::new(MemoryStore::new()).0), ())
}

async fn faulty_orders() -> (Arc<dyn OrderRepository>, ()) {
    (Arc::new(FaultyStore::new(MemoryStore::new()).0), ())
}

mod clients_in_memory {
    provesi_testkit::client_repository_suite!(super::memory_clients);
}

mod orders_in_memory {
    provesi_testkit::order_repository_suite!(super::memory_orders);
}

mod clients_without_faults {
    provesi_testkit::client_repository_suite!(super::faulty_clients);
}

mod orders_without_faults {
    provesi_testkit::order_repository_suite!(super::faulty_orders);
}

mod audit_in_memory {
    provesi_testkit::audit_store_suite!(super::memory_audit);
}

mod audit_without_faults {
    provesi_testkit::audit_store_suite!(super::faulty_audit);
}
