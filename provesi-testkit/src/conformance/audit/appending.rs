//! What is appended, and in which order.

use crate::data::with;
use std::sync::Arc;
use std::time::Duration;

use provesi_core::{
    AuditAction, AuditChain, AuditFilter, AuditHead, AuditQuery, AuditRecord, BrokenChain, Caller, Field, Outcome,
    VerifyError, verify_audit,
};

use super::{Store, append, concurrently, pages, sequences, whole};
use crate::audit::{client, order, record, verify};
use crate::conformance::support::drop_at_wait;

pub async fn an_empty_store_has_the_head_of_an_empty_chain(store: Store) {
    assert_eq!(store.head().await.expect("the head"), AuditHead::START);
    assert_eq!(store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.expect("the chain"), []);
    assert_eq!(verify(&*store, &[]).await.expect("valid"), AuditHead::START);
}

pub async fn records_come_back_as_they_were_given_in_the_order_of_the_chain(store: Store) {
    let anonymous = with(record(1, Vec::new()), |it| {
        it.caller = Caller::default();
        it.fields = Vec::new();
    });
    // The clock may stand or run back: the chain has the order in which they came.
    let given =
        [record(7, vec![order("Ord-1"), client(2), client(2), client(1)]), anonymous, record(7, vec![client(1)])];
    let head = append(&store, &given[..2]).await;
    assert_eq!(head.sequence, 2);
    let head = append(&store, &given[2..]).await;
    let kept = whole(&store).await;
    let expected: Vec<_> = given.iter().map(AuditRecord::normalized).collect();
    assert_eq!(kept.iter().map(|stored| stored.record.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(sequences(&kept), [1, 2, 3]);
    assert_eq!(kept[2].head(), head);
    assert_eq!(kept, AuditChain::plain().link_all(AuditHead::START, &given));
}

pub async fn every_action_outcome_and_field_comes_back(store: Store) {
    let fields = vec![
        Field::ClientId,
        Field::Name,
        Field::Email,
        Field::Phone,
        Field::Address,
        Field::OrderNumber,
        Field::Status,
        Field::ReturnReason,
    ];
    let outcomes = [Outcome::Done, Outcome::Refused, Outcome::Failed].into_iter().cycle();
    let given: Vec<_> = AuditAction::ALL
        .into_iter()
        .zip(outcomes)
        .map(|(action, outcome)| {
            with(record(0, vec![client(1)]), |it| {
                it.action = action;
                it.outcome = outcome;
                it.fields = fields.clone();
            })
        })
        .collect();
    append(&store, &given).await;
    let kept: Vec<_> = whole(&store).await.into_iter().map(|stored| stored.record).collect();
    assert_eq!(kept, given);
}

pub async fn two_thousand_subjects_come_back(store: Store) {
    let subjects: Vec<_> = (0..1_000).flat_map(|number| [order(&format!("Ord-{number}")), client(number)]).collect();
    let given = [record(0, subjects), record(1, vec![client(999)])];
    append(&store, &given).await;
    let kept = whole(&store).await;
    assert_eq!(kept[0].record, given[0].normalized());
    assert_eq!((kept[0].record.subjects.len(), kept.len()), (2_000, 2));
}

pub async fn a_thousand_records_at_once_come_back(store: Store) {
    let given: Vec<_> = (0..1_023).map(|number| record(number, vec![client(number.unsigned_abs() % 7)])).collect();
    let head = append(&store, &given).await;
    let kept = whole(&store).await;
    assert_eq!(head.sequence, 1_023);
    assert!(kept.iter().map(|stored| &stored.record).eq(&given), "the records in the order in which they were given");
    let filter = AuditFilter { subject: Some(client(3)), ..AuditFilter::default() };
    let of_one = given.iter().rev().filter(|record| record.subjects == [client(3)]);
    let found = pages(&store, &filter, 1_000).await;
    assert!(
        found.iter().map(|stored| &stored.record).eq(of_one),
        "the records of one subject, the latest first: {found:?}"
    );
}

pub async fn appending_nothing_changes_nothing(store: Store) {
    assert_eq!(append(&store, &[]).await, AuditHead::START);
    let head = append(&store, &[record(0, vec![client(1)])]).await;
    assert_eq!(append(&store, &[]).await, head);
    assert_eq!(whole(&store).await.len(), 1);
}

pub async fn writers_at_once_make_one_chain(store: Store) {
    const WRITERS: u64 = 8;
    const APPENDS: i64 = 10;
    concurrently((0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        async move {
            for round in 0..APPENDS {
                let records: Vec<_> = (0..3).map(|part| record(round * 3 + part, vec![client(writer)])).collect();
                append(&store, &records).await;
            }
        }
    }))
    .await;
    let kept = whole(&store).await;
    // Each writer's own records are in their order, and none is lost or there twice.
    for writer in 0..WRITERS {
        let own = kept.iter().filter(|stored| stored.record.subjects == [client(writer)]);
        let times: Vec<_> = own.map(|stored| stored.record.at).collect();
        let expected: Vec<_> = (0..APPENDS * 3).map(crate::data::at).collect();
        assert_eq!(times, expected, "writer {writer}");
    }
}

pub async fn a_keyed_chain_is_kept_as_it_was_made(store: Store) {
    let chain = AuditChain::keyed(b"0123456789abcdef0123456789abcdef");
    let records = [record(0, vec![client(1)]), record(1, vec![order("A-1")])];
    let head = store.append(&chain, &records).await.expect("appended");
    assert_eq!(verify_audit(&*store, &chain, AuditHead::START, &[head]).await.expect("whole"), head);
    let other = verify_audit(&*store, &AuditChain::plain(), AuditHead::START, &[]).await;
    assert!(matches!(other, Err(VerifyError::Broken(BrokenChain::Changed { sequence: 1 }))), "{other:?}");
}

pub async fn a_dropped_append_leaves_a_whole_chain(store: Store) {
    for round in 1..=12 {
        let records = [record(0, vec![client(1)]), record(1, vec![order("A-1"), client(1)])];
        drop_at_wait(round, store.append(&AuditChain::plain(), &records)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    append(&store, &[record(9, vec![client(9)])]).await;
    let kept = whole(&store).await;
    assert_eq!(kept.last().expect("the last").record, record(9, vec![client(9)]));
}

pub async fn acknowledged_appends_after_abandoned_ones_are_found(store: Store) {
    let abandoned = (0..24).map(|n| {
        let store = Arc::clone(&store);
        async move { drop_at_wait(1 + n / 2, store.append(&AuditChain::plain(), &[record(0, vec![client(1)])])).await }
    });
    concurrently(abandoned).await;
    concurrently((100..124).map(|n| {
        let store = Arc::clone(&store);
        async move {
            append(&store, &[record(1, vec![client(n)])]).await;
        }
    }))
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let kept = whole(&store).await;
    for n in 100..124 {
        assert_eq!(kept.iter().filter(|stored| stored.record.subjects == [client(n)]).count(), 1, "append {n}");
    }
}
