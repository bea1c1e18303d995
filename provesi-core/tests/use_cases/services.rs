//! What services ask in batches, each with its record.

use std::sync::Arc;

use provesi_core::{
    AppError, AuditAction, AuditPolicy, ClientId, ClientsById, Outcome, PageLimit, PageRequest, Subject,
};
use provesi_testkit::{Call, Fault, FaultyStore};

use crate::{World, number};

#[tokio::test]
async fn batches_tell_what_is_there_and_leave_one_record_each() {
    let world = World::new();
    let ana = world.client("ana@example.com").await;
    let nobody = ClientId::from_bytes([9; 12]);
    for order in ["A-1", "A-2"] {
        world.order(order, Some(&ana)).await;
    }
    let app = world.app.clone().with_audit(Arc::new(world.store.clone()), AuditPolicy::Strict);
    let found = app.clients_by_id(&world.caller, &[ana.id, nobody, ana.id]).await.unwrap();
    assert_eq!(found, ClientsById { clients: vec![ana.clone().into()], unreadable: Vec::new() });
    let request = PageRequest::first(PageLimit::new(1).unwrap());
    let first = app.client_orders(&world.caller, ana.id, &request).await.unwrap();
    assert!(first.items.len() == 1 && first.next.is_some());

    let records = world.store.audit_records();
    let told: Vec<_> = records.iter().map(|record| (record.action, &record.subjects[..])).collect();
    let of_ana = Subject::Client(ana.id);
    assert_eq!(
        told,
        [
            (AuditAction::ClientList, std::slice::from_ref(&of_ana)),
            (AuditAction::OrderList, &[of_ana.clone(), Subject::Order(number(&first.items[0].row.number))]),
        ]
    );
    assert!(records.iter().all(|record| record.outcome == Outcome::Done && record.caller == world.caller));
}

#[tokio::test]
async fn a_client_that_cannot_be_read_is_not_a_missing_one() {
    let world = World::new();
    let (ana, luz) = (world.client("ana@example.com").await, world.client("luz@example.com").await);
    let (clients, faults) = FaultyStore::new(world.store.clone());
    let app = provesi_core::App::new(Arc::new(clients), Arc::new(world.store.clone()));
    faults.arm(Call::GetMany, Fault::CorruptFirst, 1);
    let found = app.clients_by_id(&world.caller, &[ana.id, luz.id, ClientId::from_bytes([9; 12])]).await.unwrap();
    assert_eq!(found, ClientsById { clients: vec![luz.into()], unreadable: vec![ana.id] });
}

#[tokio::test]
async fn without_a_record_nothing_is_told() {
    let world = World::new();
    let ana = world.client("ana@example.com").await;
    world.order("A-1", Some(&ana)).await;
    let (sink, faults) = FaultyStore::new(world.store.clone());
    faults.fail_all();
    let app = world.app.clone().with_audit(Arc::new(sink), AuditPolicy::Strict);
    let request = PageRequest::first(PageLimit::MAX);
    assert!(matches!(app.clients_by_id(&world.caller, &[ana.id]).await, Err(AppError::Audit(_))));
    assert!(matches!(app.client_orders(&world.caller, ana.id, &request).await, Err(AppError::Audit(_))));
}
