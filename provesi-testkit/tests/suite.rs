//! The suite over the stores of this crate: what it asks of others it asks of itself.

mod memory {
    use provesi_testkit::{Fixture, MemoryStore};

    async fn store() -> Fixture<MemoryStore> {
        Fixture::new(MemoryStore::new())
    }

    mod clients {
        provesi_testkit::client_repository_suite!(super::store);
    }

    mod orders {
        provesi_testkit::order_repository_suite!(super::store);
    }
}
