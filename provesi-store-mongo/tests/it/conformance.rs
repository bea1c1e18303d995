//! The suite of the testkit, each case on a database of its own.

use std::sync::Arc;
use std::time::Duration;

use mongodb::Client as Driver;
use mongodb::bson::doc;
use provesi_core::{ClientRow, StoreAdmin};
use provesi_runtime::Batched;
use provesi_store_mongo::{MongoAudit, MongoStore, client_options};
use provesi_testkit::conformance::clients::Clients;

use crate::common::{Fixture, date, name_order, object_id};

async fn empty() -> (Clients, Fixture) {
    let fixture = Fixture::new().await;
    (with_names(fixture.store.clone()).await, fixture)
}

async fn reopen(fixture: &Fixture) -> Clients {
    let driver = Driver::with_options(client_options(fixture.url()).await.unwrap()).unwrap();
    with_names(MongoStore::new(&driver.database(fixture.database.name()))).await
}

async fn plant(rows: Vec<ClientRow>) -> (Clients, Fixture) {
    let (store, fixture) = empty().await;
    let documents = rows.into_iter().map(|row| {
        let mut document = doc! { "_id": object_id(row.id), "name": row.name, "email": row.email };
        document.extend(row.phone.map(|phone| ("phone".to_owned(), phone.into())));
        document.extend(row.address.map(|address| ("address".to_owned(), address.into())));
        document.extend(doc! { "created_at": date(row.created_at), "updated_at": date(row.updated_at) });
        document
    });
    fixture.raw().insert_many(documents).await.unwrap();
    (store, fixture)
}

async fn with_names(store: MongoStore) -> Clients {
    // Cases that send a thousand writes at once are about what is kept, not about how soon.
    let store = store.with_time_limit(Duration::from_secs(60));
    let names = name_order(&store).await;
    Clients::new(Arc::new(store), names)
}

async fn joined() -> (Clients, Fixture) {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone().with_time_limit(Duration::from_secs(60));
    let names = name_order(&store).await;
    (Clients::new(Arc::new(Batched::new(store)), names), fixture)
}

async fn audit() -> (MongoAudit, Fixture) {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database).with_time_limit(Duration::from_secs(60));
    store.migrate().await.unwrap();
    (store, fixture)
}

mod of_audit {
    provesi_testkit::audit_store_suite!(super::audit);
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant);
}

mod of_clients_joined {
    provesi_testkit::client_repository_suite!(super::joined);
}
