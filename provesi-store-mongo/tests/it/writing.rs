//! Two stores at once, and refusals.

use provesi_testkit::data::with;
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use provesi_core::{
    Chain, Client, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, ClientRow, ClientWrite, Email,
    Expected, StoreError, UniqueField,
};
use provesi_store_mongo::MongoStore;

use crate::common::{Fixture, at, client};

fn named(client: &Client, name: &str) -> Client {
    with(client.clone(), |it| it.name = ClientName::parse(name).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_over_one_database_never_overwrite_each_other() {
    let fixture = Fixture::new().await;
    let stores = [fixture.store.clone(), MongoStore::new(&fixture.database)];
    for round in 0..20 {
        let before = client(round);
        stores[0].insert(&before).await.unwrap();
        let (bea, cleo) = (named(&before, "Bea"), named(&before, "Cleo"));
        let version = Expected::from(before.version());
        let (one, two) = tokio::join!(stores[0].update(&bea, version, at(5)), stores[1].update(&cleo, version, at(5)));
        let won = match (one, two) {
            (Ok(won), Err(StoreError::VersionConflict)) | (Err(StoreError::VersionConflict), Ok(won)) => won,
            other => panic!("round {round}: {other:?}"),
        };
        for store in &stores {
            assert_eq!(store.get(before.id).await.unwrap().as_ref(), Some(&won));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_take_any_version_all_go_through() {
    let fixture = Fixture::new().await;
    fixture.store.insert(&client(1)).await.unwrap();
    let changes = (0..16).map(|n| {
        let (store, changed) = (fixture.store.clone(), named(&client(1), &format!("Bea {n}")));
        tokio::spawn(async move { store.update(&changed, Expected::Any, at(5)).await })
    });
    let mut versions = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        versions.push(change.await.unwrap().unwrap().updated_at);
    }
    versions.sort();
    // Each came after another, and none at the same instant.
    assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "{versions:?}");
    assert_eq!(fixture.store.get(client(1).id).await.unwrap().unwrap().updated_at, versions[15]);
}

/// Moves an address from client to client within a batch, which works in the order of the batch alone.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_concern_the_same_client_or_address_keep_their_order() {
    let fixture = Fixture::new().await;
    let emails: [Email; 2] = ["una@ejemplo.co", "UNA@ejemplo.co"].map(|email| email.parse().unwrap());
    for round in 0..10 {
        let mut writes = Vec::new();
        for n in 0..20 {
            // Writes without order, between those with one.
            writes.push(ClientWrite::Insert(client(100 + n)));
            let inserted = with(client(n), |it| it.email = emails[usize::from(n) % 2].clone());
            let before = ClientRow::from(&inserted);
            writes.push(ClientWrite::Insert(inserted));
            let after = with(client(n), |it| it.updated_at = at(1));
            writes.push(match n % 3 {
                0 => ClientWrite::Delete { before },
                _ => ClientWrite::Replace { before, after },
            });
        }
        for (position, outcome) in fixture.store.commit(&writes).await.into_iter().enumerate() {
            assert!(outcome.is_ok(), "write {position} of round {round}: {outcome:?}");
        }
        fixture.raw().delete_many(doc! {}).await.unwrap();
    }
}

/// A batch to a server that answers too late: writes that were not sent are never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_deadline() {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone().with_time_limit(Duration::from_millis(150));
    // The same client over and over, so that the writes wait for one another.
    let writes: Vec<_> = (0..5_000)
        .map(|n| match n % 2 {
            0 => ClientWrite::Insert(client(1)),
            _ => ClientWrite::Delete { before: ClientRow::from(&client(1)) },
        })
        .collect();
    let begun = Instant::now();
    let outcomes = store.commit(&writes).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(outcomes.len(), writes.len());
    let made = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    let unavailable = |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::Unavailable { .. }));
    assert!(made < 4_000 && outcomes[made + 1..].iter().all(unavailable), "{made} made");
    let late = &outcomes[made];
    assert!(unavailable(late) || matches!(late, Err(StoreError::OutcomeUnknown { .. })), "{late:?}");
}

#[tokio::test]
async fn what_is_taken_is_named_and_nobody_is_quoted() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    store.insert(&client(1)).await.unwrap();
    store.insert(&client(2)).await.unwrap();
    let email: Email = "ANA1@ejemplo.co".parse().unwrap();
    let same_email = with(client(3), |it| it.email = email);
    let same_id = with(client(3), |it| it.id = client(1).id);
    let moved = with(client(2), |it| it.email = same_email.email.clone());
    for (refused, expected) in [
        (store.insert(&same_email).await, UniqueField::Email),
        (store.insert(&same_id).await, UniqueField::ClientId),
        (store.update(&moved, Expected::Any, at(5)).await, UniqueField::Email),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, StoreError::AlreadyExists { field } if *field == expected), "{refused:?}");
        assert!(!format!("{refused:?} {}", Chain(&refused)).to_lowercase().contains("ejemplo"));
    }
}

#[tokio::test]
async fn an_index_of_somebody_else_is_a_fault_that_quotes_nobody() {
    let fixture = Fixture::new().await;
    let unique = mongodb::options::IndexOptions::builder().unique(true).build();
    let name = mongodb::IndexModel::builder().keys(doc! { "name": 1 }).options(unique).build();
    fixture.raw().create_index(name).await.unwrap();
    fixture.store.insert(&named(&client(1), "Secreta")).await.unwrap();
    fixture.store.insert(&client(2)).await.unwrap();
    for refused in [
        fixture.store.insert(&named(&client(3), "Secreta")).await,
        fixture.store.update(&named(&client(2), "Secreta"), Expected::Any, at(5)).await,
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Backend { .. }), "{refused:?}");
        let told = format!("{refused:?} {}", Chain(&refused));
        assert!(told.contains("11000") && !told.contains("Secreta"), "{told}");
    }
}

#[tokio::test]
async fn an_address_that_only_the_collation_holds_to_be_another_s_is_nobody_s() {
    let fixture = Fixture::new().await;
    // A final sigma is no sigma's letter case to the domain, and one to every collation, the stand-in's too.
    let (middle, last): (Email, Email) = ("οσο@example.com".parse().unwrap(), "οςο@example.com".parse().unwrap());
    fixture.store.insert(&with(client(1), |it| it.email = middle.clone())).await.unwrap();
    assert_eq!(fixture.store.find_by_email(&last).await.unwrap(), None);
    assert!(fixture.store.find_by_email(&middle).await.unwrap().is_some());
    let refused = fixture.store.insert(&with(client(2), |it| it.email = last)).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists { field: UniqueField::Email })), "{refused:?}");
}

#[tokio::test]
async fn debug_shows_no_credentials() {
    let options = provesi_store_mongo::client_options("mongodb://ana:geheim@127.0.0.1:1/").await.unwrap();
    let store = MongoStore::new(&mongodb::Client::with_options(options).unwrap().database("x"));
    assert!(!format!("{store:?}").contains("geheim"));
    let listing = ClientListing::default();
    let refused =
        store.page(&listing, &provesi_core::PageRequest::first(provesi_core::PageLimit::MAX)).await.unwrap_err();
    assert!(!format!("{refused:?} {}", Chain(&refused)).contains("geheim"));
}
