//! Deleting a client, step by step, beside others and with a process that ends in between.

use std::sync::Arc;

use provesi_core::{
    ActorName, App, AppError, Caller, Client, ClientRepositoryExt, EntryKey, EntryKind, EntryQuery, Expected,
    OrderRepository, OrderRepositoryExt, PageLimit, Refusal, SettledRetirements, StoreError,
};
use provesi_testkit::{Call, Fault, Faults, FaultyStore};
use tokio::task::JoinHandle;

use crate::{ANY, World, number, order_draft};

/// Milliseconds: longer than a lease.
const LATER: i64 = 1_000_000;

/// An application over the same records whose calls of the stores meet faults.
fn faulty(world: &World) -> (App, Faults) {
    let (store, faults) = FaultyStore::new(world.store.clone());
    let store = Arc::new(store);
    let clock = Arc::<provesi_testkit::FixedClock>::clone(&world.clock);
    (App::new(Arc::<FaultyStore<_>>::clone(&store), store).with_clock(clock), faults)
}

async fn retirements(world: &World) -> usize {
    let at = provesi_core::Timestamp::MAX;
    let query = EntryQuery::Due { kind: EntryKind::Retirement, at, after: None, limit: PageLimit::MAX };
    world.store.entries(&query).await.unwrap().len()
}

async fn client_of(world: &World, order: &str) -> Option<provesi_core::ClientId> {
    OrderRepositoryExt::find_by_number(&world.store, &number(order)).await.unwrap().unwrap().client_id
}

async fn exists(world: &World, client: &Client) -> bool {
    ClientRepositoryExt::get(&world.store, client.id).await.unwrap().is_some()
}

/// One of several that run beside each other, each call of a store in its turn.
pub(crate) struct Actor {
    faults: Faults,
    task: JoinHandle<Result<(), AppError>>,
}

impl Actor {
    /// Runs until the next call of a store, or to the end. False if it has ended.
    async fn settle(&self) -> bool {
        while !self.task.is_finished() && !self.faults.wants_step() {
            tokio::task::yield_now().await;
        }
        !self.task.is_finished()
    }

    async fn step(&self) {
        self.faults.step();
        self.settle().await;
    }
}

pub(crate) fn actor<F>(world: &World, run: impl FnOnce(App) -> F) -> Actor
where
    F: Future<Output = Result<(), AppError>> + Send + 'static,
{
    let (app, faults) = faulty(world);
    faults.arm_all(Fault::Step);
    Actor { faults, task: tokio::spawn(run(app)) }
}

fn deletion(world: &World, client: &Client) -> Actor {
    deletion_by(world, client, "clerk")
}

fn deletion_by(world: &World, client: &Client, name: &str) -> Actor {
    let actor = provesi_core::Actor::User(ActorName::parse(name).unwrap());
    let (caller, id) = (Caller { actor, ..Caller::default() }, client.id);
    self::actor(world, move |app| async move { app.delete_client(&caller, id, ANY).await.map(drop) })
}

fn attachment(world: &World, order: &str, client: &Client) -> Actor {
    let (caller, draft) = (world.caller.clone(), order_draft(order, Some(client)));
    actor(world, move |app| async move { app.create_order(&caller, &draft).await.map(drop) })
}

fn sweep(world: &World) -> Actor {
    actor(world, move |app| async move { app.settle_retirements().await.map(drop) })
}

/// Tries orders of the steps of several actors: all of them, if they are no more than `limit`.
pub(crate) async fn explore(limit: usize, run: impl AsyncFn(&mut Schedule)) -> usize {
    let mut schedule = Schedule::default();
    for count in 1..=limit {
        run(&mut schedule).await;
        if !schedule.advance() {
            return count;
        }
    }
    limit
}

/// Whose turn it was, and of how many, step by step.
#[derive(Default)]
pub(crate) struct Schedule {
    turns: Vec<(usize, usize)>,
    step: usize,
}

