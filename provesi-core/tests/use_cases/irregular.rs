//! Records that another program wrote against the rules: they are shown, repaired and deleted.

use std::sync::Arc;

use provesi_core::{
    AppError, AuditAction, AuditPolicy, ClientChange, ClientChoice, ClientLink, ClientListing, ClientName, ClientRow,
    EventKind, Expected, Field, Invalid, OrderChange, OrderEvent, OrderId, OrderKey, OrderListing, OrderRepositoryExt,
    OrderRow, OrderStatus, OrderView, PageLimit, PageRequest, Refusal, Rule, StatusFlow, Stored, Subject, SweptOrders,
    Version,
};
use provesi_testkit::data::{at, client_id, client_row, order_row, with};

use crate::{ANY, World, draft, number, order_draft};

const BAD_STATUS: Invalid = Invalid::new(Field::Status, Rule::UnknownStatus);
const BAD_NUMBER: Invalid = Invalid::new(Field::OrderNumber, Rule::NumberCharset);
const BAD_CLIENT: Invalid = Invalid::new(Field::ClientId, Rule::ObjectId);
const BLANK_NAME: Invalid = Invalid::new(Field::Name, Rule::Blank);
const LONG_ADDRESS: Invalid = Invalid::new(Field::Address, Rule::TooLong { max: 1_000 });

const NO_STATUS: OrderId = OrderId::new(1);
const NO_NUMBER: OrderId = OrderId::new(2);
const NO_CLIENT: OrderId = OrderId::new(3);

/// Orders, the latest change first, each with one fault; they name no client but that of [`NO_CLIENT`], which is none.
fn orders() -> [(OrderRow, Invalid); 3] {
    let row = |id: OrderId, number: &str| {
        with(order_row(id.get(), number, "received"), |it| it.updated_at = at(9 - id.get()))
    };
    [
        (with(row(NO_STATUS, "S-1"), |it| it.status = "nonsense".to_owned()), BAD_STATUS),
        (row(NO_NUMBER, "A-1\n"), BAD_NUMBER),
        (with(row(NO_CLIENT, "C-1"), |it| it.client_id = Some("Ana".to_owned())), BAD_CLIENT),
    ]
}

/// Clients in the order of their names, each with one fault.
fn clients() -> [(ClientRow, Invalid); 2] {
    let row = |number, name: &str, address: String| with(client_row(number, name), |it| it.address = Some(address));
    [(row(101, "  ", "Calle 1".to_owned()), BLANK_NAME), (row(102, "Bea", "x".repeat(1_001)), LONG_ADDRESS)]
}

fn world() -> World {
    let world = World::new();
    orders().into_iter().for_each(|(row, _)| world.store.plant_order(row));
    clients().into_iter().for_each(|(row, _)| world.store.plant_client(row));
    world
}

impl World {
    async fn orders(&self) -> Vec<OrderView> {
        let request = PageRequest::first(PageLimit::MAX);
        self.app.list_orders(&self.caller, &OrderListing::default(), &request).await.unwrap().items
    }

    async fn edit(&self, id: OrderId, change: &OrderChange, expected: Expected) -> Result<OrderView, AppError> {
        self.app.edit_order(&self.caller, id, change, expected).await
    }

    async fn row(&self, id: OrderId) -> OrderRow {
        OrderRepositoryExt::load(&self.store, OrderKey::Id(id)).await.unwrap().unwrap().row
    }

    async fn events(&self) -> Vec<OrderEvent> {
        self.store.feed(None, PageLimit::MAX).await.unwrap()
    }
}

fn to(status: OrderStatus) -> OrderChange {
    OrderChange::builder().status(status).build()
}

fn renumbered(number: &str) -> OrderChange {
    OrderChange::builder().number(number).build()
}

fn with_client(client: ClientChoice) -> OrderChange {
    OrderChange::builder().client(client).build()
}

/// For each of [`orders`] a change that gives no value for what is wrong, and one that does.
fn changes() -> [(OrderId, OrderChange, OrderChange); 3] {
    [
        (NO_STATUS, renumbered("S-2"), to(OrderStatus::Packing)),
        (NO_NUMBER, to(OrderStatus::Packing), renumbered("A-1")),
        (NO_CLIENT, to(OrderStatus::Packing), with_client(ClientChoice::Detach)),
    ]
}

