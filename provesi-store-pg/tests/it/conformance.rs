//! The suites of the testkit, each case in a database of its own.

use std::sync::Arc;

use provesi_core::{AuditStore, ClientRepository, OrderRepository};
use provesi_store_pg::SharedTransaction;

use crate::common::{Fixture, begin};

async fn clients() -> (Arc<dyn ClientRepository>, Fixture) {
    let fixture = Fixture::new().await;
    (Arc::new(fixture.store.clone()), fixture)
}

async fn orders() -> (Arc<dyn OrderRepository>, Fixture) {
    let fixture = Fixture::new().await;
    (Arc::new(fixture.store.clone()), fixture)
}

async fn audit() -> (Arc<dyn AuditStore>, Fixture) {
    let fixture = Fixture::new().await;
    (Arc::new(fixture.store.clone()), fixture)
}

async fn orders_in_a_transaction() -> (Arc<dyn OrderRepository>, (Fixture, SharedTransaction)) {
    let fixture = Fixture::new().await;
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    (Arc::new(inside), (fixture, transaction))
}

async fn clients_in_a_transaction() -> (Arc<dyn ClientRepository>, (Fixture, SharedTransaction)) {
    let fixture = Fixture::new().await;
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    (Arc::new(inside), (fixture, transaction))
}

mod of_audit {
    provesi_testkit::audit_store_suite!(super::audit);
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::clients);
}

mod of_orders {
    provesi_testkit::order_repository_suite!(super::orders);
}

mod of_clients_in_a_transaction {
    provesi_testkit::client_repository_suite!(super::clients_in_a_transaction);
}

mod of_orders_in_a_transaction {
    provesi_testkit::order_repository_suite!(super::orders_in_a_transaction);
}
