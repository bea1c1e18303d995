//! Writes under an idempotency key.

use provesi_testkit::data::with;
use std::sync::Arc;

use provesi_core::{
    App, AppError, Caller, ClientChange, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, EntryKind,
    EntryQuery, Expected, IdempotencyKey, OrderChange, OrderListing, OrderRepository, OrderRepositoryExt, OrderStatus,
    PageLimit, PageRequest, Refusal, StoreError,
};
use provesi_testkit::{Call, Fault, Faults, FaultyStore};

use crate::{ANY, World, draft, number, order_draft};

const DAY: i64 = 24 * 3_600 * 1_000;

fn keyed(world: &World, key: &str, request: &str) -> Caller {
    let key = IdempotencyKey::new(&world.caller.actor, key, &[request.as_bytes()]).unwrap();
    Caller { idempotency_key: Some(key), ..world.caller.clone() }
}

/// Another process over the same records.
fn other_process(world: &World) -> (App, Faults) {
    let (store, faults) = FaultyStore::new(world.store.clone());
    let store = Arc::new(store);
    let clock = Arc::<provesi_testkit::FixedClock>::clone(&world.clock);
    (App::new(Arc::<FaultyStore<_>>::clone(&store), store).with_clock(clock), faults)
}

fn to(status: OrderStatus) -> OrderChange {
    OrderChange::builder().status(status).build()
}

async fn answers(world: &World) -> usize {
    let at = provesi_core::Timestamp::MAX;
    let query = EntryQuery::Due { kind: EntryKind::Answer, at, after: None, limit: PageLimit::MAX };
    world.store.entries(&query).await.unwrap().len()
}

async fn orders(world: &World) -> usize {
    OrderRepository::page(&world.store, &OrderListing::default(), &PageRequest::first(PageLimit::MAX))
        .await
        .unwrap()
        .items
        .len()
}

async fn clients(world: &World) -> usize {
    ClientRepository::page(&world.store, &ClientListing::default(), &PageRequest::first(PageLimit::MAX))
        .await
        .unwrap()
        .items
        .len()
}

#[tokio::test]
async fn an_order_is_made_changed_and_deleted_once_under_a_key_on_any_process() {
    let world = World::new();
    let (other, _) = other_process(&world);
    let caller = keyed(&world, "1", "create");
    let made = world.app.create_order(&caller, &order_draft("A-1", None)).await.unwrap();
    let edit = keyed(&world, "2", "edit");
    let packed = world.app.edit_order(&edit, &number("A-1"), &to(OrderStatus::Packing), ANY).await.unwrap();
    world.app.edit_order(&world.caller, &number("A-1"), &to(OrderStatus::Shipped), ANY).await.unwrap();
    world.clock.advance_millis(60_000);
    for app in [&world.app, &other] {
        // The same answers, whatever became of the order since.
        assert_eq!(app.create_order(&caller, &order_draft("A-1", None)).await.unwrap(), made);
        let again = app.edit_order(&edit, &number("A-1"), &to(OrderStatus::Packing), ANY).await.unwrap();
        assert_eq!(again, packed);
    }
    let now = OrderRepositoryExt::find_by_number(&world.store, &number("A-1")).await.unwrap().unwrap();
    assert_eq!(now.status(), OrderStatus::Shipped);
    let delete = keyed(&world, "3", "delete");
    let deleted = world.app.delete_order(&delete, &number("A-1"), ANY).await.unwrap();
    assert_eq!(other.delete_order(&delete, &number("A-1"), ANY).await.unwrap(), deleted);
    let unkeyed = other.delete_order(&world.caller, &number("A-1"), ANY).await.unwrap_err();
    assert!(matches!(unkeyed, AppError::OrderNotFound), "{unkeyed:?}");
    assert_eq!(OrderRepositoryExt::feed(&world.store, None, PageLimit::MAX).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_change_that_changed_nothing_is_not_made_later() {
    let world = World::new();
    world.order("A-1", None).await;
    let caller = keyed(&world, "1", "edit");
    let same = world.app.edit_order(&caller, &number("A-1"), &to(OrderStatus::Received), ANY).await.unwrap();
    world.app.edit_order(&world.caller, &number("A-1"), &to(OrderStatus::Packing), ANY).await.unwrap();
    let again = world.app.edit_order(&caller, &number("A-1"), &to(OrderStatus::Received), ANY).await.unwrap();
    assert_eq!(again.order, same.order);
    let now = OrderRepositoryExt::find_by_number(&world.store, &number("A-1")).await.unwrap().unwrap();
    assert_eq!(now.status(), OrderStatus::Packing);
}

#[tokio::test]
async fn a_stale_version_is_told_the_first_answer_under_the_same_key() {
    let world = World::new();
    let made = world.order("A-1", None).await.order;
    let caller = keyed(&world, "1", "edit");
    let expected = Expected::Version(made.version());
    let edited = world.app.edit_order(&caller, &number("A-1"), &to(OrderStatus::Packing), expected).await.unwrap();
    let again = world.app.edit_order(&caller, &number("A-1"), &to(OrderStatus::Packing), expected).await.unwrap();
    assert_eq!(again, edited);
}

#[tokio::test]
async fn another_request_under_the_key_is_refused() {
    let world = World::new();
    let first = keyed(&world, "1", "a");
    world.app.create_order(&first, &order_draft("A-1", None)).await.unwrap();
    let other = keyed(&world, "1", "b");
    let refused = [
        world.app.create_order(&other, &order_draft("B-1", None)).await.map(drop),
        world.app.edit_order(&other, &number("A-1"), &to(OrderStatus::Packing), ANY).await.map(drop),
        world.app.delete_order(&other, &number("A-1"), ANY).await.map(drop),
        world.app.create_client(&other, draft("ana@example.com")).await.map(drop),
        // Of another kind, though the fingerprint is the same.
        world.app.create_client(&first, draft("ana@example.com")).await.map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(AppError::KeyReused)), "{refused:?}");
    }
    assert_eq!((orders(&world).await, clients(&world).await), (1, 0));
    // Somebody else's key is another one.
    let mut else_who = world.caller.clone();
    else_who.actor = "user:Ana".parse().unwrap();
    else_who.idempotency_key = Some(IdempotencyKey::new(&else_who.actor, "1", &[b"b"]).unwrap());
    world.app.create_order(&else_who, &order_draft("B-1", None)).await.unwrap();
}