#[tokio::test]
async fn irregular_records_are_listed_and_read_with_the_rules_that_they_break() {
    let world = world();
    let listed = world.orders().await;
    let told: Vec<_> = listed.iter().map(|view| (view.order.row.clone(), view.order.faults())).collect();
    let expected = orders();
    assert_eq!(told, expected.each_ref().map(|(row, fault)| (row.clone(), std::slice::from_ref(fault))));
    for view in &listed {
        assert_eq!(view.next_statuses, []);
        let link = if view.order.row.id == NO_CLIENT { ClientLink::Irregular } else { ClientLink::Nobody };
        assert_eq!(view.client, link);
        assert_eq!(world.app.order(&world.caller, view.order.row.id).await.unwrap(), *view);
    }
    for (text, view) in [("s-1", &listed[0]), ("C-1", &listed[2])] {
        assert_eq!(world.app.order(&world.caller, number(text)).await.unwrap(), *view);
    }
    let by_number = world.app.orders_by_number(&world.caller, &["c-1", "S-1", "c-1"].map(number)).await.unwrap();
    assert_eq!(by_number, [listed[2].clone(), listed[0].clone()]);
    assert_eq!(world.app.count_orders_of(&OrderListing::default()).await.unwrap(), 3);

    let request = PageRequest::first(PageLimit::MAX);
    let listed = world.app.list_clients(&world.caller, &ClientListing::default(), &request).await.unwrap().items;
    let told: Vec<_> = listed.iter().map(|view| (view.client.row.clone(), view.client.faults())).collect();
    let expected = clients();
    assert_eq!(told, expected.each_ref().map(|(row, fault)| (row.clone(), std::slice::from_ref(fault))));
    for view in &listed {
        assert_eq!(world.app.client(&world.caller, view.client.row.id).await.unwrap(), view.client);
    }
}

#[tokio::test]
async fn an_edit_that_leaves_the_fault_is_refused_and_changes_nothing() {
    let world = world();
    let attach = |id: u64| with_client(ClientChoice::Attach(client_id(id).to_string()));
    let mut refused: Vec<_> = changes().into_iter().map(|(id, leaves, _)| (id, leaves)).collect();
    refused.extend([NO_STATUS, NO_NUMBER].map(|id| (id, attach(102))));
    refused.extend([NO_STATUS, NO_NUMBER, NO_CLIENT].map(|id| (id, OrderChange::default())));
    for (id, change) in refused {
        let (row, fault) = orders().into_iter().find(|(row, _)| row.id == id).unwrap();
        let refused = world.edit(id, &change, ANY).await.unwrap_err();
        assert!(refused.refusals() == [Refusal::Invalid(fault)], "{change:?}: {refused:?}");
        assert_eq!(world.row(id).await, row);
    }
    // A right value beside a wrong one does not help either.
    let both = with(to(OrderStatus::Packing), |it| it.number = Some("x y".to_owned()));
    let refused = world.edit(NO_STATUS, &both, ANY).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::Invalid(BAD_NUMBER)]);
    let no_reason = world.edit(NO_STATUS, &to(OrderStatus::Returned), ANY).await.unwrap_err();
    assert_eq!(no_reason.refusals(), [Refusal::ReasonRequired]);
    assert_eq!(world.row(NO_STATUS).await, orders()[0].0);
    assert_eq!(world.events().await, []);

    for (row, fault) in clients() {
        let change = ClientChange::builder().phone(None).build();
        let refused = world.app.edit_client(&world.caller, row.id, &change, ANY).await.unwrap_err();
        assert_eq!(refused.refusals(), [Refusal::Invalid(fault)]);
        assert_eq!(world.app.client(&world.caller, row.id).await.unwrap().row, row);
    }
}

