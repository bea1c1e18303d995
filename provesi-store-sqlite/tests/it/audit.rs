//! Records of access.

use provesi_core::{
    AuditAction, AuditRecord, AuditSink, Caller, Field, OrderRepository, OrderStatus, Outcome, StoreError, Subject,
};
use provesi_store_sqlite::AuditAck;

use crate::common::{Fixture, at, client_id, order, stamp};

pub(crate) fn record(n: u8) -> AuditRecord {
    let number = Subject::Order(format!("Ord-{n}").parse().unwrap());
    AuditRecord {
        at: at(n.into()),
        caller: Caller { request_id: Some("r-1".into()), ..Caller::system("test").unwrap() },
        action: AuditAction::OrderRead,
        // One of them twice, as a page with two orders of one client names it.
        subjects: vec![number, Subject::Client(client_id(7)), Subject::Client(client_id(7))],
        outcome: Outcome::Done,
        fields: vec![Field::OrderNumber, Field::Status],
    }
}

pub(crate) async fn stored(fixture: &Fixture) -> Vec<(i64, String, String, String)> {
    // As the README says that one asks who saw an order.
    sqlx::query_as(
        "SELECT at, actor, action, fields FROM audit JOIN audit_subjects ON audit_id = id \
         WHERE subject = 'order:ORD-1'",
    )
    .fetch_all(&mut fixture.raw().await)
    .await
    .unwrap()
}

fn expected() -> Vec<(i64, String, String, String)> {
    let fields = r#"["order_number","status"]"#.to_owned();
    vec![(at(1).micros(), "system:test".to_owned(), "order_read".to_owned(), fields)]
}

#[tokio::test]
async fn a_queued_record_is_on_the_disk_once_the_store_is_closed() {
    let fixture = Fixture::new().await;
    for n in 0..50 {
        fixture.store.record(record(n)).await.unwrap();
    }
    fixture.store.close().await;
    assert_eq!(stored(&fixture).await, expected());
    let (records, subjects): (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM audit_subjects)")
            .fetch_one(&mut fixture.raw().await)
            .await
            .unwrap();
    assert_eq!((records, subjects), (50, 100));
    assert!(matches!(fixture.store.record(record(1)).await, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn a_queued_record_is_written_soon_and_does_not_hold_writes_up() {
    let fixture = Fixture::new().await;
    fixture.store.record(record(1)).await.unwrap();
    OrderRepository::insert(&fixture.store, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    for _ in 0..100 {
        if stored(&fixture).await == expected() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the record was not written within two seconds");
}

#[tokio::test]
async fn a_committed_record_is_on_the_disk_once_it_is_acknowledged() {
    let fixture = Fixture::new().await;
    let sink = fixture.store.clone().with_audit_ack(AuditAck::Committed);
    sink.record(record(1)).await.unwrap();
    assert_eq!(stored(&fixture).await, expected());
}
