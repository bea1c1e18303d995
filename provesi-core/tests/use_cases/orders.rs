use std::sync::Arc;

use async_trait::async_trait;
use provesi_core::{
    App, AppError, AuditPolicy, Client, ClientChoice, ClientLink, ClientRepositoryExt, EventKind, Expected, Field,
    Order, OrderChange, OrderDraft, OrderId, OrderKey, OrderRepositoryExt, OrderStatus, OrderView, OrderWithClient,
    OrdersWithClients, PageLimit, Refusal, Rule, StatusFlow, StoreError,
};
use provesi_testkit::data::with;
use provesi_testkit::{Call, Fault, Faults, FaultyStore, MemoryStore};

use crate::{ANY, World, number, order_draft};

fn to(status: OrderStatus) -> OrderChange {
    OrderChange::builder().status(status).build()
}

fn returned(reason: &str) -> OrderChange {
    OrderChange::builder().status(OrderStatus::Returned).return_reason(reason).build()
}

fn attach(client: &Client) -> OrderChange {
    OrderChange::builder().client(ClientChoice::Attach(client.id.to_string())).build()
}

/// The order of an answer, which is valid.
fn order_of(answer: Result<OrderView, AppError>) -> Order {
    answer.unwrap().order.valid().unwrap()
}

#[tokio::test]
async fn an_order_is_found_with_its_client_in_any_letter_case() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let made = world.order("Ord-1", Some(&client)).await;
    let found = world.app.order(&world.caller, &number("oRD-1")).await.unwrap();
    assert_eq!(found, made);
    assert_eq!(found.client, ClientLink::Known(Arc::new(client.into())));
    assert_eq!(found.next_statuses.len(), 6);
}

/// Joined reads that fail for the client, or as a whole.
#[derive(Debug)]
struct Away {
    store: MemoryStore,
    failure: Option<StoreError>,
}

#[async_trait]
impl OrdersWithClients for Away {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        let away = || StoreError::unavailable("away");
        let found = self.store.get_with_clients(keys).await.into_iter();
        let found = found.map(|found| Ok(found?.map(|found| OrderWithClient { client: Err(away()), ..found })));
        found.map(|found| self.failure.clone().map_or(found, Err)).collect()
    }
}

#[tokio::test]
async fn a_joined_read_gives_the_view_and_the_audit_record_of_two_reads() {
    let world = World::new();
    let (client, gone) = (world.client("ana@example.com").await, world.client("eva@example.com").await);
    let with_client = world.order("A-1", Some(&client)).await;
    world.order("A-2", None).await;
    let of_gone = world.order("A-3", Some(&gone)).await;
    ClientRepositoryExt::delete(&world.store, gone.id, ANY).await.unwrap();
    let irregular = with(of_gone.order.row.clone(), |it| (it.id, it.number) = (OrderId::new(77), "A 4".to_owned()));
    world.store.plant_order(with(irregular, |it| it.client_id = Some("nobody".to_owned())));
    let audited = |store: &MemoryStore| world.app.clone().with_audit(Arc::new(store.clone()), AuditPolicy::Strict);
    let (plain_audit, joined_audit) = (MemoryStore::new(), MemoryStore::new());
    let plain = audited(&plain_audit);
    let joined = audited(&joined_audit).with_joined_reads(Arc::new(world.store.clone()));
    let mut links = Vec::new();
    for key in [1, 2, 3, 77].map(|id| OrderKey::Id(OrderId::new(id))).into_iter().chain([number("a-1").into()]) {
        let view = joined.order(&world.caller, key.clone()).await.unwrap();
        assert_eq!(view, plain.order(&world.caller, key).await.unwrap());
        links.push(view.client);
    }
    let known = ClientLink::Known(Arc::new(client.clone().into()));
    assert_eq!(links, [known.clone(), ClientLink::Nobody, ClientLink::Gone(gone.id), ClientLink::Irregular, known]);
    for app in [&plain, &joined] {
        let missing = app.order(&world.caller, &number("A-9")).await;
        assert!(matches!(missing, Err(AppError::OrderNotFound)), "{missing:?}");
    }
    assert_eq!(joined_audit.audit_records(), plain_audit.audit_records());

    let away = |failure| joined.clone().with_joined_reads(Arc::new(Away { store: world.store.clone(), failure }));
    let without_client = away(None).order(&world.caller, with_client.order.row.id).await.unwrap();
    assert_eq!(without_client.client, ClientLink::Unavailable(client.id));
    let failed = away(Some(StoreError::unavailable("away"))).order(&world.caller, with_client.order.row.id).await;
    assert!(matches!(failed, Err(AppError::Orders(StoreError::Unavailable { .. }))), "{failed:?}");
    // A damaged table of clients does not hide orders.
    let apart =
        away(Some(StoreError::backend("damaged"))).order(&world.caller, with_client.order.row.id).await.unwrap();
    assert_eq!(apart, with_client);
    // Other stores need joined reads of their own.
    let empty = Arc::new(MemoryStore::new());
    let elsewhere = joined.with_stores(Arc::clone(&empty) as _, empty);
    let missing = elsewhere.order(&world.caller, with_client.order.row.id).await;
    assert!(matches!(missing, Err(AppError::OrderNotFound)), "{missing:?}");
}

