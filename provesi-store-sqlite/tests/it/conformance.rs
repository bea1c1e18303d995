//! The suites of the testkit, each case on a file of its own.

use std::sync::Arc;

use provesi_core::{AuditStore, ClientRepository, OrderRepository};

use crate::common::Fixture;

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

mod of_audit {
    provesi_testkit::audit_store_suite!(super::audit);
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::clients);
}

mod of_orders {
    provesi_testkit::order_repository_suite!(super::orders);
}
