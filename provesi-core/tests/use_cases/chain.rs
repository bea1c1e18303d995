//! Every kind of tampering with the audit records is found, and where.

use provesi_core::{
    AuditChain, AuditHead, AuditQuery, AuditRecord, AuditStore, BrokenChain, Outcome, StoredAudit, VerifyError,
    verify_audit, verify_head,
};
use provesi_testkit::audit::{self, client, verify};
use provesi_testkit::{Call, Fault, FaultyStore, MemoryStore};

fn record(number: u64) -> AuditRecord {
    audit::record(0, vec![client(number)])
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
    match verify(&store, expected).await {
        Err(VerifyError::Broken(broken)) => broken,
        other => panic!("{other:?}"),
    }
}

/// Computes the hashes again from the index `at` on, as somebody could who may write the table and knows this crate.
fn relink(records: &mut Vec<StoredAudit>, at: usize) {
    let rest: Vec<_> = records.drain(at..).map(|stored| stored.record).collect();
    records.extend(AuditChain::plain().link_all(records[at - 1].head(), &rest));
}

#[tokio::test]
async fn an_unchanged_chain_is_valid_from_any_head() {
    let (store, head) = filled().await;
    let chain = AuditChain::plain();
    let middle = store.records(&AuditQuery::Chain { after: 99, limit: 1 }).await.unwrap()[0].head();
    for from in [AuditHead::START, middle, head] {
        assert_eq!(verify_audit(&store, &chain, from, &[middle, head]).await.unwrap(), head);
    }
    // Earlier heads stay valid when records are appended.
    store.append(&chain, &[record(7)]).await.unwrap();
    assert_eq!(verify(&store, &[middle, head]).await.unwrap().sequence, 251);
}

#[tokio::test]
async fn changes_removals_insertions_and_moves_are_found_where_they_are() {
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
    // A changed record with its own right hash is found at the next one.
    let relink_one = |records: &mut Vec<StoredAudit>| {
        records[119] = AuditChain::plain().link_all(records[118].head(), &[record(9_999)]).remove(0);
    };
    assert_eq!(broken_by(relink_one, &[]).await.sequence(), 121);
}

#[tokio::test]
async fn a_cut_tail_and_a_recomputed_chain_are_found_by_an_expected_head() {
    let (_, head) = filled().await;
    let cut = broken_by(|records| records.truncate(200), &[head]).await;
    assert!(matches!(cut, BrokenChain::Truncated { last: 200, .. }), "{cut:?}");
    let recompute = |records: &mut Vec<StoredAudit>| {
        records.remove(119);
        relink(records, 119);
    };
    let recompute_and_append = |records: &mut Vec<StoredAudit>| {
        recompute(records);
        records.extend(AuditChain::plain().link_all(records[248].head(), &[record(1)]));
    };
    let recomputed = broken_by(recompute_and_append, &[head]).await;
    assert!(matches!(recomputed, BrokenChain::Recomputed { expected } if expected == head), "{recomputed:?}");
    // Of two expected heads with one sequence number, one is wrong.
    let other = AuditHead { hash: AuditHead::START.hash, ..head };
    for expected in [[head, other], [other, head]] {
        let found = broken_by(|_| {}, &expected).await;
        assert!(matches!(found, BrokenChain::Recomputed { expected } if expected == other), "{found:?}");
    }
    // Without a head and without a key, it is not found.
    let (store, _) = filled().await;
    store.tamper_with_audit(recompute);
    verify(&store, &[]).await.unwrap();
}

#[tokio::test]
async fn a_chain_with_a_key_cannot_be_recomputed_without_it() {
    let store = MemoryStore::new();
    let chain = AuditChain::keyed(b"0123456789abcdef0123456789abcdef");
    store.append(&chain, &(0..10).map(record).collect::<Vec<_>>()).await.unwrap();
    store.tamper_with_audit(|records| {
        records.remove(4);
        relink(records, 4);
    });
    match verify_audit(&store, &chain, AuditHead::START, &[]).await {
        Err(VerifyError::Broken(BrokenChain::Changed { sequence: 5 })) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_store_that_fails_says_nothing_about_the_chain() {
    let (store, _) = filled().await;
    let (store, faults) = FaultyStore::new(store);
    for call in [Call::Head, Call::Records] {
        faults.arm(call, Fault::FailBefore, 1);
        let failed = verify(&store, &[]).await;
        assert!(matches!(failed, Err(VerifyError::Store(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_known_head_is_found_as_long_as_its_record_is_unchanged() {
    let chain = AuditChain::plain();
    let first = AuditChain::plain().link_all(AuditHead::START, &[record(0)])[0].head();
    for known in [AuditHead::START, first, filled().await.1] {
        let (store, _) = filled().await;
        verify_head(&store, Some(&chain), known).await.unwrap();
        // Also after more appends, and if the records before it were archived.
        store.append(&chain, &[record(7), record(8)]).await.unwrap();
        verify_head(&store, Some(&chain), known).await.unwrap();
        store.tamper_with_audit(|records| records.retain(|stored| stored.sequence >= known.sequence));
        verify_head(&store, Some(&chain), known).await.unwrap();
    }
}

#[tokio::test]
async fn a_known_head_is_missed_once_its_record_was_removed_or_changed() {
    const LAST: usize = 249;
    type Change = fn(&mut Vec<StoredAudit>);
    let cut = |records: &mut Vec<StoredAudit>| records.truncate(200);
    let changed = |records: &mut Vec<StoredAudit>| records[LAST].record.outcome = Outcome::Failed;
    let changed_and_hashed = |records: &mut Vec<StoredAudit>| {
        records[LAST].record.outcome = Outcome::Failed;
        relink(records, LAST);
    };
    let relinked_before = |records: &mut Vec<StoredAudit>| {
        records[10].record.outcome = Outcome::Failed;
        relink(records, 10);
    };
    let changes: [(Change, i64); 4] = [(cut, 201), (changed, 250), (changed_and_hashed, 250), (relinked_before, 250)];
    // Also after one append, and after so many that the sequence number is taken again.
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