#[tokio::test]
async fn every_fault_of_an_order_is_found() {
    const NOBODY: &str = "507f1f77bcf86cd799439011";
    use Refusal::{Invalid, NumberTaken, ReasonRequired, UnknownClient};

    let world = World::new();
    world.order("A-1", None).await;
    let refusals = async |number: &str, reason: Option<&str>, client: Option<&str>| {
        let draft = OrderDraft::builder()
            .number(number)
            .maybe_client_id(client.map(str::to_owned))
            .status(OrderStatus::Returned)
            .maybe_return_reason(reason.map(str::to_owned))
            .build();
        world.app.create_order(&world.caller, &draft).await.unwrap_err().refusals().to_vec()
    };
    let nobody = Some(NOBODY);
    let charset = Invalid(provesi_core::Invalid::new(Field::OrderNumber, Rule::NumberCharset));
    assert_eq!(refusals("a b", None, nobody).await, [charset, ReasonRequired, UnknownClient]);
    assert_eq!(refusals("a-1", Some(" "), nobody).await, [ReasonRequired, UnknownClient, NumberTaken]);
    assert_eq!(refusals("a-1", Some("roto"), Some("abc")).await, [UnknownClient, NumberTaken]);
    assert_eq!(refusals("a-2", Some("roto"), nobody).await, [UnknownClient]);
    assert_eq!(refusals("a-1", Some("roto"), None).await, [NumberTaken]);
    assert!(OrderRepositoryExt::find_by_number(&world.store, &number("a-2")).await.unwrap().is_none());

    world.order("B-1", None).await;
    let change = with(to(OrderStatus::Returned), |it| {
        it.number = Some("a-1".to_owned());
        it.client = ClientChoice::Attach("abc".to_owned());
    });
    let edited = world.app.edit_order(&world.caller, &number("b-1"), &change, ANY).await.unwrap_err();
    assert_eq!(edited.refusals(), [ReasonRequired, UnknownClient, NumberTaken]);
    // A store that does not answer hides nothing of what is wrong anyway.
    let (clients, faults) = FaultyStore::new(world.store.clone());
    faults.arm(Call::GetMany, Fault::FailBefore, 1);
    let app = App::new(Arc::new(clients), Arc::new(world.store.clone()));
    let attached = with(to(OrderStatus::Returned), |it| it.client = ClientChoice::Attach(NOBODY.to_owned()));
    let edited = app.edit_order(&world.caller, &number("b-1"), &attached, ANY).await.unwrap_err();
    assert_eq!(edited.refusals(), [ReasonRequired]);
}