#[tokio::test]
async fn an_edit_that_gives_a_right_value_repairs_the_order_and_leaves_one_event() {
    let world = world();
    let mut versions = Vec::new();
    for (id, _, change) in changes() {
        let before = world.app.order(&world.caller, id).await.unwrap().order;
        let expected = Expected::Version(before.version());
        let repaired = world.edit(id, &change, expected).await.unwrap();
        assert_eq!(repaired.next_statuses.len(), 6);
        assert_eq!(repaired.client, ClientLink::Nobody);
        let order = repaired.order.clone().valid().unwrap();
        assert!(order.updated_at > before.row.updated_at && order.created_at == before.row.created_at);
        assert_eq!(world.app.order(&world.caller, order.number.clone()).await.unwrap(), repaired);
        // The version of the irregular order is stale now.
        let stale = world.edit(id, &change, expected).await.unwrap_err();
        let AppError::OrderChanged { current } = stale else { panic!("{stale:?}") };
        assert_eq!(*current, repaired.order);
        versions.extend([before.version(), repaired.order.version()]);
    }
    assert!(versions.iter().enumerate().all(|(at, version)| !versions[..at].contains(version)));
    let events = world.events().await;
    let told: Vec<_> = events.iter().map(|event| serde_json::to_value(&event.kind).unwrap()).collect();
    let repaired = |from: serde_json::Value, status: &str| serde_json::json!({ "type": "repaired", "from": from, "status": status, "client_id": null });
    assert_eq!(
        told,
        [
            repaired(serde_json::json!({ "order_number": "S-1", "status": "nonsense", "client_id": null }), "packing"),
            repaired(
                serde_json::json!({ "order_number": "A-1\n", "status": "received", "client_id": null }),
                "received"
            ),
            repaired(
                serde_json::json!({ "order_number": "C-1", "status": "received", "client_id": "Ana" }),
                "received"
            ),
        ]
    );
    for (event, (id, number)) in events.iter().zip([(NO_STATUS, "S-1"), (NO_NUMBER, "A-1"), (NO_CLIENT, "C-1")]) {
        assert_eq!((event.order_id, event.number.as_str(), event.kind.name()), (id, number, "repaired"));
        assert_eq!(event.actor, world.caller.actor);
        let kind: EventKind = serde_json::from_value(serde_json::to_value(&event.kind).unwrap()).unwrap();
        assert_eq!(kind, event.kind);
    }
    let history = world.app.history(&world.caller, &number("a-1"), None, PageLimit::MAX).await.unwrap();
    assert_eq!(history, [events[1].clone()]);
    assert!(world.orders().await.iter().all(|view| view.order.record.is_ok()));
    // From here on it is an order as any other.
    world.edit(NO_STATUS, &to(OrderStatus::Shipped), ANY).await.unwrap();
    assert_eq!(world.events().await[3].kind.name(), "status_changed");
}

#[tokio::test]
async fn a_stale_version_of_an_irregular_order_is_shown_what_is_there() {
    let world = world();
    let stale = Expected::Version(world.app.order(&world.caller, NO_STATUS).await.unwrap().order.version());
    // The other program writes again.
    let changed = with(orders()[0].0.clone(), |it| it.status = "otherwise".to_owned());
    world.store.plant_order(changed.clone());
    for refused in [
        world.edit(NO_STATUS, &to(OrderStatus::Packing), stale).await.map(drop),
        world.app.delete_order(&world.caller, NO_STATUS, stale).await.map(drop),
        world.app.delete_order(&world.caller, number("s-1"), Version::of_none().into()).await.map(drop),
    ] {
        let Err(AppError::OrderChanged { current }) = refused else { panic!("{refused:?}") };
        assert_eq!((&current.row, current.faults()), (&changed, &[BAD_STATUS][..]));
    }
    assert_eq!(world.row(NO_STATUS).await, changed);
}

#[tokio::test]
async fn a_repair_obeys_the_rules_of_any_edit() {
    let world = world();
    world.order("B-1", None).await;
    let taken = with(to(OrderStatus::Packing), |it| it.number = Some("b-1".to_owned()));
    let refused = world.edit(NO_STATUS, &taken, ANY).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::NumberTaken]);
    let unknown = with_client(ClientChoice::Attach(client_id(9).to_string()));
    let refused = world.edit(NO_CLIENT, &unknown, ANY).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::UnknownClient]);
    assert_eq!(world.events().await.len(), 1);

    // Any status may follow one that is none, whatever the flow.
    let app = world.app.clone().with_flow(StatusFlow::strict());
    let returned = with(to(OrderStatus::Returned), |it| it.return_reason = Some("roto".to_owned()));
    let order = app.edit_order(&world.caller, NO_STATUS, &returned, ANY).await.unwrap().order.valid().unwrap();
    let info = order.return_info().unwrap();
    assert_eq!((info.reason.as_str(), info.returned_at), ("roto", order.updated_at));
    // From a status that is one, the flow holds: the number does not excuse it.
    let jump = with(to(OrderStatus::Shipped), |it| it.number = Some("A-1".to_owned()));
    let refused = app.edit_order(&world.caller, NO_NUMBER, &jump, ANY).await.unwrap_err();
    assert!(
        refused.refusals() == [Refusal::TransitionRefused { from: OrderStatus::Received, to: OrderStatus::Shipped }],
        "{refused:?}"
    );
    assert_eq!(world.row(NO_NUMBER).await, orders()[1].0);
}

