//! Changes of another program, noticed when the history is read.

use std::sync::Arc;

use provesi_core::{
    App, EventKind, Expected, OrderChange, OrderEvent, OrderKey, OrderRepositoryExt, OrderRow, OrderStatus, PageLimit,
};
use provesi_testkit::data::order_row;
use provesi_testkit::{Fault, FaultyStore};

use crate::{World, number};

impl World {
    /// The history, in which the last event tells a change of another program.
    async fn noticed(&self, of: &str) -> (Vec<OrderEvent>, serde_json::Value) {
        let events = self.app.history(&self.caller, &number(of), None, PageLimit::MAX).await.unwrap();
        let told = serde_json::to_value(&events.last().unwrap().kind).unwrap();
        (events, told)
    }

    async fn kinds(&self, of: &str) -> Vec<&'static str> {
        let events = self.app.history(&self.caller, &number(of), None, PageLimit::MAX).await.unwrap();
        events.iter().map(|event| event.kind.name()).collect()
    }

    /// A change as raw SQL makes it: `updated_at` stays.
    async fn change(&self, of: &str, change: impl FnOnce(&mut OrderRow)) {
        let mut row = self.store.load(OrderKey::Number(number(of))).await.unwrap().unwrap().row;
        change(&mut row);
        self.store.plant_order(row);
    }

    async fn edit_status(&self, of: &str, status: OrderStatus, reason: Option<&str>) {
        let change =
            OrderChange { status: Some(status), return_reason: reason.map(str::to_owned), ..OrderChange::default() };
        self.app.edit_order(&self.caller, number(of), &change, Expected::Any).await.unwrap();
    }
}

fn fields(number: &str, status: &str, client: Option<String>) -> serde_json::Value {
    serde_json::json!({ "order_number": number, "status": status, "client_id": client })
}

#[tokio::test]
async fn a_change_of_another_program_becomes_an_event_once() {
    let world = World::new();
    let (ana, bea) = (world.client("ana@ejemplo.co").await, world.client("bea@ejemplo.co").await);
    world.order("A-1", Some(&ana)).await;
    assert_eq!(world.kinds("A-1").await, ["created"]);
    let (anas, beas) = (Some(ana.id.to_string()), Some(bea.id.to_string()));

    world.change("A-1", |row| row.status = "packing".to_owned()).await;
    let (events, told) = world.noticed("A-1").await;
    let (received, packing) = (fields("A-1", "received", anas.clone()), fields("A-1", "packing", anas.clone()));
    assert_eq!(told, serde_json::json!({ "type": "changed_elsewhere", "from": received, "to": packing }));
    assert_eq!((events.len(), events[1].actor.to_string()), (2, "system:elsewhere".to_owned()));
    assert_eq!(world.kinds("A-1").await, ["created", "changed_elsewhere"]);

    // Not only once, and every field.
    world.edit_status("A-1", OrderStatus::Picking, None).await;
    world.change("A-1", |row| row.client_id = beas.clone()).await;
    let (_, told) = world.noticed("A-1").await;
    assert_eq!(
        (&told["from"], &told["to"]),
        (&fields("A-1", "picking", anas), &fields("A-1", "picking", beas.clone()))
    );
    world.change("A-1", |row| row.number = "A-2".to_owned()).await;
    let (_, told) = world.noticed("A-2").await;
    assert_eq!((&told["from"]["order_number"], &told["to"]["order_number"]), (&"A-1".into(), &"A-2".into()));
    // What the order was called is found by its old number.
    assert_eq!(world.kinds("A-1").await.last(), Some(&"changed_elsewhere"));
    world.change("A-2", |row| row.status = "perdido".to_owned()).await;
    let (_, told) = world.noticed("A-2").await;
    assert_eq!((&told["from"]["status"], &told["to"]), (&"picking".into(), &fields("A-2", "perdido", beas)));
    let count = world.kinds("A-2").await.len();
    assert_eq!(world.kinds("A-2").await.len(), count);
}