#[tokio::test]
async fn a_return_needs_a_reason_whichever_way_it_comes() {
    let world = World::new();
    world.order("A-1", None).await;
    let edit = async |change: &OrderChange| world.app.edit_order(&world.caller, &number("A-1"), change, ANY).await;
    assert_eq!(edit(&to(OrderStatus::Returned)).await.unwrap_err().refusals(), [Refusal::ReasonRequired]);
    assert_eq!(edit(&returned(" \n")).await.unwrap_err().refusals(), [Refusal::ReasonRequired]);
    let first = order_of(edit(&returned("roto")).await);
    world.clock.advance_millis(5_000);
    let reason = OrderChange::builder().return_reason("mojado").build();
    let second = order_of(edit(&reason).await);
    let info = second.return_info().unwrap();
    assert_eq!((info.reason.as_str(), info.returned_at), ("mojado", first.return_info().unwrap().returned_at));
    let blank = OrderChange::builder().return_reason(String::new()).build();
    assert_eq!(edit(&blank).await.unwrap_err().refusals(), [Refusal::ReasonRequired]);
    assert_eq!(order_of(edit(&to(OrderStatus::Packing)).await).return_info(), None);
    // A reason beside any other status is not kept.
    assert_eq!(order_of(edit(&reason).await).return_info(), None);
}

#[tokio::test]
async fn the_history_keeps_what_a_change_cleared() {
    let world = World::new();
    world.order("A-1", None).await;
    for change in [returned("roto"), to(OrderStatus::Packing)] {
        world.app.edit_order(&world.caller, &number("A-1"), &change, ANY).await.unwrap();
    }
    world.app.delete_order(&world.caller, &number("A-1"), ANY).await.unwrap();
    let events = world.app.history(&world.caller, &number("a-1"), None, PageLimit::MAX).await.unwrap();
    let names: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["created", "returned", "status_changed", "deleted"]);
    let EventKind::StatusChanged { cleared: Some(info), .. } = &events[2].kind else { panic!("{events:?}") };
    assert_eq!(info.reason.as_str(), "roto");
    let never = world.app.history(&world.caller, &number("Z-9"), None, PageLimit::MAX).await.unwrap_err();
    assert!(matches!(never, AppError::OrderNotFound), "{never:?}");
}

#[tokio::test]
async fn the_flow_refuses_a_jump_and_tells_what_may_come_next() {
    let world = World::new();
    let app = world.app.clone().with_flow(StatusFlow::strict());
    app.create_order(&world.caller, &order_draft("A-1", None)).await.unwrap();
    let refused = app.edit_order(&world.caller, &number("A-1"), &to(OrderStatus::Shipped), ANY).await.unwrap_err();
    assert!(
        refused.refusals() == [Refusal::TransitionRefused { from: OrderStatus::Received, to: OrderStatus::Shipped }],
        "{refused:?}"
    );
    let view = app.edit_order(&world.caller, &number("A-1"), &to(OrderStatus::Picking), ANY).await.unwrap();
    assert_eq!(view.next_statuses, [OrderStatus::Packing, OrderStatus::Cancelled]);
}

