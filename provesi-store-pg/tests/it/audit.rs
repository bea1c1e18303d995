//! Records of access.

use provesi_core::{AuditAction, AuditRecord, AuditSink, Caller, Field, Outcome, Subject};

use crate::common::{Fixture, at, client_id};

#[tokio::test]
async fn a_record_is_there_once_it_is_acknowledged() {
    let fixture = Fixture::new().await;
    let order = Subject::Order("Ord-1".parse().unwrap());
    let record = AuditRecord {
        at: at(1),
        caller: Caller { request_id: Some("r-1".into()), ..Caller::system("test").unwrap() },
        action: AuditAction::OrderRead,
        // One of them twice, as a page with two orders of one client names it.
        subjects: vec![order, Subject::Client(client_id(7)), Subject::Client(client_id(7))],
        outcome: Outcome::Done,
        fields: vec![Field::OrderNumber, Field::Status],
    };
    fixture.store.record(record.clone()).await.unwrap();
    fixture.store.record(AuditRecord { subjects: Vec::new(), ..record }).await.unwrap();
    let mut raw = fixture.raw().await;
    // As the README says that one asks who saw an order.
    let found: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT actor, action, fields FROM provesi_audit JOIN provesi_audit_subjects ON audit_id = id \
         WHERE lower(subject COLLATE \"C\") = lower('order:ORD-1') ORDER BY at",
    )
    .fetch_all(&mut raw)
    .await
    .unwrap();
    let fields = vec!["order_number".to_owned(), "status".to_owned()];
    assert_eq!(found, [("system:test".to_owned(), "order_read".to_owned(), fields)]);
    let counts: (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM provesi_audit), (SELECT count(*) FROM provesi_audit_subjects)")
            .fetch_one(&mut raw)
            .await
            .unwrap();
    assert_eq!(counts, (2, 2));
}