#[tokio::test]
async fn the_reason_of_a_return_is_compared_while_it_is_one() {
    let world = World::new();
    world.order("A-1", None).await;
    world.edit_status("A-1", OrderStatus::Returned, Some("Caja rota")).await;
    world.change("A-1", |row| row.return_reason = Some("Vacía".to_owned())).await;
    let (_, told) = world.noticed("A-1").await;
    let reason = |side: &str| told[side]["return_info"]["reason"].clone();
    assert_eq!((reason("from"), reason("to")), ("Caja rota".into(), "Vacía".into()));
    // The Python system keeps the reason of an order that is no return any more.
    world.change("A-1", |row| row.status = "delivered".to_owned()).await;
    let (_, told) = world.noticed("A-1").await;
    assert_eq!((&told["from"]["status"], &told["to"]["status"]), (&"returned".into(), &"delivered".into()));
    world.change("A-1", |row| row.return_reason = None).await;
    assert_eq!(world.kinds("A-1").await.len(), 4);
}

#[tokio::test]
async fn other_spellings_and_orders_without_events_are_no_change() {
    let world = World::new();
    let ana = world.client("ana@ejemplo.co").await;
    world.order("A-1", Some(&ana)).await;
    world.change("A-1", |row| row.client_id = row.client_id.as_deref().map(str::to_uppercase)).await;
    assert_eq!(world.kinds("A-1").await, ["created"]);
    world.order("B-1", None).await;
    world.change("B-1", |row| row.client_id = Some(String::new())).await;
    assert_eq!(world.kinds("B-1").await, ["created"]);
    // An order that the Python system made, until we change something of it.
    world.store.plant_order(order_row(77, "P-1", "received"));
    world.change("P-1", |row| row.status = "packing".to_owned()).await;
    assert_eq!(world.kinds("P-1").await, [""; 0]);
    world.edit_status("P-1", OrderStatus::Shipped, None).await;
    world.change("P-1", |row| row.status = "delivered".to_owned()).await;
    assert_eq!(world.kinds("P-1").await, ["status_changed", "changed_elsewhere"]);
    // A deleted one has nothing to be compared with.
    world.app.delete_order(&world.caller, number("A-1"), Expected::Any).await.unwrap();
    assert_eq!(world.kinds("A-1").await, ["created", "deleted"]);
}

#[tokio::test]
async fn our_own_changes_meanwhile_are_not_taken_for_those_of_others() {
    let world = World::new();
    world.order("A-1", None).await;
    let (slow, faults) = FaultyStore::new(world.store.clone());
    let reading = App::new(Arc::new(world.store.clone()), Arc::new(slow));
    let caller = world.caller.clone();
    faults.stall("events");
    let history =
        tokio::spawn(async move { reading.history(&caller, &number("A-1"), None, PageLimit::MAX).await.unwrap() });
    faults.stalled().await;
    world.edit_status("A-1", OrderStatus::Packing, None).await;
    faults.clear();
    let told: Vec<_> = history.await.unwrap().into_iter().map(|event| event.kind.name()).collect();
    assert_eq!(told, ["created", "status_changed"]);
    assert_eq!(world.kinds("A-1").await, ["created", "status_changed"]);
}

#[tokio::test]
async fn the_history_is_there_although_the_change_cannot_be_noted() {
    let world = World::new();
    world.order("A-1", None).await;
    world.change("A-1", |row| row.status = "packing".to_owned()).await;
    let (failing, faults) = FaultyStore::new(world.store.clone());
    let reading = App::new(Arc::new(world.store.clone()), Arc::new(failing));
    faults.arm("commit", Fault::Degrade, 1);
    let events = reading.history(&world.caller, &number("A-1"), None, PageLimit::MAX).await.unwrap();
    assert!(matches!(&events[..], [OrderEvent { kind: EventKind::Created { .. }, .. }]), "{events:?}");
    assert_eq!(world.kinds("A-1").await, ["created", "changed_elsewhere"]);
}
