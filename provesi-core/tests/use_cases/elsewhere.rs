//! Changes of another program, noticed when the history is read.

use std::sync::Arc;

use provesi_core::{
    App, ClientChoice, EventKind, Expected, OrderChange, OrderEvent, OrderKey, OrderRepositoryExt, OrderRow,
    OrderStatus, PageLimit,
};
use provesi_testkit::data::order_row;
use provesi_testkit::{Call, Fault, Faults, FaultyStore};
use tokio::task::JoinHandle;

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

    /// Later readers of the history find no other changes.
    async fn assert_noted_once_at_most(&self, step: usize) {
        let kinds = self.kinds("A-1").await;
        let noted = kinds.iter().filter(|kind| **kind == "changed_elsewhere").count();
        assert!(noted <= 1, "{step}: {kinds:?}");
        assert_eq!(self.kinds("A-1").await, kinds, "{step}");
    }

    async fn edit_status(&self, of: &str, status: OrderStatus, reason: Option<&str>) {
        let change = OrderChange::builder().status(status).maybe_return_reason(reason).build();
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
    // It is noticed under a number that the order had, too.
    world.change("A-2", |row| row.status = "shipped".to_owned()).await;
    let (of_the_old_number, told) = world.noticed("A-1").await;
    assert_eq!((&told["from"]["status"], &told["to"]["status"]), (&"perdido".into(), &"shipped".into()));
    assert_eq!(world.noticed("A-2").await.0, of_the_old_number);
    world.change("A-2", |row| row.number = "A-3".to_owned()).await;
    let (_, told) = world.noticed("A-1").await;
    assert_eq!((&told["from"]["order_number"], &told["to"]["order_number"]), (&"A-2".into(), &"A-3".into()));
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

/// A reader of the history whose calls of the store wait for a step.
fn reader(world: &World) -> (Faults, JoinHandle<Vec<&'static str>>) {
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = App::new(Arc::new(world.store.clone()), Arc::new(orders));
    faults.arm_all(Fault::Step);
    let caller = world.caller.clone();
    let reading = tokio::spawn(async move {
        let events = app.history(&caller, &number("A-1"), None, PageLimit::MAX).await.unwrap();
        events.iter().map(|event| event.kind.name()).collect()
    });
    (faults, reading)
}

/// Lets a reader make its calls one by one, with `before` before each, and returns what it read.
async fn step_through(world: &World, before: impl AsyncFn(usize)) -> Vec<&'static str> {
    let (faults, reading) = reader(world);
    let mut calls = 0;
    while !reading.is_finished() {
        if !faults.wants_step() {
            tokio::task::yield_now().await;
            continue;
        }
        before(calls).await;
        calls += 1;
        faults.step();
        // The call is made before the next one is looked for.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
    reading.await.unwrap()
}

#[tokio::test]
async fn our_own_changes_meanwhile_are_not_taken_for_those_of_others() {
    const CALLS: usize = 7;
    for (first, second) in (0..CALLS).flat_map(|first| (first..CALLS).map(move |second| (first, second))) {
        let world = World::new();
        world.order("A-1", None).await;
        let read = step_through(&world, async |call| {
            if call == first {
                world.edit_status("A-1", OrderStatus::Packing, None).await;
            }
            if call == second {
                world.edit_status("A-1", OrderStatus::Shipped, None).await;
            }
        });
        let read = read.await;
        assert!(!read.contains(&"changed_elsewhere"), "{first}, {second}: {read:?}");
        let kinds = world.kinds("A-1").await;
        assert!(!kinds.contains(&"changed_elsewhere"), "{first}, {second}: {kinds:?}");
    }
}

#[tokio::test]
async fn our_own_change_right_after_that_of_another_program_is_not_taken_for_one() {
    for edited_at in 0..9 {
        let world = World::new();
        world.order("A-1", None).await;
        world.change("A-1", |row| row.status = "packing".to_owned()).await;
        let read = step_through(&world, async |call| {
            if call == edited_at {
                world.edit_status("A-1", OrderStatus::Shipped, None).await;
            }
        });
        read.await;
        world.assert_noted_once_at_most(edited_at).await;
    }
}

#[tokio::test]
async fn a_late_event_takes_back_nothing_of_our_own_change_of_the_same_field() {
    for edited_at in 0..9 {
        let world = World::new();
        let (ana, bea) = (world.client("ana@ejemplo.co").await, world.client("bea@ejemplo.co").await);
        world.order("A-1", Some(&ana)).await;
        world.edit_status("A-1", OrderStatus::Returned, Some("Rota")).await;
        world.change("A-1", |row| row.return_reason = Some("Vacía".to_owned())).await;
        world.change("A-1", |row| row.client_id = None).await;
        let read = step_through(&world, async |call| {
            if call == edited_at {
                let client = ClientChoice::Attach(bea.id.to_string());
                let change = OrderChange::builder().client(client).return_reason("Mojada").build();
                world.app.edit_order(&world.caller, number("A-1"), &change, Expected::Any).await.unwrap();
            }
        });
        read.await;
        world.assert_noted_once_at_most(edited_at).await;
    }
}

#[tokio::test]
async fn two_readers_at_once_note_a_change_once() {
    let world = World::new();
    world.order("A-1", None).await;
    world.change("A-1", |row| row.status = "packing".to_owned()).await;
    let readers = [reader(&world), reader(&world)];
    while readers.iter().any(|(_, reading)| !reading.is_finished()) {
        // Together, call by call.
        if readers.iter().all(|(faults, reading)| faults.wants_step() || reading.is_finished()) {
            readers.iter().for_each(|(faults, _)| faults.step());
        }
        tokio::task::yield_now().await;
    }
    for (_, reading) in readers {
        assert_eq!(reading.await.unwrap(), ["created", "changed_elsewhere"]);
    }
    assert_eq!(world.kinds("A-1").await, ["created", "changed_elsewhere"]);
}

#[tokio::test]
async fn a_reader_shows_a_change_that_another_notes_meanwhile() {
    for noted_at in 0..9 {
        let world = World::new();
        world.order("A-1", None).await;
        world.change("A-1", |row| row.status = "packing".to_owned()).await;
        let read = step_through(&world, async |call| {
            if call == noted_at {
                world.kinds("A-1").await;
            }
        });
        assert_eq!(read.await, ["created", "changed_elsewhere"], "{noted_at}");
    }
}

#[tokio::test]
async fn the_history_is_there_although_the_change_cannot_be_noted() {
    let world = World::new();
    world.order("A-1", None).await;
    world.change("A-1", |row| row.status = "packing".to_owned()).await;
    let (failing, faults) = FaultyStore::new(world.store.clone());
    let reading = App::new(Arc::new(world.store.clone()), Arc::new(failing));
    faults.arm(Call::Commit, Fault::Degrade, 1);
    let events = reading.history(&world.caller, &number("A-1"), None, PageLimit::MAX).await.unwrap();
    assert!(matches!(&events[..], [OrderEvent { kind: EventKind::Created { .. }, .. }]), "{events:?}");
    assert_eq!(world.kinds("A-1").await, ["created", "changed_elsewhere"]);
}