#[tokio::test]
async fn a_stale_version_is_shown_what_is_there() {
    let world = World::new();
    let made = world.order("A-1", None).await.order;
    let version = Expected::Version(made.version());
    let edit = async |change: OrderChange| world.app.edit_order(&world.caller, &number("A-1"), &change, version).await;
    let edited = edit(to(OrderStatus::Packing)).await.unwrap().order;
    let refused = edit(to(OrderStatus::Shipped)).await.unwrap_err();
    let AppError::OrderChanged { current } = refused else { panic!("{refused:?}") };
    assert_eq!(*current, edited);
    let refused = world.app.delete_order(&world.caller, &number("A-1"), version).await.unwrap_err();
    assert!(matches!(refused, AppError::OrderChanged { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_change_beside_a_client_change_loses_neither() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    for round in 0..50 {
        let number = number(&format!("A-{round}"));
        world.order(number.as_str(), None).await;
        let (ship, attach) = (to(OrderStatus::Shipped), attach(&client));
        let edits = tokio::join!(
            world.app.edit_order(&world.caller, &number, &ship, ANY),
            world.app.edit_order(&world.caller, &number, &attach, ANY),
        );
        assert!(edits.0.is_ok() && edits.1.is_ok());
        let order = order_of(world.app.order(&world.caller, &number).await);
        assert_eq!((order.status(), order.client_id), (OrderStatus::Shipped, Some(client.id)));
    }
}

/// Creates an order of this client, and stalls after the look at the client, before the insert.
async fn stalled_create(
    world: &World,
    number: &str,
    client: &Client,
) -> (Faults, tokio::task::JoinHandle<Result<OrderView, AppError>>) {
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = App::new(Arc::new(world.store.clone()), Arc::new(orders));
    faults.stall(Call::Commit);
    let (caller, draft) = (world.caller.clone(), order_draft(number, Some(client)));
    let creating = tokio::spawn(async move { app.create_order(&caller, &draft).await });
    faults.stalled().await;
    (faults, creating)
}

#[tokio::test]
async fn an_order_for_a_client_that_is_deleted_meanwhile_is_refused() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (faults, making) = stalled_create(&world, "A-1", &client).await;
    world.app.delete_client(&world.caller, client.id, ANY).await.unwrap();
    faults.clear();
    let refused = making.await.unwrap().unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::UnknownClient]);
    assert_eq!(OrderRepositoryExt::find_by_number(&world.store, &number("A-1")).await.unwrap(), None);
    assert_eq!(OrderRepositoryExt::feed(&world.store, None, PageLimit::MAX).await.unwrap(), []);
}

/// The client store lost its records between the look and the write: nobody deleted the client, so the order is made, and
/// the integrity check reports it.
#[tokio::test]
async fn an_order_for_a_client_that_vanishes_is_made_and_reported() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (faults, making) = stalled_create(&world, "A-1", &client).await;
    ClientRepositoryExt::delete(&world.store, client.id, ANY).await.unwrap();
    faults.clear();
    assert_eq!(order_of(making.await.unwrap()).client_id, Some(client.id));
    let report = world.app.check_integrity(|_| {}).await.unwrap();
    assert_eq!((report.dangling_clients, report.dangling_orders), (1, 1));
}

#[tokio::test]
async fn one_instant_is_told_of_a_change_by_the_order_and_its_event() {
    #[derive(Debug, Default)]
    struct Ticking(std::sync::atomic::AtomicI64);
    impl provesi_core::Clock for Ticking {
        fn now(&self) -> provesi_core::Timestamp {
            let ticks = self.0.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed);
            provesi_core::Timestamp::from_micros(ticks).unwrap()
        }
    }
    let world = World::new();
    let app = world.app.clone().with_clock(Arc::new(Ticking::default()));
    let made = order_of(app.create_order(&world.caller, &order_draft("A-1", None)).await);
    let returned = order_of(app.edit_order(&world.caller, &number("A-1"), &returned("roto"), ANY).await);
    let events = OrderRepositoryExt::history(&world.store, &number("A-1"), None, PageLimit::MAX).await.unwrap();
    assert_eq!(events[0].at, made.created_at);
    let returned_at = returned.return_info().unwrap().returned_at;
    assert_eq!((events[1].at, returned.updated_at), (returned_at, returned_at));
}

#[test]
fn what_a_caller_wrote_as_a_reason_is_not_shown_by_debug() {
    let draft = with(order_draft("A-1", None), |it| it.return_reason = Some("secreto".to_owned()));
    let change = OrderChange::builder().maybe_return_reason(draft.return_reason.clone()).build();
    assert!(!format!("{draft:?} {change:?}").contains("secreto"));
}

/// The contract: a taken number is told before the client.
#[tokio::test]
async fn a_taken_number_is_told_beside_a_retired_client() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", None).await;
    let (faults, making) = stalled_create(&world, "A-1", &client).await;
    world.app.delete_client(&world.caller, client.id, ANY).await.unwrap();
    faults.clear();
    let refused = making.await.unwrap().unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::UnknownClient, Refusal::NumberTaken]);
}
