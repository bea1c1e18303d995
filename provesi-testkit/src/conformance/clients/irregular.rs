//! Rows that break rules of the domain. No store writes them: the tests of a store plant them, as another program would.

use provesi_core::{
    Client, ClientFilter, ClientId, ClientKey, ClientListing, ClientName, ClientQuery, ClientRepositoryExt, ClientRow,
    Direction, EmailFault, Expected, Field, Invalid, Rule, StoreError, Stored, Version,
};

use crate::conformance::support::{Clients, assert_records, assert_refused, client_rows, streamed_clients};
use crate::data::{at, client, client_row, with};

/// Clients with the ids 1 to 10, two of them valid, and the rules that each breaks. The last has a name that no list goes by.
fn clients() -> Vec<(ClientRow, Vec<Invalid>)> {
    let name = |rule| Invalid::new(Field::Name, rule);
    let no_at = Invalid::new(Field::Email, Rule::Email(EmailFault::NoAt));
    let (long_phone, long_address) = (Rule::TooLong { max: 20 }, Rule::TooLong { max: 1_000 });
    let long_phone = Invalid::new(Field::Phone, long_phone);
    let long_address = Invalid::new(Field::Address, long_address);
    vec![
        (client_row(1, "Ana"), vec![]),
        (client_row(2, "  "), vec![name(Rule::Blank)]),
        (client_row(3, ""), vec![name(Rule::Blank)]),
        (client_row(4, "Ñandú\nDos"), vec![name(Rule::ControlCharacter)]),
        (client_row(5, &"y".repeat(200)), vec![name(Rule::TooLong { max: 100 })]),
        (with(client_row(6, "Celia"), |it| it.email = "nobody".to_owned()), vec![no_at]),
        (with(client_row(7, "Ana"), |it| it.phone = Some("3".repeat(21))), vec![long_phone]),
        (with(client_row(8, "Zoé"), |it| it.address = Some("ñ".repeat(1_001))), vec![long_address]),
        (
            with(client_row(9, " "), |it| {
                it.email = "Nadie".to_owned();
                it.phone = Some("9".repeat(30));
                it.address = Some("x".repeat(5_000));
            }),
            vec![name(Rule::Blank), no_at, long_phone, long_address],
        ),
        (client_row(10, &"z".repeat(201)), vec![name(Rule::TooLong { max: 100 })]),
    ]
}

/// The rows to plant.
#[must_use]
pub fn rows() -> Vec<ClientRow> {
    clients().into_iter().map(|(row, _)| row).collect()
}

/// Every list has every client where it belongs, and what reads valid clients leaves the others out.
async fn assert_clients(store: &Clients, rows: &[ClientRow]) {
    for text in [None, Some("an"), Some("celia"), Some("NOB"), Some("yyy"), Some("33333"), Some("cliente-2@")] {
        for way in [Direction::Ascending, Direction::Descending] {
            let filter = ClientFilter { query: text.map(|text| ClientQuery::parse(text).expect("a text")) };
            let listing = ClientListing::new(filter, way);
            let matching = rows.iter().filter(|row| listing.filter.matches(row));
            assert_eq!(
                store.count(&listing.filter).await.expect("counted"),
                matching.clone().count() as u64,
                "{text:?}"
            );
            let mut expected: Vec<_> = matching.filter_map(|row| row.clone().listed().ok()).collect();
            expected.sort_by(|a, b| store.names.compare(&listing, a, b));
            for limit in [1, 3, 1_000] {
                assert_records(&client_rows(store, &listing, limit).await, &expected, (text, limit, way));
            }
            let valid: Vec<_> = expected.iter().filter_map(|row| row.check().ok()).collect();
            assert_records(&streamed_clients(store, &listing).await, &valid, (text, way));
        }
    }
    let keys: Vec<_> = rows.iter().map(|row| ClientKey::Id(row.id)).collect();
    let found = store.get_many(&keys).await.into_iter().map(|row| row.expect("read").expect("there"));
    assert_records(&found.collect::<Vec<_>>(), rows, "rows by id");
}

async fn loaded_client(store: &Clients, id: ClientId) -> Stored<Client> {
    store.load(ClientKey::Id(id)).await.expect("read").expect("there")
}

/// The client with right values for what is wrong.
fn repaired_client(row: &ClientRow) -> Client {
    let right = client(u64::from(row.id.as_bytes()[11]), "Reparada");
    with(right, |it| {
        it.name = ClientName::parse(row.name.as_str()).unwrap_or_else(|_| it.name.clone());
        it.email = row.email.parse().unwrap_or_else(|_| it.email.clone());
        it.created_at = row.created_at;
    })
}

pub async fn irregular_clients_are_listed_and_repaired(store: Clients) {
    let planted = clients();
    let mut rows = rows();
    assert_clients(&store, &rows).await;
    for (row, faults) in &planted {
        let stored = loaded_client(&store, row.id).await;
        assert_eq!(stored.faults(), faults);
        assert!(stored.row == *row, "every field as it is there: {row:?}");
        let found = [
            store.get(row.id).await,
            match row.email.parse() {
                Ok(email) => store.find_by_email(&email).await,
                Err(_) => store.get(row.id).await,
            },
        ];
        for found in found {
            match found {
                Ok(client) => assert_eq!(client, row.check().ok()),
                Err(StoreError::Corrupt { source }) => assert!(!faults.is_empty(), "{source}"),
                Err(refused) => panic!("{refused:?}"),
            }
        }
        let Ok(email) = row.email.to_ascii_uppercase().parse() else { continue };
        assert_eq!(store.load(ClientKey::Email(email)).await.expect("read"), Some(stored));
    }

    // What is refused changes nothing.
    for (row, _) in &planted {
        let stale = Version::of_none().into();
        assert_refused!(store.update(&repaired_client(row), stale, at(20)).await, StoreError::VersionConflict);
        assert_refused!(store.delete(row.id, stale).await, StoreError::VersionConflict);
    }
    let taken = with(repaired_client(&rows[5]), |it| it.email = client(1, "x").email);
    assert_refused!(store.update(&taken, Expected::Any, at(20)).await, StoreError::AlreadyExists { .. });
    assert_clients(&store, &rows).await;

    for row in rows.iter_mut().filter(|row| row.check().is_err()) {
        let version = loaded_client(&store, row.id).await.version();
        let given = repaired_client(row);
        let after = store.update(&given, version.into(), at(0)).await.expect("repaired");
        assert_eq!(after, with(given.clone(), |it| it.updated_at = at(1)));
        assert_refused!(store.update(&given, version.into(), at(2)).await, StoreError::VersionConflict);
        *row = ClientRow::from(&after);
        assert_eq!(loaded_client(&store, row.id).await, after.into());
    }
    assert_clients(&store, &rows).await;
}

pub async fn irregular_clients_are_deleted(store: Clients) {
    let mut rows = rows();
    while let Some(row) = rows.pop() {
        let stored = loaded_client(&store, row.id).await;
        assert_eq!(store.delete(row.id, stored.version().into()).await.expect("deleted"), stored);
        assert_refused!(store.delete(row.id, Expected::Any).await, StoreError::NotFound);
        assert_clients(&store, &rows).await;
    }
}