#[tokio::test]
async fn a_refused_call_leaves_its_key_free() {
    let world = World::new();
    let caller = keyed(&world, "1", "create");
    world.order("A-1", None).await;
    let refused = world.app.create_order(&caller, &order_draft("A-1", None)).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::NumberTaken]);
    world.app.delete_order(&world.caller, &number("A-1"), ANY).await.unwrap();
    world.app.create_order(&caller, &order_draft("A-1", None)).await.unwrap();
    let client = keyed(&world, "2", "client");
    let existing = world.client("ana@example.com").await;
    let refused = world.app.create_client(&client, draft("ana@example.com")).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::EmailTaken]);
    world.app.delete_client(&world.caller, existing.id, ANY).await.unwrap();
    world.app.create_client(&client, draft("ana@example.com")).await.unwrap();
}

/// Concurrent calls in two processes.
#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_under_one_key_get_one_answer() {
    for round in 0..20 {
        let world = World::new();
        let (other, _) = other_process(&world);
        let caller = keyed(&world, "1", "create");
        let calls = (0..8).map(|n| {
            let (app, caller) = (if n % 2 == 0 { world.app.clone() } else { other.clone() }, caller.clone());
            tokio::spawn(async move {
                let order = app.create_order(&caller, &order_draft(&format!("A-{round}"), None)).await.unwrap();
                let client = Caller { idempotency_key: caller.idempotency_key.map(|key| key.part("client")), ..caller };
                (order, app.create_client(&client, draft("ana@example.com")).await.unwrap())
            })
        });
        let answers = futures_util::future::join_all(calls).await;
        let first = answers[0].as_ref().unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == first));
        assert_eq!((orders(&world).await, clients(&world).await), (1, 1));
    }
}

#[tokio::test]
async fn an_order_of_unknown_outcome_is_told_by_the_same_key() {
    let world = World::new();
    let (app, faults) = other_process(&world);
    let caller = keyed(&world, "1", "create");
    faults.arm(Call::Commit, Fault::FailAfter, 1);
    // The order was inserted, and the entry of the key shows it.
    let made = app.create_order(&caller, &order_draft("A-1", None)).await.unwrap();
    faults.arm(Call::Commit, Fault::FailAfter, 1);
    faults.arm(Call::Entries, Fault::FailBefore, 1);
    let edit = keyed(&world, "2", "edit");
    let unknown = app.edit_order(&edit, &number("A-1"), &to(OrderStatus::Packing), ANY).await.unwrap_err();
    assert!(matches!(unknown, AppError::Orders(StoreError::OutcomeUnknown { .. })), "{unknown:?}");
    let edited = world.app.edit_order(&edit, &number("A-1"), &to(OrderStatus::Packing), ANY).await.unwrap();
    assert!(edited.order.version() != made.order.version());
    assert_eq!(OrderRepositoryExt::feed(&world.store, None, PageLimit::MAX).await.unwrap().len(), 2);
}

/// A process that ends between any two steps of making a client: the next call with the key makes one client.
#[tokio::test]
async fn a_client_is_made_once_wherever_the_first_process_ended() {
    for steps in 0..5 {
        let world = World::new();
        let (app, faults) = other_process(&world);
        let caller = keyed(&world, "1", "create");
        faults.arm_all(Fault::Step);
        let by = caller.clone();
        let making = tokio::spawn(async move { app.create_client(&by, draft("ana@example.com")).await });
        for _ in 0..steps {
            while !making.is_finished() && !faults.wants_step() {
                tokio::task::yield_now().await;
            }
            faults.step();
        }
        while !making.is_finished() && !faults.wants_step() {
            tokio::task::yield_now().await;
        }
        making.abort();
        let made = world.app.create_client(&caller, draft("ana@example.com")).await.unwrap();
        let again = world.app.create_client(&caller, draft("ana@example.com")).await.unwrap();
        assert_eq!((made, clients(&world).await), (again, 1), "after {steps} steps");
    }
}

