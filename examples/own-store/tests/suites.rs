//! The suites of the testkit, its irregular rows, and what is in the file afterwards.

use std::path::Path;
use std::sync::Arc;

use own_store::RedbStore;
use provesi_core::{
    ClientKey, ClientListing, ClientRepository, ClientRepositoryExt, Expected, OrderKey, OrderListing, OrderRepository,
    OrderRepositoryExt, PageLimit, PageRequest, StoreError,
};
use provesi_testkit::conformance::{self, irregular};
use provesi_testkit::data::{client, client_id, new_order, stamp};
use redb::{Database, TableDefinition};
use tempfile::TempDir;

mod clients {
    provesi_testkit::client_repository_suite!(super::empty_clients);
}

mod orders {
    provesi_testkit::order_repository_suite!(super::empty_orders);
}

async fn empty() -> (Arc<RedbStore>, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (open(folder.path()).await, folder)
}

async fn open(folder: &Path) -> Arc<RedbStore> {
    Arc::new(RedbStore::open(folder.join("store.redb")).await.expect("opened"))
}

async fn empty_clients() -> (Arc<dyn ClientRepository>, TempDir) {
    let (store, folder) = empty().await;
    (store, folder)
}

async fn empty_orders() -> (Arc<dyn OrderRepository>, TempDir) {
    let (store, folder) = empty().await;
    (store, folder)
}

/// The id of a row, its key in the unique index, and its columns as JSON.
type Planted = (String, String, String);

/// A store with rows that another program wrote to `table` and its unique index.
async fn planted(table: &str, index: &str, rows: impl IntoIterator<Item = Planted>) -> (Arc<RedbStore>, TempDir) {
    let (store, folder) = empty().await;
    drop(store);
    let database = Database::create(folder.path().join("store.redb")).expect("opened");
    let transaction = database.begin_write().expect("begun");
    for (id, key, json) in rows {
        let table = TableDefinition::<&str, &str>::new(table);
        let index = TableDefinition::<&str, &str>::new(index);
        transaction.open_table(table).expect("a table").insert(&*id, &*json).expect("inserted");
        transaction.open_table(index).expect("an index").insert(&*key, &*id).expect("inserted");
    }
    transaction.commit().expect("committed");
    drop(database);
    (open(folder.path()).await, folder)
}

async fn irregular_orders() -> (Arc<RedbStore>, TempDir) {
    let rows = irregular::orders().into_iter().map(|(row, _)| {
        let (id, key) = (row.id.to_string(), row.number.to_ascii_lowercase());
        let (status, reason, returned_at) = (row.status, row.return_reason, row.returned_at);
        let columns = (row.id, row.number, row.client_id, status, reason, returned_at, row.created_at, row.updated_at);
        (id, key, serde_json::to_string(&columns).expect("JSON"))
    });
    planted("orders", "order_numbers", rows).await
}

async fn irregular_clients() -> (Arc<RedbStore>, TempDir) {
    let rows = irregular::clients().into_iter().map(|(row, _)| {
        // As the store has it: the address is folded if it is one.
        let key = if row.email.contains('@') { row.email.to_lowercase() } else { row.email.clone() };
        let columns = (row.id, row.name, row.email, row.phone, row.address, row.created_at, row.updated_at);
        (row.id.to_string(), key, serde_json::to_string(&columns).expect("JSON"))
    });
    planted("clients", "client_emails", rows).await
}

#[test]
fn irregular_orders_are_listed_and_repaired() {
    conformance::run(async {
        let (store, _folder) = irregular_orders().await;
        irregular::irregular_orders_are_listed_and_repaired(store).await;
    });
}

#[test]
fn irregular_orders_are_deleted() {
    conformance::run(async {
        let (store, _folder) = irregular_orders().await;
        irregular::irregular_orders_are_deleted(store).await;
    });
}

#[test]
fn irregular_clients_are_listed_and_repaired() {
    conformance::run(async {
        let (store, _folder) = irregular_clients().await;
        irregular::irregular_clients_are_listed_and_repaired(store).await;
    });
}

#[test]
fn irregular_clients_are_deleted() {
    conformance::run(async {
        let (store, _folder) = irregular_clients().await;
        irregular::irregular_clients_are_deleted(store).await;
    });
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    let (store, folder) = empty().await;
    let ana = ClientRepositoryExt::insert(&store, &client(1, "Ana")).await.expect("inserted");
    let kept = OrderRepositoryExt::insert(&store, &new_order("A-1"), &stamp(0)).await.expect("inserted");
    let deleted = OrderRepositoryExt::insert(&store, &new_order("A-2"), &stamp(1)).await.expect("inserted");
    OrderRepositoryExt::delete(&store, deleted.id, Expected::Any, &stamp(2)).await.expect("deleted");
    let events = store.feed(None, PageLimit::MAX).await.expect("events");
    drop(store);

    let store = open(folder.path()).await;
    assert_eq!(ClientRepositoryExt::get(&store, ana.id).await.expect("read"), Some(ana));
    assert_eq!(OrderRepositoryExt::get(&store, kept.id).await.expect("read"), Some(kept));
    assert_eq!(OrderRepositoryExt::get(&store, deleted.id).await.expect("read"), None);
    assert_eq!(store.feed(None, PageLimit::MAX).await.expect("events"), events);
    let next = OrderRepositoryExt::insert(&store, &new_order("A-2"), &stamp(3)).await.expect("inserted");
    assert!(next.id > deleted.id, "an id is not given again");
}

/// What a damaged row says, which no error may repeat.
const SECRET: &str = "Ana Pérez";

fn assert_corrupt<T>(answer: &Result<T, StoreError>) {
    let Err(error @ StoreError::Corrupt { .. }) = answer else { panic!("the row is corrupt") };
    assert!(!provesi_core::Chain(error).to_string().contains(SECRET));
}

#[tokio::test]
async fn a_damaged_order_is_corrupt_alone() {
    let damaged = ("9".to_owned(), "a-9".to_owned(), format!("[9, {SECRET:?}]"));
    let (store, _folder) = planted("orders", "order_numbers", [damaged]).await;
    let sound = OrderRepositoryExt::insert(&store, &new_order("A-1"), &stamp(0)).await.expect("inserted");

    let keys = ["A-9", "A-1"].map(|number| OrderKey::Number(number.parse().expect("a number")));
    let found = OrderRepository::get_many(&store, &keys).await;
    assert_corrupt(&found[0]);
    assert!(found[1].as_ref().is_ok_and(|row| *row == Some((&sound).into())));
    let request = PageRequest::first(PageLimit::MAX);
    let page = OrderRepository::page(&store, &OrderListing::default(), &request).await.expect("a page");
    assert_eq!(page.items, [(&sound).into()]);
}

#[tokio::test]
async fn a_damaged_client_is_corrupt_alone() {
    let damaged = (client_id(9).to_string(), "ana@example.com".to_owned(), format!("{{\"name\": {SECRET:?}}}"));
    let (store, _folder) = planted("clients", "client_emails", [damaged]).await;
    let sound = ClientRepositoryExt::insert(&store, &client(1, "Celia")).await.expect("inserted");

    let found = ClientRepository::get_many(&store, &[9, 1].map(|number| ClientKey::Id(client_id(number)))).await;
    assert_corrupt(&found[0]);
    assert!(found[1].as_ref().is_ok_and(|row| *row == Some((&sound).into())));
    let request = PageRequest::first(PageLimit::MAX);
    let page = ClientRepository::page(&store, &ClientListing::default(), &request).await.expect("a page");
    assert_eq!(page.items, [(&sound).into()]);
}
