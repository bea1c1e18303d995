//! The indexes.

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use provesi_core::{ClientRepository, ClientRepositoryExt, StoreAdmin, StoreError};
use provesi_store_mongo::MongoStore;

use crate::common::{Fixture, client, mongoengine};

const OURS: [&str; 3] = ["provesi_email", "provesi_name", "the id of the store"];

async fn index_names(fixture: &Fixture) -> Vec<String> {
    let mut names = fixture.raw().list_index_names().await.unwrap();
    names.sort();
    names
}

fn said(refused: StoreError) -> String {
    let StoreError::Backend { source } = refused else { panic!("{refused:?}") };
    source.to_string()
}

/// The indexes that MongoEngine makes.
async fn mongoengine_indexes(fixture: &Fixture) {
    let unique = IndexOptions::builder().unique(true).build();
    let email = IndexModel::builder().keys(doc! { "email": 1 }).options(unique).build();
    let name = IndexModel::builder().keys(doc! { "name": 1 }).build();
    fixture.raw().create_indexes([email, name]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_or_at_once_is_migrating_once() {
    let fixture = Fixture::unmigrated().await;
    let stores: Vec<MongoStore> = (0..4).map(|_| MongoStore::new(&fixture.database)).collect();
    assert_eq!(stores[0].pending_migrations().await.unwrap(), OURS);
    futures_util::future::try_join_all(stores.iter().map(MongoStore::migrate)).await.unwrap();
    stores[0].migrate().await.unwrap();
    assert!(stores[0].pending_migrations().await.unwrap().is_empty());
    assert_eq!(index_names(&fixture).await, ["_id_", OURS[0], OURS[1]]);
}

#[tokio::test]
async fn a_collection_of_mongoengine_is_taken_over_with_its_documents_and_indexes() {
    let fixture = Fixture::unmigrated().await;
    mongoengine_indexes(&fixture).await;
    let documents = [mongoengine(1, "a@example.com"), mongoengine(2, "B@example.com")];
    fixture.raw().insert_many(&documents).await.unwrap();
    assert_eq!(fixture.store.pending_migrations().await.unwrap(), OURS);
    fixture.store.migrate().await.unwrap();
    assert_eq!(index_names(&fixture).await, ["_id_", "email_1", "name_1", OURS[0], OURS[1]]);
    let kept: Vec<Document> =
        fixture.raw().find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap().try_collect().await.unwrap();
    assert_eq!(kept, documents);
    // MongoEngine makes its own again at each start, and is not in the way.
    mongoengine_indexes(&fixture).await;
    assert!(fixture.store.pending_migrations().await.unwrap().is_empty());
}

#[tokio::test]
async fn addresses_that_differ_in_letter_case_stop_it_and_are_listed_by_their_clients() {
    let fixture = Fixture::unmigrated().await;
    mongoengine_indexes(&fixture).await;
    let emails = ["ana@example.com", "ANA@example.com", "bea@example.com", "Ana@Example.com", "Ñ@x.co", "ñ@x.co"];
    for (n, email) in (1..).zip(emails) {
        fixture.raw().insert_one(mongoengine(n, email)).await.unwrap();
    }
    let said = said(fixture.store.migrate().await.unwrap_err());
    for n in [1, 2, 4, 5, 6] {
        assert!(said.contains(&client(n).id.to_string()), "{n}: {said}");
    }
    assert!(!said.contains(&client(3).id.to_string()) && !said.contains('@'), "{said}");
    assert_eq!(index_names(&fixture).await, ["_id_", "email_1", "name_1"], "nothing was changed");
    assert_eq!(fixture.store.pending_migrations().await.unwrap(), OURS);

    for n in [2, 4, 6] {
        fixture.store.delete(client(n).id, provesi_core::Expected::Any).await.unwrap();
    }
    fixture.store.migrate().await.unwrap();
}

#[tokio::test]
async fn the_list_of_what_stops_it_has_an_end() {
    let fixture = Fixture::unmigrated().await;
    let documents: Vec<Document> = (0..=240)
        .map(|n| mongoengine(n, &if n < 100 { format!("{}@x.co", n / 2) } else { "many@x.co".to_owned() }))
        .collect();
    fixture.raw().insert_many(documents).await.unwrap();
    let said = said(fixture.store.migrate().await.unwrap_err());
    assert!(said.contains("; ") && said.len() < 20 * 20 * 25 + 300, "{}", said.len());
}

#[tokio::test]
async fn several_clients_without_an_address_stop_it() {
    let fixture = Fixture::unmigrated().await;
    for n in [1, 2] {
        let mut document = mongoengine(n, "");
        document.remove("email");
        fixture.raw().insert_one(document).await.unwrap();
    }
    let said = said(fixture.store.migrate().await.unwrap_err());
    assert!(said.contains(&client(1).id.to_string()) && said.contains(&client(2).id.to_string()), "{said}");
}

#[tokio::test]
async fn an_index_of_our_name_that_is_another_is_told_and_left_alone() {
    let fixture = Fixture::unmigrated().await;
    let options = IndexOptions::builder().name(OURS[0].to_owned()).build();
    let other = IndexModel::builder().keys(doc! { "email": 1 }).options(options).build();
    fixture.raw().create_index(other).await.unwrap();
    for refused in [fixture.store.migrate().await, fixture.store.pending_migrations().await.map(drop)] {
        assert!(said(refused.unwrap_err()).contains(OURS[0]));
    }
    assert_eq!(index_names(&fixture).await, ["_id_", OURS[0]]);
}

#[tokio::test]
async fn before_it_everything_works_but_letter_case() {
    let fixture = Fixture::unmigrated().await;
    fixture.store.ping().await.unwrap();
    fixture.store.insert(&client(1)).await.unwrap();
    assert_eq!(fixture.store.get(client(1).id).await.unwrap(), Some(client(1)));
}