#[tokio::test]
async fn a_deleted_irregular_order_leaves_what_it_said() {
    let world = world();
    for (at, (row, _)) in orders().into_iter().enumerate() {
        let before = world.app.order(&world.caller, row.id).await.unwrap().order;
        let deleted = world.app.delete_order(&world.caller, row.id, before.version().into()).await.unwrap();
        assert_eq!(deleted, Stored::new(row.clone()));
        let gone = world.app.order(&world.caller, row.id).await.unwrap_err();
        assert!(matches!(gone, AppError::OrderNotFound), "{gone:?}");
        let event = world.events().await.remove(at);
        assert_eq!((event.order_id, &event.number), (row.id, &row.number));
        let kind = serde_json::json!({ "type": "deleted", "status": row.status, "client_id": row.client_id });
        assert_eq!(serde_json::to_value(&event.kind).unwrap(), kind);
    }
    assert_eq!(world.orders().await, []);
    let history = world.app.history(&world.caller, &number("s-1"), None, PageLimit::MAX).await.unwrap();
    assert!(matches!(&history[..], [event] if event.kind.name() == "deleted"), "{history:?}");
}

#[tokio::test]
async fn an_irregular_client_has_orders_is_repaired_and_deleted() {
    let world = world();
    for (row, _) in clients() {
        let client = Stored::new(row.clone());
        let mut order = order_draft(&format!("O-{}", row.email.replace(['@', '.'], "-")), None);
        order.client_id = Some(row.id.to_string());
        let made = world.app.create_order(&world.caller, &order).await.unwrap();
        assert_eq!(made.client, ClientLink::Known(Arc::new(client.clone())));
        assert_eq!(world.app.order(&world.caller, made.order.row.id).await.unwrap(), made);
        assert!(world.orders().await.contains(&made));
        let found = world.app.client_with_orders(&world.caller, row.id, PageLimit::MAX).await.unwrap();
        assert_eq!((found.client, found.orders.unwrap().items), (client.clone(), vec![made.order.clone()]));
        let found = world.app.clients_by_id(&world.caller, &[row.id]).await.unwrap();
        assert_eq!((found.clients, found.unreadable), (vec![client.clone()], Vec::new()));
        let taken = world.app.create_client(&world.caller, draft(&row.email.to_uppercase())).await.unwrap_err();
        assert_eq!(taken.refusals(), [Refusal::EmailTaken]);

        let change = ClientChange::builder().maybe_name(ClientName::parse("Reparada").ok()).address(None).build();
        let expected = Expected::Version(client.version());
        let repaired = world.app.edit_client(&world.caller, row.id, &change, expected).await.unwrap();
        assert!(repaired.updated_at > row.updated_at && repaired.created_at == row.created_at);
        assert_eq!((repaired.name.as_str(), &repaired.address), ("Reparada", &None));
        assert_eq!(world.app.client(&world.caller, row.id).await.unwrap(), repaired.clone().into());
        let stale = world.app.edit_client(&world.caller, row.id, &change, expected).await.unwrap_err();
        assert!(
            matches!(&stale, AppError::ClientChanged { current } if **current == repaired.clone().into()),
            "{stale:?}"
        );

        // As it was.
        world.store.plant_client(row.clone());
        let stale =
            world.app.delete_client(&world.caller, row.id, Expected::Version(repaired.version())).await.unwrap_err();
        assert!(matches!(&stale, AppError::ClientChanged { current } if **current == client), "{stale:?}");
        let deletion = world.app.delete_client(&world.caller, row.id, expected).await.unwrap();
        assert_eq!((deletion.client, deletion.detached), (Some(client), Some(1)));
        assert_eq!(world.app.order(&world.caller, made.order.row.id).await.unwrap().client, ClientLink::Nobody);
    }
}

