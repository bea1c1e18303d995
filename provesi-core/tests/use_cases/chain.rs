//! Each kind of tampering with the records of access is seen, and where.

use provesi_core::{
    AuditAction, AuditChain, AuditHead, AuditRecord, AuditStore, BrokenChain, Caller, Outcome, StoredAudit, Subject,
    VerifyError, verify_audit, verify_head,
};
use provesi_testkit::data::{at, client_id};
use provesi_testkit::{Faults, FaultyStore, MemoryStore};

fn record(number: u64) -> AuditRecord {
    AuditRecord {
        at: at(0),
        caller: Caller::system("test").unwrap(),
        action: AuditAction::ClientRead,
        subjects: vec![Subject::Client(client_id(number))],
        outcome: Outcome::Done,
        fields: Vec::new(),
        list: None,
    }
}

const RECORDS: u64 = 250;

async fn filled() -> (MemoryStore, AuditHead) {
    let store = MemoryStore::new();
    let head = store.append(&AuditChain::plain(), &(0..RECORDS).map(record).collect::<Vec<_>>()).await.unwrap();
    (store, head)
}

async fn broken_by(change: impl FnOnce(&mut Vec<StoredAudit>), expected: &[AuditHead]) -> BrokenChain {
    let (store, _) = filled().await;
    store.tamper_with_audit(change);
    match verify_audit(&store, &AuditChain::plain(), AuditHead::START, expected).await {
        Err(VerifyError::Broken(broken)) => broken,
        other => panic!("{other:?}"),
    }
}

/// The records from the place `at` on, linked anew: what somebody does who may write the table and knows this crate.
fn relinked(records: &mut Vec<StoredAudit>, at: usize) {
    let head = AuditHead { sequence: records[at - 1].sequence, hash: records[at - 1].hash };
    let rest: Vec<_> = records.drain(at..).map(|stored| stored.record).collect();
    records.extend(AuditChain::plain().after(head, &rest));
}

#[tokio::test]
async fn a_chain_that_nobody_touched_is_whole_from_any_head() {
    let (store, head) = filled().await;
    let chain = AuditChain::plain();
    let part = store.after(99, provesi_core::PageLimit::new(1).unwrap()).await.unwrap().remove(0);
    let middle = AuditHead { sequence: part.sequence, hash: part.hash };
    for from in [AuditHead::START, middle, head] {
        assert_eq!(verify_audit(&store, &chain, from, &[middle, head]).await.unwrap(), head);
    }
    // With what comes later, the heads that were noted before are still those of this chain.
    store.append(&chain, &[record(7)]).await.unwrap();
    assert_eq!(verify_audit(&store, &chain, AuditHead::START, &[middle, head]).await.unwrap().sequence, 251);
}

#[tokio::test]
async fn changes_removals_insertions_and_moves_are_seen_where_they_are() {
    let changed = broken_by(|records| records[119].record.outcome = Outcome::Failed, &[]).await;
    assert!(matches!(changed, BrokenChain::Changed { sequence: 120 }), "{changed:?}");
    let removed = broken_by(|records| drop(records.remove(119)), &[]).await;
    assert!(matches!(removed, BrokenChain::Missing { sequence: 120, found: 121 }), "{removed:?}");
    let moved = |records: &mut Vec<StoredAudit>| {
        let record = records[119].record.clone();
        records[119].record = std::mem::replace(&mut records[140].record, record);
    };
    assert_eq!(broken_by(moved, &[]).await.sequence(), 120);
    let inserted = |records: &mut Vec<StoredAudit>| {
        let mut added = records[119].clone();
        added.record = record(9_999);
        records.insert(119, added);
        (120..).zip(&mut records[119..]).for_each(|(sequence, stored)| stored.sequence = sequence);
    };
    assert_eq!(broken_by(inserted, &[]).await.sequence(), 120);
    // Also where the record is given a hash that is right for itself.
    let relinked_one = |records: &mut Vec<StoredAudit>| {
        let head = AuditHead { sequence: 119, hash: records[118].hash };
        records[119] = AuditChain::plain().after(head, &[record(9_999)]).next().unwrap();
    };
    assert_eq!(broken_by(relinked_one, &[]).await.sequence(), 121);
}

