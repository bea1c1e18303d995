//! Audit records: what the collection holds, and that tampering with it is found.

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use provesi_core::{AuditChain, AuditHead, BrokenChain, StoreAdmin, VerifyError, verify_head};
use provesi_store_mongo::MongoAudit;
use provesi_testkit::audit::{
    assert_broken, assert_head_is_missed, assert_page_is_corrupt, client, fill, numbered, verify,
};

use crate::common::{Fixture, date};

async fn filled() -> (Fixture, MongoAudit, Collection<Document>, AuditHead) {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database);
    store.migrate().await.unwrap();
    let head = fill(&store).await;
    let raw = fixture.database.collection("provesi_audit");
    (fixture, store, raw, head)
}

#[tokio::test]
async fn the_shell_can_ask_who_saw_an_order() {
    let (_fixture, _store, raw, _) = filled().await;
    let found = raw.find_one(doc! { "subjects": "order:ord-1" }).await.unwrap().unwrap();
    let mut expected = doc! {
        "_id": 1_i64, "at": date(numbered(1).at), "actor": "user:Prueba Ñandú 漢", "action": "order_update",
        "outcome": "done", "fields": ["status", "return_reason"],
        "subjects": [client(7).to_string(), "order:ord-1".to_owned()],
    };
    expected.insert("hash", found.get("hash").unwrap().clone());
    expected.insert("address", "2001:db8::7");
    expected.insert("request_id", "r-1");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_change_of_the_collection_is_found_at_its_record() {
    let (_fixture, store, raw, head) = filled().await;
    assert_eq!(verify(&store, &[head]).await.unwrap(), head);
    let fourth = raw.find_one(doc! { "_id": 4_i64 }).await.unwrap().unwrap();
    for change in [
        doc! { "outcome": "failed" },
        doc! { "actor": "nobody we know" },
        doc! { "address": 7 },
        doc! { "at": date(numbered(3).at) },
        doc! { "subjects": ["order:ord-4"] },
        doc! { "subjects": ["order:ORD-4", client(7).to_string()] },
        doc! { "hash": "none" },
    ] {
        raw.update_one(doc! { "_id": 4_i64 }, doc! { "$set": change.clone() }).await.unwrap();
        assert_broken(&store, &[], 4, &change.to_string()).await;
        raw.delete_one(doc! { "_id": 4_i64 }).await.unwrap();
        let removed = verify(&store, &[]).await;
        let is_found = matches!(removed, Err(VerifyError::Broken(BrokenChain::Missing { sequence: 4, found: 5 })));
        assert!(is_found, "{removed:?}");
        raw.insert_one(&fourth).await.unwrap();
    }
    raw.delete_many(doc! { "_id": { "$gt": 6_i64 } }).await.unwrap();
    // Only an expected head shows that there were more.
    assert_eq!(verify(&store, &[]).await.unwrap().sequence, 6);
    let cut = verify(&store, &[head]).await;
    assert!(matches!(cut, Err(VerifyError::Broken(BrokenChain::Truncated { last: 6, .. }))), "{cut:?}");
}

#[tokio::test]
async fn a_page_with_a_corrupt_record_is_an_error() {
    let (_fixture, store, raw, _) = filled().await;
    raw.update_one(doc! { "_id": 4_i64 }, doc! { "$set": { "action": "looked" } }).await.unwrap();
    assert_page_is_corrupt(&store).await;
}

#[tokio::test]
async fn migrating_creates_two_indexes_in_a_collection_of_its_own() {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database);
    let indexes = ["provesi_audit_at", "provesi_audit_subject"];
    assert_eq!(store.pending_migrations().await.unwrap(), indexes);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    assert_eq!(fixture.database.list_collection_names().await.unwrap(), ["provesi_audit"]);
}

/// Checks what the server does after each append.
#[tokio::test]
async fn a_known_head_that_was_removed_or_changed_is_missed_after_every_later_append() {
    for is_cut in [true, false] {
        let (_fixture, store, raw, known) = filled().await;
        verify_head(&store, Some(&AuditChain::plain()), known).await.unwrap();
        if is_cut {
            raw.delete_many(doc! { "_id": { "$gt": 6_i64 } }).await.unwrap();
        } else {
            raw.update_one(doc! { "_id": 9_i64 }, doc! { "$set": { "actor": "system:nobody" } }).await.unwrap();
        }
        assert_head_is_missed(&store, known, if is_cut { "cut" } else { "changed" }).await;
    }
}
