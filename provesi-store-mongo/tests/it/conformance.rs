//! The suite of the testkit, each case on a database of its own.

use std::sync::Arc;
use std::time::Duration;

use provesi_core::ClientRepository;

use crate::common::Fixture;

async fn clients() -> (Arc<dyn ClientRepository>, Fixture) {
    let fixture = Fixture::new().await;
    // Cases that send a thousand writes at once are about what is kept, not about how soon.
    let store = fixture.store.clone().with_time_limit(Duration::from_secs(60));
    (Arc::new(store), fixture)
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::clients);
}