#[tokio::test]
async fn irregular_orders_of_a_deleted_client_do_not_keep_the_others_from_losing_it() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    for order in ["A-1", "A-2", "A-3"] {
        world.order(order, Some(&client)).await;
    }
    // More than a page of them, before and after the others in the list.
    let later = provesi_core::Timestamp::from_micros(world.app.now().micros() + 1_000_000).unwrap();
    let rows = |range: std::ops::Range<i64>, updated_at| {
        range.map(move |id| {
            with(orders()[0].0.clone(), |it| {
                it.id = OrderId::new(id);
                it.number = format!("X {id}");
                it.client_id = Some(client.id.to_string());
                it.updated_at = updated_at;
            })
        })
    };
    rows(100..2_300, later).chain(rows(3_000..3_010, at(0))).for_each(|row| world.store.plant_order(row));
    let deletion = world.app.delete_client(&world.caller, client.id, ANY).await.unwrap();
    assert_eq!(deletion.detached, Some(3));
    assert_eq!(world.app.order(&world.caller, number("a-3")).await.unwrap().client, ClientLink::Nobody);
    let irregular = world.app.order(&world.caller, OrderId::new(100)).await.unwrap();
    assert_eq!(irregular.client, ClientLink::Gone(client.id));
}

#[tokio::test]
async fn the_audit_names_an_irregular_order_by_its_id() {
    let world = world();
    let app = world.app.clone().with_audit(Arc::new(world.store.clone()), AuditPolicy::Strict);
    app.order(&world.caller, NO_NUMBER).await.unwrap();
    app.order(&world.caller, NO_STATUS).await.unwrap();
    app.edit_order(&world.caller, NO_NUMBER, &OrderChange::default(), ANY).await.unwrap_err();
    app.edit_order(&world.caller, NO_NUMBER, &renumbered("A-1"), ANY).await.unwrap();
    app.order(&world.caller, OrderId::new(99)).await.unwrap_err();
    app.list_orders(&world.caller, &OrderListing::default(), &PageRequest::first(PageLimit::MAX)).await.unwrap();
    app.delete_order(&world.caller, NO_CLIENT, ANY).await.unwrap();
    world.store.plant_order(orders()[1].0.clone());
    app.delete_order(&world.caller, NO_NUMBER, ANY).await.unwrap();
    let told: Vec<_> = world.store.audit_records().into_iter().map(|record| (record.action, record.subjects)).collect();
    let [s, a, c] = ["S-1", "A-1", "C-1"].map(|text| Subject::Order(number(text)));
    let no_number = Subject::OrderId(NO_NUMBER);
    assert_eq!(
        told,
        [
            (AuditAction::OrderRead, vec![no_number.clone()]),
            (AuditAction::OrderRead, vec![s.clone()]),
            (AuditAction::OrderUpdate, vec![no_number.clone()]),
            (AuditAction::OrderUpdate, vec![a.clone()]),
            (AuditAction::OrderRead, vec![Subject::OrderId(OrderId::new(99))]),
            (AuditAction::OrderList, vec![a, c.clone(), s]),
            (AuditAction::OrderDelete, vec![c]),
            (AuditAction::OrderDelete, vec![no_number]),
        ]
    );
}

#[tokio::test]
async fn undo_leaves_an_order_alone_whose_client_a_repair_changed_since() {
    let world = World::new();
    let ana = world.client("ana@example.com").await;
    for order in ["A-1", "A-2"] {
        world.order(order, Some(&ana)).await;
    }
    let sweeper = provesi_core::Caller::system("integrity").unwrap();
    let stamp = provesi_core::Stamp::new(world.app.now(), &sweeper);
    assert_eq!(OrderRepositoryExt::detach_client(&world.store, ana.id, &stamp).await.unwrap(), 2);
    // The other program breaks both; of one a person says that it has no client.
    for (order, client_id) in [("A-1", Some("Ana".to_owned())), ("A-2", None)] {
        let row = world.app.order(&world.caller, number(order)).await.unwrap().order.row;
        world.store.plant_order(with(row, |it| {
            it.client_id = client_id;
            it.status = "nonsense".to_owned();
        }));
        let repair = with(to(OrderStatus::Packing), |it| it.client = ClientChoice::Detach);
        world.app.edit_order(&world.caller, number(order), &repair, ANY).await.unwrap();
    }
    let counts = world.app.count_swept_orders().await.unwrap();
    assert_eq!(counts, SweptOrders { restorable: 1, changed_since: 1, client_missing: 0 });
}
