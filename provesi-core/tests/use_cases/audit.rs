use std::sync::Arc;

use futures_util::TryStreamExt;
use provesi_core::{
    App, AppError, AuditAction, AuditFilter, AuditPolicy, AuditSink, ClientChange, ClientId, Field, OrderListing,
    Outcome, PageLimit, PageRequest, Phone, StoreError, Subject, Version,
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
    let change = ClientChange::builder().phone(Phone::parse("300").ok()).build();
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
            (AuditAction::OrderCreate, Outcome::Done, &[ana.clone(), order.clone()]),
            (AuditAction::OrderRead, Outcome::Done, &[ana.clone(), order.clone()]),
            (AuditAction::ClientUpdate, Outcome::Done, std::slice::from_ref(&ana)),
            (AuditAction::OrderList, Outcome::Done, &[ana.clone(), order.clone()]),
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
    let stale = Version::of_none().into();
    for refused in [
        strict.edit_client(&world.caller, client.id, &ClientChange::default(), stale).await.map(drop),
        strict.delete_client(&world.caller, client.id, stale).await.map(drop),
    ] {
        assert!(matches!(refused, Err(AppError::Audit(_))), "{refused:?}");
    }
    let lenient = world.app.clone().with_audit(sink, AuditPolicy::BestEffort);
    assert_eq!(lenient.client(&world.caller, client.id).await.unwrap(), client.into());
}

#[tokio::test]
async fn reading_the_audit_leaves_a_record_whether_or_not_it_is_allowed() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let app = audited(&world).with_audit_store(Arc::new(world.store.clone()));
    app.client(&world.caller, client.id).await.unwrap();
    let filter = AuditFilter { subject: Some(Subject::Client(client.id)), ..AuditFilter::default() };
    let first = PageRequest::first(PageLimit::new(1).unwrap());
    let refused = app.audit_page(&world.caller, false, &filter, &first).await.unwrap_err();
    assert!(matches!(refused, AppError::AuditForbidden), "{refused:?}");
    let page = app.audit_page(&world.caller, true, &filter, &first).await.unwrap();
    // What was refused is the latest that names the client, and what is being read is not there yet.
    assert_eq!((page.items[0].sequence, page.items[0].record.outcome), (2, Outcome::Refused));
    let wrong = PageRequest::after(first.limit, page.next.unwrap());
    let wrong = app.audit_page(&world.caller, true, &AuditFilter::default(), &wrong).await.unwrap_err();
    assert!(matches!(wrong, AppError::Audit(StoreError::InvalidCursor)) && !wrong.is_fault(), "{wrong:?}");
    let told: Vec<_> = world.store.audit_records().into_iter().map(|record| (record.action, record.outcome)).collect();
    let read = |outcome| (AuditAction::AuditRead, outcome);
    let expected =
        [(AuditAction::ClientRead, Outcome::Done), read(Outcome::Refused), read(Outcome::Done), read(Outcome::Refused)];
    assert_eq!(told, expected);
    let none = audited(&world).audit_page(&world.caller, true, &filter, &first).await.unwrap_err();
    assert!(matches!(none, AppError::AuditNotKept), "{none:?}");
}

#[tokio::test]
async fn a_client_with_its_orders_is_one_access_and_further_orders_are_one_each_page() {
    let world = World::new();
    let (ana, luz) = (world.client("ana@example.com").await, world.client("luz@example.com").await);
    for order in ["A-1", "A-2"] {
        world.order(order, Some(&ana)).await;
    }
    let app = world.app.clone().with_audit(Arc::new(world.store.clone()), AuditPolicy::BestEffort);
    let limit = PageLimit::new(1).unwrap();
    let found = app.client_with_orders(&world.caller, ana.id, limit).await.unwrap();
    let first = found.orders.unwrap();
    let next = first.next.unwrap();
    let further = app.further_orders_of(&world.caller, ana.id, next).try_concat().await.unwrap();
    assert_eq!((found.client, first.items.len(), further.len()), (ana.clone().into(), 1, 1));
    let found = app.client_with_orders(&world.caller, luz.id, limit).await.unwrap();
    assert!(found.orders.unwrap().items.is_empty());

    let records = world.store.audit_records();
    let told: Vec<_> = records.iter().map(|record| (record.action, &record.subjects[..])).collect();
    let [of_ana, of_luz] = [ana.id, luz.id].map(Subject::Client);
    let [first, second] = [&first.items[0], &further[0]].map(|order| Subject::Order(number(&order.row.number)));
    assert_eq!(
        told,
        [
            (AuditAction::ClientRead, &[of_ana.clone(), first][..]),
            (AuditAction::OrderList, &[of_ana, second][..]),
            (AuditAction::ClientRead, &[of_luz][..]),
        ]
    );
}

#[tokio::test]
async fn a_client_whose_orders_cannot_be_asked_is_on_record_and_so_is_that() {
    let world = World::new();
    let ana = world.client("ana@example.com").await;
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = App::new(Arc::new(world.store.clone()), Arc::new(orders));
    let app = app.with_audit(Arc::new(world.store.clone()), AuditPolicy::Strict);
    faults.fail_all();
    let found = app.client_with_orders(&world.caller, ana.id, PageLimit::MAX).await.unwrap();
    assert!(found.orders.unwrap_err().is_fault());
    assert_eq!(found.client, ana.into());
    let told: Vec<_> = world.store.audit_records().into_iter().map(|record| (record.action, record.outcome)).collect();
    assert_eq!(told, [(AuditAction::ClientRead, Outcome::Done), (AuditAction::OrderList, Outcome::Failed)]);
}

#[tokio::test]
async fn what_is_done_past_the_use_cases_can_be_put_on_record() {
    let world = World::new();
    let app = audited(&world);
    let subjects = vec![Subject::Order(number("A-1"))];
    app.record_access(&world.caller, AuditAction::OrderCreate, &[Field::Status], subjects.clone()).await.unwrap();
    app.record_access(&world.caller, AuditAction::OrderCreate, &[], Vec::new()).await.unwrap();
    let records = world.store.audit_records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].action, &records[0].subjects, &records[0].fields[..]),
        (AuditAction::OrderCreate, &subjects, &[Field::Status][..])
    );
}