#[tokio::test]
async fn a_cut_tail_and_a_chain_made_anew_are_seen_by_who_kept_the_head() {
    let (_, head) = filled().await;
    let cut = broken_by(|records| records.truncate(200), &[head]).await;
    assert!(matches!(cut, BrokenChain::CutOff { last: 200, .. }), "{cut:?}");
    let made_anew = |records: &mut Vec<StoredAudit>| {
        records.remove(119);
        relinked(records, 119);
    };
    let anew = broken_by(
        |records| {
            made_anew(records);
            let last = records[248].clone();
            records.extend(AuditChain::plain().after(AuditHead { sequence: 249, hash: last.hash }, &[record(1)]));
        },
        &[head],
    )
    .await;
    assert!(matches!(anew, BrokenChain::MadeAnew { expected } if expected == head), "{anew:?}");
    // Without a head and without a key, nobody sees it.
    let (store, _) = filled().await;
    store.tamper_with_audit(made_anew);
    verify_audit(&store, &AuditChain::plain(), AuditHead::START, &[]).await.unwrap();
}

#[tokio::test]
async fn under_a_key_a_chain_cannot_be_made_anew_without_it() {
    let store = MemoryStore::new();
    let chain = AuditChain::keyed(b"0123456789abcdef0123456789abcdef");
    store.append(&chain, &(0..10).map(record).collect::<Vec<_>>()).await.unwrap();
    store.tamper_with_audit(|records| {
        records.remove(4);
        relinked(records, 4);
    });
    match verify_audit(&store, &chain, AuditHead::START, &[]).await {
        Err(VerifyError::Broken(BrokenChain::Changed { sequence: 5 })) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_store_that_fails_says_nothing_of_the_chain() {
    let (store, _) = filled().await;
    let (store, faults): (FaultyStore<MemoryStore>, Faults) = FaultyStore::new(store);
    for method in ["head", "after"] {
        faults.arm(method, provesi_testkit::Fault::FailBefore, 1);
        let failed = verify_audit(&store, &AuditChain::plain(), AuditHead::START, &[]).await;
        assert!(matches!(failed, Err(VerifyError::Store(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_known_head_is_found_as_long_as_its_record_is_there_as_it_was() {
    let chain = AuditChain::plain();
    let first =
        AuditHead { sequence: 1, hash: filled().await.0.after(0, provesi_core::PageLimit::MAX).await.unwrap()[0].hash };
    for known in [AuditHead::START, first, filled().await.1] {
        let (store, _) = filled().await;
        verify_head(&store, Some(&chain), known).await.unwrap();
        // Whatever follows, and where the records before it were archived.
        store.append(&chain, &[record(7), record(8)]).await.unwrap();
        verify_head(&store, Some(&chain), known).await.unwrap();
        store.tamper_with_audit(|records| records.retain(|stored| stored.sequence >= known.sequence));
        verify_head(&store, Some(&chain), known).await.unwrap();
    }
}

#[tokio::test]
async fn a_known_head_is_missed_once_its_record_is_gone_or_changed() {
    const LAST: usize = 249;
    type Change = fn(&mut Vec<StoredAudit>);
    let cut = |records: &mut Vec<StoredAudit>| records.truncate(200);
    let changed = |records: &mut Vec<StoredAudit>| records[LAST].record.outcome = Outcome::Failed;
    let changed_and_hashed = |records: &mut Vec<StoredAudit>| {
        records[LAST].record.outcome = Outcome::Failed;
        relinked(records, LAST);
    };
    let relinked_before = |records: &mut Vec<StoredAudit>| {
        records[10].record.outcome = Outcome::Failed;
        relinked(records, 10);
    };
    let changes: [(Change, i64); 4] = [(cut, 201), (changed, 250), (changed_and_hashed, 250), (relinked_before, 250)];
    // Found at once, after one more append, and after so many that the place is taken again.
    for appended in [0, 1, 100] {
        for (number, (change, at)) in changes.into_iter().enumerate() {
            let (store, known) = filled().await;
            store.tamper_with_audit(change);
            store.append(&AuditChain::plain(), &(0..appended).map(record).collect::<Vec<_>>()).await.unwrap();
            match verify_head(&store, Some(&AuditChain::plain()), known).await {
                Err(VerifyError::Broken(broken)) if appended == 0 => {
                    assert_eq!(broken.sequence(), at, "change {number}: {broken}");
                }
                Err(VerifyError::Broken(_)) => {}
                other => panic!("change {number}: {other:?}"),
            }
        }
    }
    let (store, known) = filled().await;
    let (faulty, faults) = FaultyStore::new(store);
    faults.fail_all();
    let unknown = verify_head(&faulty, None, known).await;
    assert!(matches!(unknown, Err(VerifyError::Store(_))), "{unknown:?}");
}
