//! Batches of writes beside other programs: rows that they hold, rows that they change, overlapping batches.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use provesi_core::{
    ClientKey, ClientName, ClientRepository, ClientWrite, EntryKey, EntryWrite, NewOrder, Order, OrderId, OrderKey,
    OrderRepository, OrderRepositoryExt, OrderState, OrderStatus, OrderWrite, PageLimit, StoreAdmin, StoreError,
    Stored,
};
use provesi_runtime::Batched;
use provesi_store_pg::PgStore;
use provesi_testkit::data::{self, record, with};
use provesi_testkit::servers::Statements;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::common::{Fixture, at, client_id, order, stamp};

fn received(number: &str) -> NewOrder {
    order(number, OrderStatus::Received)
}

fn insert(number: &str) -> OrderWrite {
    OrderWrite::insert(received(number), stamp(1))
}

fn in_status(before: &Stored<Order>, status: OrderStatus) -> OrderWrite {
    let content = with(record(before), |it| it.state = OrderState::new(status, None, stamp(2).at).unwrap());
    OrderWrite::replace(before.clone(), before.with_content(content, stamp(2).at).unwrap(), stamp(2))
}

fn renumbered(before: &Stored<Order>, number: &str) -> OrderWrite {
    let content = with(record(before), |it| it.number = number.parse().unwrap());
    OrderWrite::replace(before.clone(), before.with_content(content, stamp(2).at).unwrap(), stamp(2))
}

/// Inserts orders with the numbers and so on.
async fn inserted(store: &PgStore, count: usize) -> Vec<Stored<Order>> {
    let inserts: Vec<_> = (0..count).map(|n| insert(&format!("A-{n}"))).collect();
    let ids = OrderRepository::commit(store, &inserts).await.into_iter().map(|id| id.unwrap().unwrap());
    load(store, ids).await
}

async fn load(store: &PgStore, ids: impl IntoIterator<Item = OrderId>) -> Vec<Stored<Order>> {
    let keys: Vec<_> = ids.into_iter().map(OrderKey::Id).collect();
    let rows = OrderRepository::get_many(store, &keys).await;
    rows.into_iter().map(|row| Stored::new(row.unwrap().unwrap())).collect()
}

async fn events(store: &PgStore) -> usize {
    store.feed(None, PageLimit::MAX).await.unwrap().len()
}

