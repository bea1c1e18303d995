//! The suite that every store passes.

use provesi_store_sqlite::SqliteStore;
use provesi_testkit::Fixture;

async fn store() -> Fixture<SqliteStore> {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("store.db"), 4).await.unwrap();
    store.migrate().await.unwrap();
    Fixture::new(store).keeping(dir)
}

mod clients {
    provesi_testkit::client_repository_suite!(super::store);
}

mod orders {
    provesi_testkit::order_repository_suite!(super::store);
}
