use std::sync::Arc;

use provesi_core::{
    App, AppError, AuditAction, AuditPolicy, AuditSink, ClientChange, ClientId, Field, OrderListing, Outcome,
    PageLimit, PageRequest, Phone, Subject, Version,
};
use provesi_testkit::FaultyStore;

use crate::{ANY, World, number};

fn audited(world: &World) -> App {
    world.app.clone().with_audit(Arc::new(world.store.clone()), AuditPolicy::Strict)
}

#[tokio::test]
async fn every_use_case_leaves_one_record_with_subjects_and_fields() {
    let world = World::new();
    let app = audited(&world);
    let client = app.create_client(&world.caller, crate::draft("ana@example.com")).await.unwrap();
    app.create_order(&world.caller, &crate::order_draft("A-1", Some(&client))).await.unwrap();
    app.order(&world.caller, &number("a-1")).await.unwrap();
    let change = ClientChange { phone: Some(Phone::parse("300").ok()), ..ClientChange::default() };
    app.edit_client(&world.caller, client.id, &change, ANY).await.unwrap();
    let request = PageRequest::first(PageLimit::MAX);
    app.list_orders(&world.caller, &OrderListing::default(), &request).await.unwrap();
    app.client(&world.caller, ClientId::from_bytes([9; 12])).await.unwrap_err();

    let (order, ana) = (Subject::Order(number("A-1")), Subject::Client(client.id));
    let records = world.store.audit_records();
    let told: Vec<_> = records.iter().map(|record| (record.action, record.outcome, &record.subjects[..])).collect();
    assert_eq!(
        told,
        [
            (AuditAction::ClientCreate, Outcome::Done, std::slice::from_ref(&ana)),
            (AuditAction::OrderCreate, Outcome::Done, &[order.clone(), ana.clone()]),
            (AuditAction::OrderRead, Outcome::Done, &[order.clone(), ana.clone()]),
            (AuditAction::ClientUpdate, Outcome::Done, std::slice::from_ref(&ana)),
            (AuditAction::OrderList, Outcome::Done, &[order.clone(), ana.clone()]),
            (AuditAction::ClientRead, Outcome::Refused, &[Subject::Client(ClientId::from_bytes([9; 12]))]),
        ]
    );
    assert_eq!(records[3].fields, [Field::Phone]);
    assert!(records.iter().all(|record| record.caller == world.caller));
}

#[tokio::test]
async fn a_strict_audit_that_fails_holds_back_what_was_read_and_not_what_was_written() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (sink, faults) = FaultyStore::new(world.store.clone());
    let sink: Arc<dyn AuditSink> = Arc::new(sink);
    faults.fail_all();
    let strict = world.app.clone().with_audit(Arc::clone(&sink), AuditPolicy::Strict);
    let refused = strict.client(&world.caller, client.id).await.unwrap_err();
    assert!(matches!(refused, AppError::Audit(_)), "{refused:?}");
    strict.edit_client(&world.caller, client.id, &ClientChange::default(), ANY).await.unwrap();
    // A refusal that shows the record is a way to read it.
    let stale = Version::new("2020-01-01T00:00:00Z".parse().unwrap()).into();
    for refused in [
        strict.edit_client(&world.caller, client.id, &ClientChange::default(), stale).await.map(drop),
        strict.delete_client(&world.caller, client.id, stale).await.map(drop),
    ] {
        assert!(matches!(refused, Err(AppError::Audit(_))), "{refused:?}");
    }
    let lenient = world.app.clone().with_audit(sink, AuditPolicy::BestEffort);
    assert_eq!(lenient.client(&world.caller, client.id).await.unwrap(), client);
}