/// Waits until another connection sees `count` rows that match, for a second at most.
async fn wait_for(raw: &mut PgConnection, condition: &'static str, count: i64) {
    let start = Instant::now();
    let text = format!("SELECT count(*) FROM orders_order WHERE {condition}");
    loop {
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(text.clone())).fetch_one(&mut *raw).await.unwrap();
        if found == count {
            return;
        }
        assert!(start.elapsed() < Duration::from_millis(1_500), "{found} of {count} rows: {condition}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn commit(
    store: &PgStore,
    writes: Vec<OrderWrite>,
) -> tokio::task::JoinHandle<Vec<Result<Option<OrderId>, StoreError>>> {
    let store = store.clone();
    tokio::spawn(async move { OrderRepository::commit(&store, &writes).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_program_holds_does_not_stall_its_neighbours() {
    for commits in [true, false] {
        let fixture = Fixture::new().await;
        let (store, mut raw, mut watch) = (&fixture.store, fixture.raw().await, fixture.raw().await);
        let stored = inserted(store, 30).await;
        let mut theirs = raw.begin().await.unwrap();
        theirs
            .execute("UPDATE orders_order SET status = 'packing' WHERE order_number IN ('A-7', 'A-8')")
            .await
            .unwrap();
        let mut writes: Vec<_> = stored[..20].iter().map(|before| in_status(before, OrderStatus::Picking)).collect();
        writes.extend(stored[20..].iter().map(|before| OrderWrite::delete(before.clone(), stamp(2))));
        writes.push(insert("B"));
        writes[3] = renumbered(&stored[3], "C");
        let ours = commit(store, writes);
        wait_for(&mut watch, "status = 'picking'", 17).await;
        wait_for(&mut watch, "order_number IN ('B', 'C')", 2).await;
        wait_for(&mut watch, "true", 21).await;
        assert!(!ours.is_finished(), "the held rows are waited for");
        // `updated_at` has not moved.
        if commits {
            theirs.commit().await.unwrap()
        } else {
            theirs.rollback().await.unwrap()
        }
        for (at, outcome) in ours.await.unwrap().into_iter().enumerate() {
            match (at, commits) {
                (7 | 8, true) => assert!(matches!(outcome, Err(StoreError::VersionConflict)), "{at}: {outcome:?}"),
                _ => assert!(outcome.is_ok(), "{at}: {outcome:?}"),
            }
        }
        assert_eq!(events(store).await, 30 + if commits { 29 } else { 31 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_costs_its_batch_one_more_statement() {
    let fixture = Fixture::new().await;
    let (statements, mut raw) = (Statements::to(fixture.database.url()).await, fixture.raw().await);
    let store = PgStore::open(statements.url(), 1).unwrap();
    let stored = inserted(&store, 64).await;
    assert!(!statements.take().is_empty());
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT FROM orders_order WHERE order_number = 'A-7' FOR UPDATE").await.unwrap();
    let ours = commit(&store, stored.iter().map(|before| in_status(before, OrderStatus::Picking)).collect());
    wait_for(&mut fixture.raw().await, "status = 'picking'", 63).await;
    theirs.rollback().await.unwrap();
    assert!(ours.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(statements.take().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_behind_one_that_is_held_up_is_locked_as_well() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let stored = inserted(store, 2).await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT FROM orders_order WHERE order_number = 'A-0' FOR UPDATE").await.unwrap();
    // As another write that attaches the client holds it.
    let retirement = EntryKey::retirement(client_id(7));
    let lock = "SELECT pg_advisory_xact_lock_shared(hashtextextended('retirement:' || $1, 1347571542))";
    sqlx::query(lock).bind(&retirement.name).execute(&mut *theirs).await.unwrap();
    let attached = with(received("B"), |it| it.client_id = Some(client_id(7)));
    let entry = EntryWrite::insert(retirement, "leased".to_owned(), None);
    let writes = [
        in_status(&stored[0], OrderStatus::Picking),
        in_status(&stored[0], OrderStatus::Packing),
        OrderWrite::entries_alone(vec![entry], stamp(2)),
        OrderWrite::insert(attached, stamp(2)),
        in_status(&stored[1], OrderStatus::Picking),
        OrderWrite::insert(with(received("C"), |it| it.client_id = None), stamp(2)),
    ];
    let start = Instant::now();
    let outcomes = OrderRepository::try_commit(store, &writes).await;
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let is_locked = |outcome: &Result<_, _>| matches!(outcome, Err(StoreError::Locked));
    assert_eq!(
        outcomes.iter().map(is_locked).collect::<Vec<_>>(),
        [true, true, true, true, false, false],
        "{outcomes:?}"
    );
    assert!(outcomes[4..].iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(store.find_by_number(&"B".parse().unwrap()).await.unwrap(), None);
    theirs.rollback().await.unwrap();
    let outcomes = OrderRepository::try_commit(store, &writes[..4]).await;
    assert!(matches!(
        outcomes[..],
        [Ok(_), Err(StoreError::VersionConflict), Ok(_), Err(StoreError::EntryConflict { .. })]
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_program_holds_does_not_stall_joined_writes() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (Batched::new(fixture.store.clone()), fixture.raw().await);
    let stored = inserted(&fixture.store, 40).await;
    let mut theirs = raw.begin().await.unwrap();
    let lock = "SELECT FROM orders_order WHERE order_number LIKE 'A-1_' FOR UPDATE";
    theirs.execute(lock).await.unwrap();
    let insert_theirs = "INSERT INTO orders_order (order_number, status, created_at, updated_at) \
        VALUES ('x-1', 'received', now(), now())";
    theirs.execute(insert_theirs).await.unwrap();
    let joined = |write: OrderWrite| {
        let store = store.clone();
        tokio::spawn(async move { store.commit_one(write).await })
    };
    let mut held: Vec<_> =
        stored[10..20].iter().map(|before| joined(in_status(before, OrderStatus::Picking))).collect();
    held.push(joined(insert("X-1")));
    let start = Instant::now();
    for round in 0..20 {
        let free = stored[20..].iter().skip(round).take(1).chain(&stored[..10]);
        let free = free.map(|before| joined(OrderWrite::append(before.row.id, "A".to_owned(), Vec::new(), stamp(2))));
        let outcomes = join_all(free.collect::<Vec<_>>()).await;
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().is_ok()));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(held.iter().all(|task| !task.is_finished()));
    theirs.rollback().await.unwrap();
    let start = Instant::now();
    assert!(join_all(held).await.into_iter().all(|outcome| outcome.unwrap().is_ok()));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_stay_locked_are_unavailable_in_time_and_unchanged() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let stored = inserted(store, 10).await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT FROM orders_order WHERE order_number IN ('A-2', 'A-3', 'A-4') FOR UPDATE").await.unwrap();
    let mut writes: Vec<_> = stored.iter().map(|before| in_status(before, OrderStatus::Picking)).collect();
    writes[3] = renumbered(&stored[3], "B");
    let start = Instant::now();
    for (at, outcome) in OrderRepository::commit(store, &writes).await.into_iter().enumerate() {
        match at {
            2..=4 => assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{at}: {outcome:?}"),
            _ => assert!(outcome.is_ok(), "{at}: {outcome:?}"),
        }
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    theirs.rollback().await.unwrap();
    let after = load(store, stored[2..5].iter().map(|before| before.row.id)).await;
    assert_eq!(after, stored[2..5]);
    assert_eq!(events(store).await, 10 + 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_another_program_inserts_does_not_stall_a_batch() {
    for commits in [true, false] {
        let fixture = Fixture::new().await;
        let (store, mut raw, mut watch) = (&fixture.store, fixture.raw().await, fixture.raw().await);
        let mut theirs = raw.begin().await.unwrap();
        let insert_theirs = "INSERT INTO orders_order (order_number, status, created_at, updated_at) \
            VALUES ('X-3', 'received', now(), now())";
        theirs.execute(insert_theirs).await.unwrap();
        let ours = commit(store, (0..40).map(|n| insert(&format!("x-{n}"))).collect());
        wait_for(&mut watch, "true", 39).await;
        assert!(!ours.is_finished(), "the number is waited for");
        if commits {
            theirs.commit().await.unwrap()
        } else {
            theirs.rollback().await.unwrap()
        }
        for (at, outcome) in ours.await.unwrap().into_iter().enumerate() {
            match (at, commits) {
                (3, true) => assert!(matches!(outcome, Err(StoreError::AlreadyExists { .. })), "{outcome:?}"),
                _ => assert!(outcome.is_ok(), "{at}: {outcome:?}"),
            }
        }
        assert_eq!(events(store).await, if commits { 39 } else { 40 });
    }
}

#[tokio::test]
async fn a_foreign_change_that_keeps_updated_at_is_a_conflict() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let stored = inserted(store, 3).await;
    raw.execute("UPDATE orders_order SET client_id = NULL WHERE order_number IN ('A-0', 'A-1')").await.unwrap();
    let batch = [in_status(&stored[0], OrderStatus::Picking), in_status(&stored[2], OrderStatus::Picking)];
    let outcomes = OrderRepository::commit(store, &batch).await;
    assert!(matches!(&outcomes[..], [Err(StoreError::VersionConflict), Ok(_)]), "{outcomes:?}");
    let deleted = store.commit_one(OrderWrite::delete(stored[1].clone(), stamp(2))).await;
    assert!(matches!(deleted, Err(StoreError::VersionConflict)), "{deleted:?}");
    let expected = stored[1].version().into();
    let deleted = OrderRepositoryExt::delete(store, stored[1].row.id, expected, &stamp(2)).await;
    assert!(matches!(deleted, Err(StoreError::VersionConflict)), "{deleted:?}");
    assert_eq!(events(store).await, 3 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_to_one_order_or_number_keep_their_order_while_it_is_locked() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let stored = inserted(store, 2).await;
    let picking = in_status(&stored[0], OrderStatus::Picking);
    let provesi_core::OrderAction::Replace { after, .. } = picking.action() else { panic!("{picking:?}") };
    let after = Stored::from(after.clone());
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT FROM orders_order FOR UPDATE").await.unwrap();
    let writes = vec![
        picking,
        in_status(&after, OrderStatus::Packing),
        OrderWrite::delete(stored[1].clone(), stamp(2)),
        insert("a-1"),
        insert("B"),
    ];
    let ours = commit(store, writes);
    wait_for(&mut fixture.raw().await, "order_number = 'B'", 1).await;
    theirs.rollback().await.unwrap();
    for outcome in ours.await.unwrap() {
        outcome.unwrap();
    }
    let names =
        |events: Vec<provesi_core::OrderEvent>| events.iter().map(|event| event.kind.name()).collect::<Vec<_>>();
    let history = store.history(&"A-0".parse().unwrap(), None, PageLimit::MAX).await.unwrap();
    assert_eq!(names(history), ["created", "status_changed", "status_changed"]);
    assert_eq!(store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().unwrap().number.as_str(), "a-1");
}

const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_batches_in_opposite_orders_do_not_deadlock() {
    const ORDERS: usize = 60;
    const ROUNDS: usize = 15;
    let fixture = Fixture::new().await;
    let ids: Vec<_> = inserted(&fixture.store, ORDERS).await.into_iter().map(|before| before.row.id).collect();
    let mut raw = fixture.raw().await;
    let deadlocks: i64 = sqlx::query_scalar(DEADLOCKS).fetch_one(&mut raw).await.unwrap();
    // Each in a pool of its own, as processes have them.
    let writers = (0..4_usize).map(|writer| {
        let (store, mut ids) = (PgStore::open(fixture.database.url(), 2).unwrap(), ids.clone());
        tokio::spawn(async move {
            if writer % 2 == 1 {
                ids.reverse();
            }
            let mut made = 0;
            for round in 0..ROUNDS {
                let status = [OrderStatus::Picking, OrderStatus::Packing][(round + writer) % 2];
                let stored = load(&store, ids.iter().copied()).await;
                let changed = stored.iter().filter(|before| record(before).status() != status);
                let mut writes: Vec<_> = changed.map(|before| in_status(before, status)).collect();
                let mut numbers: Vec<_> = (0..ORDERS).map(|n| insert(&format!("R-{round}-{n}"))).collect();
                if writer % 2 == 1 {
                    numbers.reverse();
                }
                writes.append(&mut numbers);
                for outcome in OrderRepository::commit(&store, &writes).await {
                    match outcome {
                        Ok(_) => made += 1,
                        Err(StoreError::VersionConflict | StoreError::AlreadyExists { .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
            store.close().await;
            made
        })
    });
    let made: usize = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    let numbers: i64 = sqlx::query_scalar("SELECT count(*) FROM orders_order").fetch_one(&mut raw).await.unwrap();
    assert_eq!(numbers, i64::try_from(ORDERS + ORDERS * ROUNDS).unwrap());
    let written: i64 =
        sqlx::query_scalar("SELECT count(*) FROM provesi_order_events").fetch_one(&mut raw).await.unwrap();
    assert_eq!(written, i64::try_from(ORDERS + made).unwrap(), "an event for each write that was made");
    let after: i64 = sqlx::query_scalar(DEADLOCKS).fetch_one(&mut raw).await.unwrap();
    assert_eq!(after, deadlocks);
}

/// Runs for each row that is inserted.
async fn with_trigger(fixture: &Fixture, body: &str) {
    fixture.store.migrate().await.unwrap();
    let text = format!(
        "CREATE FUNCTION check_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$; \
         CREATE TRIGGER check_row BEFORE INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION check_row()"
    );
    fixture.raw().await.execute(AssertSqlSafe(text)).await.unwrap();
}

#[tokio::test]
async fn a_row_that_the_server_refuses_fails_alone() {
    let fixture = Fixture::empty().await;
    with_trigger(&fixture, "IF NEW.order_number IN ('A-70', 'A-3') THEN RAISE EXCEPTION 'no'; END IF;").await;
    let writes: Vec<_> = (0..100).map(|n| insert(&format!("A-{n}"))).collect();
    for (at, outcome) in OrderRepository::commit(&fixture.store, &writes).await.into_iter().enumerate() {
        match at {
            3 | 70 => assert!(matches!(outcome, Err(StoreError::Backend { .. })), "{at}: {outcome:?}"),
            _ => assert!(outcome.is_ok(), "{at}: {outcome:?}"),
        }
    }
    assert_eq!(events(&fixture.store).await, 98);
}

#[tokio::test]
async fn a_batch_whose_outcome_is_unknown_is_sent_once() {
    let fixture = Fixture::empty().await;
    with_trigger(&fixture, "PERFORM pg_sleep(0.3);").await;
    let statements = Statements::to(fixture.database.url()).await;
    let store = PgStore::open(statements.url(), 2).unwrap().with_deadline(Duration::from_millis(400));
    OrderRepository::ping(&store).await.unwrap();
    assert_eq!(statements.take().len(), 3);
    for outcome in OrderRepository::commit(&store, &[insert("A"), insert("B"), insert("C")]).await {
        assert!(matches!(outcome, Err(StoreError::OutcomeUnknown { .. })), "{outcome:?}");
    }
    let sent = statements.take();
    assert_eq!(sent.iter().filter(|text| text.contains("INSERT")).count(), 1, "{sent:?}");
}

/// Deletes the rows of a table while it still has its pages, so that the planner believes it to be empty until it is analysed again.
/// Rows that are inserted beside an ANALYZE have the same effect.
async fn believed_to_be_empty(raw: &mut PgConnection, table: &str, filler: &str) {
    raw.execute(AssertSqlSafe(format!("INSERT INTO {filler}; DELETE FROM {table}"))).await.unwrap();
    raw.execute(AssertSqlSafe(format!("VACUUM (TRUNCATE OFF, ANALYZE) {table}"))).await.unwrap();
    let text = "SELECT reltuples = 0 AND relpages > 0 FROM pg_class WHERE oid = $1::text::regclass";
    assert!(sqlx::query_scalar::<_, bool>(text).bind(table).fetch_one(raw).await.unwrap());
}

#[tokio::test]
async fn thousands_of_orders_are_changed_in_a_table_that_the_planner_believes_to_be_empty() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    let filler = "orders_order (order_number, status, created_at, updated_at) \
        SELECT n, 'received', now(), now() FROM generate_series(1, 5000) AS n";
    believed_to_be_empty(&mut raw, "orders_order", filler).await;
    let stored = inserted(store, 5_000).await;
    let changes: Vec<_> = stored.iter().map(|before| in_status(before, OrderStatus::Picking)).collect();
    for outcome in OrderRepository::commit(store, &changes).await {
        outcome.expect("changed");
    }
    for outcome in OrderRepository::commit(store, &changes).await {
        assert!(matches!(outcome, Err(StoreError::VersionConflict)), "{outcome:?}");
    }
    let changed = load(store, stored.iter().map(|order| order.row.id)).await;
    let deletions: Vec<_> = changed.into_iter().map(|before| OrderWrite::delete(before, stamp(3))).collect();
    for outcome in OrderRepository::commit(store, &deletions).await {
        outcome.expect("deleted");
    }
}

#[tokio::test]
async fn thousands_of_clients_are_changed_in_a_table_that_the_planner_believes_to_be_empty() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    let filler = "provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, created_at, updated_at) \
        SELECT lpad(to_hex(n), 24, '0'), n, '', n, n, n, n, now(), now() FROM generate_series(1, 5000) AS n";
    believed_to_be_empty(&mut raw, "provesi_clients", filler).await;
    let clients: Vec<_> = (0..5_000).map(|number| data::client(number, "Ana")).collect();
    let inserts: Vec<_> = clients.iter().cloned().map(ClientWrite::Insert).collect();
    for outcome in ClientRepository::commit(store, &inserts).await {
        outcome.expect("inserted");
    }
    let keys: Vec<_> = clients.iter().map(|client| ClientKey::Id(client.id)).collect();
    let load = async || ClientRepository::get_many(store, &keys).await.into_iter().map(|row| row.unwrap().unwrap());
    let changes: Vec<_> = load()
        .await
        .zip(&clients)
        .map(|(before, client)| ClientWrite::Replace {
            before,
            after: with(client.clone(), |it| {
                it.name = ClientName::parse("Berta").unwrap();
                it.updated_at = at(9);
            }),
        })
        .collect();
    for outcome in ClientRepository::commit(store, &changes).await {
        outcome.expect("changed");
    }
    for outcome in ClientRepository::commit(store, &changes).await {
        assert!(matches!(outcome, Err(StoreError::VersionConflict)), "{outcome:?}");
    }
    let deletions: Vec<_> = load().await.map(|before| ClientWrite::Delete { before }).collect();
    for outcome in ClientRepository::commit(store, &deletions).await {
        outcome.expect("deleted");
    }
}