#[tokio::test]
async fn a_client_is_changed_and_deleted_once_and_a_crash_in_between_is_told() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    let named = |name: &str| ClientChange::builder().maybe_name(ClientName::parse(name).ok()).build();
    let edit = keyed(&world, "1", "edit");
    world.app.edit_client(&edit, client.id, &named("Bea"), ANY).await.unwrap();
    world.app.edit_client(&world.caller, client.id, &named("Clara"), ANY).await.unwrap();
    let again = world.app.edit_client(&edit, client.id, &named("Bea"), ANY).await.unwrap();
    assert_eq!(again.name.as_str(), "Clara", "nothing is changed, and the client is shown as it is");
    // The process ends once the client is written, before the key is marked as done.
    let (app, faults) = other_process(&world);
    faults.arm_after(Call::Commit, Fault::FailBefore, 2);
    let delete = keyed(&world, "2", "delete");
    let _ = app.edit_client(&delete, client.id, &named("Dora"), ANY).await.unwrap();
    let unknown = world.app.edit_client(&delete, client.id, &named("Dora"), ANY).await.unwrap_err();
    assert!(matches!(unknown, AppError::KeyInProgress) && unknown.is_outcome_unknown(), "{unknown:?}");
    let delete = keyed(&world, "3", "delete");
    let deletion = world.app.delete_client(&delete, client.id, ANY).await.unwrap();
    let again = world.app.delete_client(&delete, client.id, ANY).await.unwrap();
    assert_eq!((deletion.detached, again.detached), (Some(1), Some(1)));
    assert!(deletion.client.is_some() && again.client.is_none());
    assert!(ClientRepositoryExt::get(&world.store, client.id).await.unwrap().is_none());
}

#[tokio::test]
async fn answers_are_kept_for_a_day() {
    let world = World::new();
    let caller = keyed(&world, "1", "create");
    let draft = with(order_draft("A-1", None), |it| it.client_id = None);
    world.app.create_order(&caller, &draft).await.unwrap();
    world.clock.advance_millis(DAY - 1);
    assert_eq!(world.app.remove_expired_answers().await.unwrap(), 0);
    world.app.create_order(&caller, &draft).await.unwrap();
    world.clock.advance_millis(1);
    assert_eq!((world.app.remove_expired_answers().await.unwrap(), answers(&world).await), (1, 0));
    let refused = world.app.create_order(&caller, &draft).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::NumberTaken]);
}

#[tokio::test]
async fn what_is_kept_holds_no_client() {
    let world = World::new();
    let caller = keyed(&world, "secreto-1", "create");
    world.app.create_client(&caller, draft("ana@example.com")).await.unwrap();
    let at = provesi_core::Timestamp::MAX;
    let query = EntryQuery::Due { kind: EntryKind::Answer, at, after: None, limit: PageLimit::MAX };
    let kept = world.store.entries(&query).await.unwrap().pop().unwrap();
    for personal in ["Ana", "ana@example.com", "secreto"] {
        assert!(!kept.value.contains(personal) && !kept.key.name.contains(personal), "{}", kept.value);
    }
}

#[tokio::test]
async fn two_calls_that_make_a_client_get_one_answer_in_any_order_of_steps() {
    let run = async |schedule: &mut crate::retirements::Schedule| {
        let world = World::new();
        let caller = keyed(&world, "1", "create");
        let making = || {
            let caller = caller.clone();
            crate::retirements::actor(&world, move |app| async move {
                app.create_client(&caller, draft("ana@example.com")).await.map(drop)
            })
        };
        let ends = schedule.play(vec![making(), making()]).await;
        assert!(ends.iter().all(Result::is_ok), "{ends:?}");
        assert_eq!(clients(&world).await, 1);
        world.app.create_client(&caller, draft("ana@example.com")).await.unwrap();
    };
    let tried = crate::retirements::explore(2_000, run).await;
    assert!(tried > 20, "{tried}");
}

#[tokio::test]
async fn a_client_that_was_deleted_since_is_not_made_again() {
    let world = World::new();
    let (app, faults) = other_process(&world);
    let caller = keyed(&world, "1", "create");
    // The process ends before the key is marked as done.
    faults.arm_after(Call::Commit, Fault::FailBefore, 2);
    let made = app.create_client(&caller, draft("ana@example.com")).await.unwrap();
    world.app.delete_client(&world.caller, made.id, ANY).await.unwrap();
    let refused = world.app.create_client(&caller, draft("ana@example.com")).await.unwrap_err();
    assert!(matches!(refused, AppError::ClientNotFound), "{refused:?}");
    assert_eq!(clients(&world).await, 0);
}
