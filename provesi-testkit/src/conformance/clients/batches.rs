//! Many clients in one call, and the comparison with the row as it was read.

use provesi_core::{Client, ClientKey, ClientRepositoryExt, ClientRow, ClientWrite, StoreError, Stored};

use crate::conformance::support::{Clients, all_clients, assert_records, assert_refused};
use crate::data::{address, at, client, client_id, phone, record, with};

async fn inserted(store: &Clients, number: u64) -> Stored<Client> {
    let given = with(client(number, "Ana"), |it| {
        it.phone = phone("300 1");
        it.address = address("Calle 1");
    });
    store.insert(&given).await.expect("inserted");
    store.load(ClientKey::Id(given.id)).await.expect("read").expect("there")
}

fn replaced(before: &Stored<Client>, content: Client) -> ClientWrite {
    let after = before.with_content(content, at(5)).expect("a change");
    ClientWrite::replace(before.clone(), after)
}

fn renamed(before: &Stored<Client>) -> ClientWrite {
    replaced(before, with(record(before), |it| it.name = client(0, "Bea").name))
}

fn moved_to(before: &Stored<Client>, email: &str) -> ClientWrite {
    replaced(before, with(record(before), |it| it.email = email.parse().expect("an address")))
}

pub async fn every_field_that_was_read_is_compared(store: Clients) {
    let stored = inserted(&store, 1).await;
    let row = &stored.row;
    // What another program would have had to change without a new `updated_at`, for the row to differ from these.
    let others = [
        with(row.clone(), |it| it.name = "ana".to_owned()),
        with(row.clone(), |it| it.email = "CLIENTE-1@example.com".to_owned()),
        with(row.clone(), |it| it.phone = None),
        with(row.clone(), |it| it.phone = Some("300 2".to_owned())),
        with(row.clone(), |it| it.address = None),
        with(row.clone(), |it| it.created_at = at(1)),
        with(row.clone(), |it| it.updated_at = at(1)),
    ];
    for other in others {
        let read = Stored { row: other, record: stored.record.clone() };
        for write in [renamed(&read), moved_to(&read, "otra@example.com"), ClientWrite::delete(read.clone())] {
            assert_refused!(store.commit_one(write).await, StoreError::VersionConflict);
        }
    }
    assert_records(&all_clients(&store).await, &[record(&stored)], "clients");
    store.commit_one(renamed(&stored)).await.expect("the row is as it was read");
}

pub async fn each_write_of_a_batch_stands_alone(store: Clients) {
    let mut stored = Vec::new();
    for number in 1..6 {
        stored.push(inserted(&store, number).await);
    }
    store.commit_one(renamed(&stored[1])).await.expect("changed");
    let writes = [
        renamed(&stored[0]),
        renamed(&stored[1]),
        moved_to(&stored[2], "cliente-1@example.com"),
        ClientWrite::Insert(client(1, "Carla")),
        ClientWrite::Insert(client(7, "Carla")),
        ClientWrite::delete(stored[3].clone()),
        moved_to(&stored[4], "nueva@example.com"),
    ];
    let outcomes = store.commit(&writes).await;
    let [changed, stale, taken, taken_too, made, deleted, moved] = outcomes.try_into().expect("one for each write");
    changed.expect("changed");
    assert_refused!(stale, StoreError::VersionConflict);
    assert_refused!(taken, StoreError::AlreadyExists { .. });
    assert_refused!(taken_too, StoreError::AlreadyExists { .. });
    made.expect("inserted");
    deleted.expect("deleted");
    moved.expect("changed");
    let mut ids: Vec<_> = all_clients(&store).await.into_iter().map(|client| client.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 5, 7].map(client_id));
    let found = store.find_by_email(&"nueva@example.com".parse().expect("an address")).await.expect("read");
    assert_eq!(found.map(|client| client.id), Some(client_id(5)));
}

pub async fn a_batch_of_thousands_is_committed_and_read(store: Clients) {
    const COUNT: u64 = 1_100;
    let clients: Vec<_> = (0..COUNT).map(|number| client(number, "Ana")).collect();
    let inserts: Vec<_> = clients.iter().cloned().map(ClientWrite::Insert).collect();
    for outcome in store.commit(&inserts).await {
        outcome.expect("inserted");
    }
    let mut keys: Vec<_> = clients.iter().map(|client| ClientKey::Id(client.id)).collect();
    keys.extend(clients.iter().map(|client| ClientKey::Email(client.email.clone())));
    keys.push(ClientKey::Id(client_id(COUNT)));
    let found: Vec<_> = store.get_many(&keys).await.into_iter().map(|row| row.expect("read")).collect();
    assert_eq!(found.last(), Some(&None));
    let expected: Vec<_> = clients.iter().chain(&clients).map(|client| Some(ClientRow::from(client))).collect();
    let wrong = (0..expected.len()).find(|at| found[*at] != expected[*at]);
    assert_eq!(wrong, None, "the first key whose row is not at its position");
}

pub async fn an_empty_batch_does_nothing(store: Clients) {
    assert_eq!(store.get_many(&[]).await.len(), 0);
    assert_eq!(store.commit(&[]).await.len(), 0);
}