impl Schedule {
    /// Runs the actors to their ends.
    pub(crate) async fn play(&mut self, actors: Vec<Actor>) -> Vec<Result<(), AppError>> {
        self.step = 0;
        loop {
            let mut running = Vec::new();
            for actor in &actors {
                if actor.settle().await {
                    running.push(actor);
                }
            }
            if running.is_empty() {
                break;
            }
            if self.step == self.turns.len() {
                self.turns.push((0, running.len()));
            }
            let (turn, _) = self.turns[self.step];
            self.step += 1;
            running[turn].step().await;
        }
        let mut ends = Vec::new();
        for actor in actors {
            ends.push(actor.task.await.unwrap());
        }
        ends
    }

    /// Moves on to the next order of steps. False if there is none.
    fn advance(&mut self) -> bool {
        self.turns.truncate(self.step);
        while let Some((turn, of)) = self.turns.pop() {
            if turn + 1 < of {
                self.turns.push((turn + 1, of));
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn a_deletion_and_a_new_order_leave_no_order_of_a_deleted_client_in_any_order_of_steps() {
    let run = async |schedule: &mut Schedule| {
        let world = World::new();
        let client = world.client("ana@example.com").await;
        world.order("A-1", Some(&client)).await;
        let actors = vec![deletion(&world, &client), attachment(&world, "B-1", &client)];
        let ends = schedule.play(actors).await;
        ends[0].as_ref().unwrap();
        let made = OrderRepositoryExt::find_by_number(&world.store, &number("B-1")).await.unwrap();
        match &ends[1] {
            Ok(()) => assert_eq!(made.unwrap().client_id, None),
            Err(error) => assert!(error.refusals() == [Refusal::UnknownClient] && made.is_none(), "{error:?}"),
        }
        assert_eq!((client_of(&world, "A-1").await, retirements(&world).await), (None, 0));
    };
    let tried = explore(1_000, run).await;
    assert!((20..1_000).contains(&tried), "{tried}");
}

#[tokio::test]
async fn two_deletions_of_one_client_detach_its_orders_in_any_order_of_steps() {
    let run = async |schedule: &mut Schedule| {
        let world = World::new();
        let client = world.client("ana@example.com").await;
        world.order("A-1", Some(&client)).await;
        let names = ["ana", "bea"];
        let ends = schedule.play(names.map(|name| deletion_by(&world, &client, name)).into()).await;
        let done = ends.iter().filter(|end| end.is_ok()).count();
        assert_eq!(done, 1, "{ends:?}");
        assert!(ends.iter().all(|end| matches!(end, Ok(()) | Err(AppError::ClientNotFound))), "{ends:?}");
        assert_eq!((client_of(&world, "A-1").await, retirements(&world).await), (None, 0));
        // The deletion that was answered with "not found" left no event.
        let deleter = names[ends.iter().position(Result::is_ok).unwrap()];
        let events = OrderRepositoryExt::history(&world.store, &number("A-1"), None, PageLimit::MAX).await.unwrap();
        assert_eq!(events.last().unwrap().actor.to_string(), format!("user:{deleter}"));
    };
    let tried = explore(4_000, run).await;
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn a_sweep_leaves_a_deletion_alone_whose_lease_has_not_expired() {
    let run = async |schedule: &mut Schedule| {
        let world = World::new();
        let client = world.client("ana@example.com").await;
        world.order("A-1", Some(&client)).await;
        let ends = schedule.play(vec![deletion(&world, &client), sweep(&world)]).await;
        assert!(ends.iter().all(Result::is_ok), "{ends:?}");
        assert_eq!((client_of(&world, "A-1").await, retirements(&world).await), (None, 0));
    };
    explore(4_000, run).await;
}

/// A process that ended in the middle of a deletion, a sweep after the lease, a deletion by somebody else, and a new order.
#[tokio::test]
async fn a_deletion_that_was_broken_off_is_settled_beside_others_in_any_order_of_steps() {
    for broken_off_after in 0..8 {
        let run = async |schedule: &mut Schedule| {
            let world = World::new();
            let client = world.client("ana@example.com").await;
            world.order("A-1", Some(&client)).await;
            let ended = deletion(&world, &client);
            for _ in 0..broken_off_after {
                if ended.settle().await {
                    ended.step().await;
                }
            }
            ended.task.abort();
            world.clock.advance_millis(LATER);
            let existed = exists(&world, &client).await;
            let ends = schedule.play(vec![sweep(&world), attachment(&world, "B-1", &client)]).await;
            ends[0].as_ref().unwrap();
            assert_eq!(exists(&world, &client).await, existed, "a sweep deletes no client");
            assert_eq!(client_of(&world, "A-1").await.is_some(), existed);
            let made = OrderRepositoryExt::find_by_number(&world.store, &number("B-1")).await.unwrap();
            match &ends[1] {
                Ok(()) => assert_eq!(made.unwrap().client_id.is_some(), existed),
                Err(error) => assert!(error.refusals() == [Refusal::UnknownClient] && made.is_none(), "{error:?}"),
            }
            assert_eq!(retirements(&world).await, 0);
            if existed {
                // Orders can be attached again.
                world.order("C-1", Some(&client)).await;
            }
        };
        explore(2_000, run).await;
    }
}

/// A deletion that takes longer than its lease is the one case that leaves an order of a deleted client: it is reported.
#[tokio::test]
async fn a_deletion_that_lands_after_its_lease_detaches_nothing_that_it_may_not() {
    let run = async |schedule: &mut Schedule| {
        let world = World::new();
        let client = world.client("ana@example.com").await;
        world.order("A-1", Some(&client)).await;
        let slow = deletion(&world, &client);
        // It has recorded the retirement and is about to delete the client.
        for _ in 0..2 {
            slow.settle().await;
            slow.step().await;
        }
        world.clock.advance_millis(LATER);
        let ends = schedule.play(vec![slow, sweep(&world), attachment(&world, "B-1", &client)]).await;
        ends[1].as_ref().unwrap();
        assert!(!exists(&world, &client).await);
        world.app.settle_retirements().await.unwrap();
        let report = world.app.check_integrity(|_| {}).await.unwrap();
        let named = [
            client_of(&world, "A-1").await,
            match &ends[2] {
                Ok(()) => client_of(&world, "B-1").await,
                Err(_) => None,
            },
        ];
        assert_eq!(report.dangling_orders, named.iter().flatten().count() as u64);
    };
    explore(3_000, run).await;
}

#[tokio::test]
async fn a_deletion_that_is_refused_lifts_its_retirement() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (app, faults) = faulty(&world);
    let stale = Expected::Version(world.order("A-1", None).await.order.version());
    let refused = app.delete_client(&world.caller, client.id, stale).await.unwrap_err();
    assert!(matches!(refused, AppError::ClientChanged { .. }), "{refused:?}");
    // The record of the retirement is the first write, the deletion the second.
    faults.arm_after(Call::Commit, Fault::FailBefore, 1);
    let refused = app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    assert!(matches!(refused, AppError::Clients(StoreError::Unavailable { .. })), "{refused:?}");
    faults.clear();
    // That fault was in the way of lifting it as well.
    world.clock.advance_millis(LATER);
    let expected = SettledRetirements { lifted: 1, ..SettledRetirements::default() };
    assert_eq!(app.settle_retirements().await.unwrap(), expected);
    faults.arm(Call::Commit, Fault::FailBefore, 1);
    let refused = app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    assert!(matches!(refused, AppError::Orders(StoreError::Unavailable { .. })), "{refused:?}");
    world.order("B-1", Some(&client)).await;
}

#[tokio::test]
async fn a_deletion_of_unknown_outcome_stays_retired_until_it_is_settled() {
    for is_deleted in [true, false] {
        let world = World::new();
        let client = world.client("ana@example.com").await;
        world.order("A-1", Some(&client)).await;
        let (clients, faults) = FaultyStore::new(world.store.clone());
        let clock = Arc::<provesi_testkit::FixedClock>::clone(&world.clock);
        let app = App::new(Arc::new(clients), Arc::new(world.store.clone())).with_clock(clock);
        faults.arm(Call::Commit, Fault::FailAfter, 1);
        let unknown = app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
        assert!(matches!(unknown, AppError::Clients(StoreError::OutcomeUnknown { .. })), "{unknown:?}");
        if !is_deleted {
            ClientRepositoryExt::insert(&world.store, &client).await.unwrap();
        }
        let refused = world.app.create_order(&world.caller, &order_draft("B-1", Some(&client))).await.unwrap_err();
        assert_eq!(refused.refusals(), [Refusal::UnknownClient]);
        assert_eq!(world.app.settle_retirements().await.unwrap(), SettledRetirements::default());
        world.clock.advance_millis(LATER);
        let settled = world.app.settle_retirements().await.unwrap();
        let count = u64::from(is_deleted);
        assert_eq!((settled.finished, settled.detached_orders, settled.lifted), (count, count, 1 - count));
        assert_eq!(client_of(&world, "A-1").await.is_some(), !is_deleted);
    }
}

/// Nobody asked for the deletion of this client: that it is missing is no order to act.
#[tokio::test]
async fn a_client_that_is_missing_without_a_retirement_is_left_to_the_check() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    ClientRepositoryExt::delete(&world.store, client.id, ANY).await.unwrap();
    world.clock.advance_millis(LATER);
    assert_eq!(world.app.settle_retirements().await.unwrap(), SettledRetirements::default());
    assert_eq!(client_of(&world, "A-1").await, Some(client.id));
}

#[tokio::test]
async fn a_settled_deletion_is_in_the_history_in_the_name_of_who_asked_for_it() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    let (app, faults) = faulty(&world);
    faults.arm(Call::Page, Fault::FailBefore, 1);
    let caller = provesi_core::Caller { actor: "user:Ana".parse().unwrap(), ..provesi_core::Caller::default() };
    let deletion = app.delete_client(&caller, client.id, ANY).await.unwrap();
    assert_eq!(deletion.detached, None, "the store of orders failed meanwhile");
    world.clock.advance_millis(LATER);
    assert_eq!(world.app.settle_retirements().await.unwrap().detached_orders, 1);
    let last = OrderRepositoryExt::feed(&world.store, None, PageLimit::MAX).await.unwrap().pop().unwrap();
    assert_eq!((last.kind.name(), last.actor.to_string().as_str()), ("client_changed", "user:Ana"));
    let kept = world.store.entry(EntryKey::retirement(client.id)).await.unwrap();
    assert!(kept.is_some(), "ids are never used again");
}

#[tokio::test]
async fn a_second_deletion_that_is_refused_restores_the_record_of_the_first() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (clients, of_clients) = FaultyStore::new(world.store.clone());
    let (orders, of_orders) = FaultyStore::new(world.store.clone());
    let clock = Arc::<provesi_testkit::FixedClock>::clone(&world.clock);
    let app = App::new(Arc::new(clients), Arc::new(orders)).with_clock(clock);
    // The second deletion has read the client when the first one begins and ends.
    of_orders.stall(Call::Commit);
    let (caller, id) = (world.caller.clone(), client.id);
    let second = tokio::spawn(async move { app.delete_client(&caller, id, ANY).await });
    of_orders.stalled().await;
    world.app.delete_client(&world.caller, client.id, ANY).await.unwrap();
    let key = EntryKey::retirement(client.id);
    let of_first = world.store.entry(key.clone()).await.unwrap();
    of_clients.arm(Call::Commit, Fault::FailBefore, 1);
    of_orders.clear();
    let refused = second.await.unwrap().unwrap_err();
    assert!(matches!(refused, AppError::Clients(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(of_first.is_some());
    assert_eq!(world.store.entry(key).await.unwrap(), of_first);
}

#[tokio::test]
async fn a_lease_of_a_clock_that_was_ahead_keeps_nothing_retired() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (app, faults) = faulty(&world);
    world.clock.advance_millis(365 * 24 * 3_600 * 1_000);
    faults.arm_after(Call::Commit, Fault::FailBefore, 1);
    app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    faults.clear();
    world.clock.advance_millis(-365 * 24 * 3_600 * 1_000);
    // The next deletion takes the record over: its first write finds the record, its second one replaces it.
    faults.arm_after(Call::Commit, Fault::FailBefore, 2);
    app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    faults.clear();
    world.clock.advance_millis(LATER);
    assert_eq!(app.settle_retirements().await.unwrap().lifted, 1);
    world.order("A-1", Some(&client)).await;
}
