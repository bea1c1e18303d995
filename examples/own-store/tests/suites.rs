//! The suites of the testkit, and rows that cannot be decoded.

use std::path::PathBuf;

use own_store::RedbStore;
use provesi_core::{
    ClientKey, ClientListing, ClientRepository, ClientRepositoryExt, ClientRow, OrderKey, OrderListing,
    OrderRepository, OrderRepositoryExt, OrderRow, PageLimit, PageRequest, StoreError,
};
use provesi_testkit::data::{client, client_id, new_order, stamp};
use redb::{Database, TableDefinition};
use tempfile::TempDir;

mod clients {
    provesi_testkit::client_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_clients);
}

mod orders {
    provesi_testkit::order_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_orders);
}

async fn empty() -> (RedbStore, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (reopen(&folder).await, folder)
}

async fn reopen(folder: &TempDir) -> RedbStore {
    RedbStore::open(file(folder)).await.expect("opened")
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("store.redb")
}

/// The id of a row, its key in the unique index, and its columns as JSON.
type Planted = (String, String, String);

/// A store with rows that another program wrote to `table` and its unique index.
async fn planted(table: &str, index: &str, rows: impl IntoIterator<Item = Planted>) -> (RedbStore, TempDir) {
    let (store, folder) = empty().await;
    drop(store);
    let database = Database::create(file(&folder)).expect("opened");
    let transaction = database.begin_write().expect("begun");
    for (id, key, json) in rows {
        let table = TableDefinition::<&str, &str>::new(table);
        let index = TableDefinition::<&str, &str>::new(index);
        transaction.open_table(table).expect("a table").insert(&*id, &*json).expect("inserted");
        transaction.open_table(index).expect("an index").insert(&*key, &*id).expect("inserted");
        // Ids of orders are numbers, which the file counts.
        if let Ok(id) = id.parse::<i64>() {
            let counters = TableDefinition::<&str, i64>::new("counters");
            transaction.open_table(counters).expect("a table").insert("orders", id).expect("inserted");
        }
    }
    transaction.commit().expect("committed");
    drop(database);
    (reopen(&folder).await, folder)
}

async fn plant_orders(rows: Vec<OrderRow>) -> (RedbStore, TempDir) {
    let rows = rows.into_iter().map(|row| {
        let key = row.number.to_ascii_lowercase();
        (row.id.to_string(), key, serde_json::to_string(&row).expect("JSON"))
    });
    planted("orders", "order_numbers", rows).await
}

async fn plant_clients(rows: Vec<ClientRow>) -> (RedbStore, TempDir) {
    let rows = rows.into_iter().map(|row| {
        // As the store has it: the address is folded if it is one.
        let key = if row.email.contains('@') { row.email.to_lowercase() } else { row.email.clone() };
        (row.id.to_string(), key, serde_json::to_string(&row).expect("JSON"))
    });
    planted("clients", "client_emails", rows).await
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
