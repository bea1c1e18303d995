//! Audit records to test with, and checks of stores whose data somebody changed past the port.

use provesi_core::{
    Actor, ActorName, AuditAction, AuditChain, AuditFilter, AuditHead, AuditRecord, AuditStore, AuditStoreExt, Caller,
    Field, Outcome, PageLimit, PageRequest, StoreError, Subject, VerifyError, verify_audit, verify_head,
};

use crate::data::{at, client_id};

/// A change of an order at [`at`]`(millis)`, with these subjects.
///
/// # Panics
/// Never: the name is valid.
#[must_use]
pub fn record(millis: i64, subjects: Vec<Subject>) -> AuditRecord {
    AuditRecord::builder()
        .at(at(millis))
        .caller(Caller {
            actor: Actor::User(ActorName::parse("Prueba Ñandú 漢").expect("a name")),
            address: "2001:db8::7".parse().ok(),
            request_id: Some("r-1".into()),
            ..Caller::default()
        })
        .action(AuditAction::OrderUpdate)
        .subjects(subjects)
        .outcome(Outcome::Done)
        .fields(vec![Field::Status, Field::ReturnReason])
        .build()
}

/// The subject of the client with this number.
#[must_use]
pub fn client(number: u64) -> Subject {
    Subject::Client(client_id(number))
}

/// The subject of an order.
///
/// # Panics
/// If `number` is not a number of an order.
#[must_use]
pub fn order(number: &str) -> Subject {
    Subject::Order(number.parse().expect("a number"))
}

/// A record of the order `Ord-N` and client 7, at N seconds. The client is named twice, as by a page with two of its orders.
#[must_use]
pub fn numbered(n: u8) -> AuditRecord {
    record(i64::from(n) * 1_000, vec![order(&format!("Ord-{n}")), client(7), client(7)])
}

/// Appends the records [`numbered`] 1 to 9 to an empty store.
///
/// # Panics
/// If the store fails.
pub async fn fill(store: &dyn AuditStore) -> AuditHead {
    store.append(&AuditChain::plain(), &(1..=9).map(numbered).collect::<Vec<_>>()).await.expect("appended")
}

/// Verifies the whole chain.
///
/// # Errors
/// Those of [`verify_audit`].
pub async fn verify(store: &dyn AuditStore, expected: &[AuditHead]) -> Result<AuditHead, VerifyError> {
    verify_audit(store, &AuditChain::plain(), AuditHead::START, expected).await
}

/// Asserts that `first` is the first record that is wrong after `change`.
///
/// # Panics
/// If it is not.
pub async fn assert_broken(store: &dyn AuditStore, expected: &[AuditHead], first: i64, change: &str) {
    match verify(store, expected).await {
        Err(VerifyError::Broken(broken)) => assert_eq!(broken.sequence(), first, "{change}: {broken}"),
        other => panic!("{change}: {other:?}"),
    }
}

/// Asserts that a page with a record that cannot be decoded is an error and not a page without that record.
///
/// # Panics
/// If it is not.
pub async fn assert_page_is_corrupt(store: &dyn AuditStore) {
    let page = store.page(&AuditFilter::default(), &PageRequest::first(PageLimit::MAX)).await;
    assert!(matches!(page, Err(StoreError::Corrupt { .. })), "{page:?}");
}

/// Asserts that after `change` a process that knows the head `known` misses it, however many records it appends: more than
/// were removed take their sequence numbers again.
///
/// # Panics
/// If it does not.
pub async fn assert_head_is_missed(store: &dyn AuditStore, known: AuditHead, change: &str) {
    let chain = AuditChain::plain();
    for n in 1..=5 {
        store.append(&chain, &[numbered(n)]).await.expect("appended");
        let missed = verify_head(store, Some(&chain), known).await;
        assert!(matches!(missed, Err(VerifyError::Broken(_))), "{change}: {missed:?}");
    }
}
