//! The suite of the testkit, each case on a database of its own.

use std::sync::Arc;
use std::time::Duration;

use provesi_core::{AuditStore, StoreAdmin};
use provesi_store_mongo::MongoAudit;
use provesi_testkit::conformance::clients::Clients;

use crate::common::{Fixture, name_order};

async fn clients() -> (Clients, Fixture) {
    let fixture = Fixture::new().await;
    // Cases that send a thousand writes at once are about what is kept, not about how soon.
    let store = fixture.store.clone().with_time_limit(Duration::from_secs(60));
    let names = name_order(&store).await;
    (Clients::new(Arc::new(store), names), fixture)
}

async fn audit() -> (Arc<dyn AuditStore>, Fixture) {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database).with_time_limit(Duration::from_secs(60));
    store.migrate().await.unwrap();
    (Arc::new(store), fixture)
}

mod of_audit {
    provesi_testkit::audit_store_suite!(super::audit);
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::clients);
}
