//! What was written is there after the store was opened again.

use provesi_core::{Client, ClientFilter, ClientListing, ClientRepositoryExt, Expected, StoreError};

use crate::conformance::support::{Clients, all_clients, assert_record, assert_records, assert_refused, client_rows};
use crate::data::{address, at, client, phone, with};

async fn insert(store: &Clients, client: Client) -> Client {
    store.insert(&client).await.expect("inserted");
    client
}

async fn update(store: &Clients, client: Client) -> Client {
    store.update(&client, Expected::Any, at(1)).await.expect("updated")
}

pub async fn clients_are_there_after_reopening(store: Clients, reopen: impl AsyncFnOnce() -> Clients) {
    let whole = with(client(1, "Mañana"), |it| {
        it.phone = phone("+57 300");
        it.address = address("Cra 7\n# 1-23");
    });
    let whole = insert(&store, whole).await;
    let first = insert(&store, client(2, "Ana")).await;
    let changed = with(client(2, "Zoé"), |it| it.email = "otra@example.com".parse().expect("an address"));
    let changed = update(&store, changed).await;
    let deleted = insert(&store, client(3, "Celia")).await;
    store.delete(deleted.id, Expected::Any).await.expect("deleted");
    let rows = client_rows(&store, &ClientListing::default(), 1).await;
    drop(store);

    let store = reopen().await;
    assert_records(&all_clients(&store).await, &[whole, changed.clone()], "clients");
    assert_records(&client_rows(&store, &ClientListing::default(), 1).await, &rows, "rows after reopening and before");
    assert_eq!(store.count(&ClientFilter::default()).await.expect("counted"), 2);
    assert_record(store.find_by_email(&changed.email).await, Some(&changed));
    for gone in [first, deleted] {
        assert_eq!(store.find_by_email(&gone.email).await.expect("read"), None, "{}", gone.email);
    }
}

pub async fn writes_are_compared_with_what_was_there_before_reopening(
    store: Clients,
    reopen: impl AsyncFnOnce() -> Clients,
) {
    let stale = insert(&store, client(1, "Ana")).await;
    let current = update(&store, client(1, "Bea")).await;
    let deleted = insert(&store, client(2, "Celia")).await;
    store.delete(deleted.id, Expected::Any).await.expect("deleted");
    drop(store);

    let store = reopen().await;
    let given = client(1, "Dora");
    assert_refused!(store.update(&given, stale.version().into(), at(2)).await, StoreError::VersionConflict);
    let taken = with(client(3, "Eva"), |it| it.email = current.email.clone());
    assert_refused!(store.insert(&taken).await, StoreError::AlreadyExists { .. });
    assert_refused!(store.insert(&client(1, "Eva")).await, StoreError::AlreadyExists { .. });
    let after = store.update(&given, current.version().into(), at(2)).await.expect("the version is the current one");
    let again = insert(&store, client(2, "Celia")).await;
    assert_records(&all_clients(&store).await, &[again, after], "clients");
}
