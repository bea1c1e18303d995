//! Records of access: what is in the collection, and that nobody changes it unseen.

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use provesi_core::{
    AuditAction, AuditChain, AuditFilter, AuditHead, AuditRecord, AuditStore, BrokenChain, Caller, Field, Outcome,
    PageLimit, PageRequest, StoreAdmin, StoreError, Subject, VerifyError, verify_audit, verify_head,
};
use provesi_store_mongo::MongoAudit;

use crate::common::{Fixture, at, client, date};

fn record(n: u8) -> AuditRecord {
    AuditRecord {
        at: at(n.into()),
        caller: Caller { request_id: Some("r-1".into()), ..Caller::system("test").unwrap() },
        action: AuditAction::OrderRead,
        subjects: vec![Subject::Order(format!("Ord-{n}").parse().unwrap()), Subject::Client(client(7).id)],
        outcome: Outcome::Done,
        fields: vec![Field::Status],
        list: None,
    }
}

async fn filled() -> (Fixture, MongoAudit, Collection<Document>, AuditHead) {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database);
    store.migrate().await.unwrap();
    let records: Vec<_> = (1..=9).map(record).collect();
    let head = store.append(&AuditChain::plain(), &records).await.unwrap();
    let raw = fixture.database.collection("provesi_audit");
    (fixture, store, raw, head)
}

async fn verified(store: &MongoAudit, expected: &[AuditHead]) -> Result<AuditHead, VerifyError> {
    verify_audit(store, &AuditChain::plain(), AuditHead::START, expected).await
}

#[tokio::test]
async fn who_saw_an_order_can_be_asked_in_the_shell() {
    let (_fixture, _store, raw, _) = filled().await;
    let found = raw.find_one(doc! { "subjects": "order:ord-1" }).await.unwrap().unwrap();
    let mut expected = doc! {
        "_id": 1_i64, "at": date(at(1)), "actor": "system:test", "action": "order_read", "outcome": "done",
        "fields": ["status"], "subjects": [format!("client:{}", client(7).id), "order:ord-1".to_owned()],
    };
    expected.insert("hash", found.get("hash").unwrap().clone());
    expected.insert("request_id", "r-1");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn whatever_is_changed_in_the_collection_is_seen_where_it_is() {
    let (_fixture, store, raw, head) = filled().await;
    assert_eq!(verified(&store, &[head]).await.unwrap(), head);
    let fourth = raw.find_one(doc! { "_id": 4_i64 }).await.unwrap().unwrap();
    for change in [
        doc! { "outcome": "failed" },
        doc! { "actor": "nobody we know" },
        doc! { "address": 7 },
        doc! { "at": date(at(3)) },
        doc! { "subjects": ["order:ord-4"] },
        doc! { "subjects": ["order:ORD-4", format!("client:{}", client(7).id)] },
        doc! { "hash": "none" },
    ] {
        raw.update_one(doc! { "_id": 4_i64 }, doc! { "$set": change.clone() }).await.unwrap();
        match verified(&store, &[]).await {
            Err(VerifyError::Broken(broken)) => assert_eq!(broken.sequence(), 4, "{change}: {broken}"),
            other => panic!("{change}: {other:?}"),
        }
        raw.delete_one(doc! { "_id": 4_i64 }).await.unwrap();
        let removed = verified(&store, &[]).await;
        let is_seen = matches!(removed, Err(VerifyError::Broken(BrokenChain::Missing { sequence: 4, found: 5 })));
        assert!(is_seen, "{removed:?}");
        raw.insert_one(&fourth).await.unwrap();
    }
    raw.delete_many(doc! { "_id": { "$gt": 6_i64 } }).await.unwrap();
    // The store does not know that there were more: who noted the head does.
    assert_eq!(verified(&store, &[]).await.unwrap().sequence, 6);
    let cut = verified(&store, &[head]).await;
    assert!(matches!(cut, Err(VerifyError::Broken(BrokenChain::CutOff { last: 6, .. }))), "{cut:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_left_out() {
    let (_fixture, store, raw, _) = filled().await;
    raw.update_one(doc! { "_id": 4_i64 }, doc! { "$set": { "action": "looked" } }).await.unwrap();
    let page = store.page(&AuditFilter::default(), &PageRequest::first(PageLimit::MAX)).await;
    assert!(matches!(page, Err(StoreError::Corrupt { .. })), "{page:?}");
}

#[tokio::test]
async fn since_and_until_are_met_to_the_microsecond() {
    let (_fixture, store, _raw, _) = filled().await;
    let beside = |second: i64, micros: i64| provesi_core::Timestamp::from_micros(at(second).micros() + micros).ok();
    for (since, until, expected) in [
        (beside(3, 0), beside(5, 0), vec![4, 3]),
        (beside(3, 1), beside(5, 1), vec![5, 4]),
        (beside(3, -1), beside(5, -1), vec![4, 3]),
    ] {
        let mut filter = AuditFilter::default();
        (filter.since, filter.until) = (since, until);
        let page = store.page(&filter, &PageRequest::first(PageLimit::MAX)).await.unwrap();
        assert_eq!(page.items.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn migrating_makes_two_indexes_in_a_collection_of_its_own() {
    let fixture = Fixture::unmigrated().await;
    let store = MongoAudit::new(&fixture.database);
    let indexes = ["provesi_audit_at", "provesi_audit_subject"];
    assert_eq!(store.pending_migrations().await.unwrap(), indexes);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    assert_eq!(fixture.database.list_collection_names().await.unwrap(), ["provesi_audit"]);
}

/// What the server does after each append: others append meanwhile, and the record that it knows is looked for.
#[tokio::test]
async fn a_tail_that_is_cut_or_changed_under_a_running_server_is_missed_after_the_next_append() {
    let chain = AuditChain::plain();
    for is_cut in [true, false] {
        let (_fixture, store, raw, known) = filled().await;
        verify_head(&store, Some(&chain), known).await.unwrap();
        if is_cut {
            raw.delete_many(doc! { "_id": { "$gt": 6_i64 } }).await.unwrap();
        } else {
            raw.update_one(doc! { "_id": 9_i64 }, doc! { "$set": { "actor": "system:nobody" } }).await.unwrap();
        }
        for n in 1..=5 {
            store.append(&chain, &[record(n)]).await.unwrap();
            let missed = verify_head(&store, Some(&chain), known).await;
            assert!(matches!(missed, Err(VerifyError::Broken(_))), "cut: {is_cut}: {missed:?}");
        }
    }
}
