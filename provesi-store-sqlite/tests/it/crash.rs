//! A process that is killed with SIGKILL while it writes has kept all that it said it had.

use provesi_testkit::data::with;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use provesi_core::{
    EventKind, Expected, OrderRepositoryExt, OrderState, OrderStatus, PageLimit, ReturnReason, StoreError,
};
use provesi_store_sqlite::SqliteStore;

use crate::common::{Fixture, at, order, stamp};

const FILE: &str = "PROVESI_TEST_CRASH_FILE";
const ROUND: &str = "PROVESI_TEST_CRASH_ROUND";
const ROUNDS: usize = 5;
const TASKS: usize = 32;

/// Ends the child whatever becomes of the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_with_its_events() {
    let fixture = Fixture::new().await;
    let mut created = Vec::new();
    let mut returned = Vec::new();
    for round in 0..ROUNDS {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FILE, &fixture.path)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Killed(child);
        let said = BufReader::new(child.0.stdout.take().unwrap());
        let mut seen = 0;
        // Killed at another moment each time; what it said before it was dead counts as well.
        for line in said.lines() {
            let line = line.unwrap();
            match line.split_once(' ') {
                Some(("created", number)) => created.push(number.to_owned()),
                Some(("returned", number)) => returned.push(number.to_owned()),
                _ => continue,
            }
            seen += 1;
            if seen == 40 + round * 190 {
                child.0.kill().unwrap();
            }
        }
        assert!(seen >= 40 + round * 190, "the child ended by itself");
    }
    check(&fixture, &created, &returned).await;
}

async fn check(fixture: &Fixture, created: &[String], returned: &[String]) {
    let store = SqliteStore::open(&fixture.path, 2).await.unwrap();
    for number in created {
        let order = store.find_by_number(&number.parse().unwrap()).await.unwrap().expect(number);
        let history = store.history(&order.number, None, PageLimit::MAX).await.unwrap();
        assert!(matches!(history[0].kind, EventKind::Created { .. }), "{history:?}");
        // An event is there exactly when its change is.
        assert_eq!(history.len() == 2, order.status() == OrderStatus::Returned, "{order:?} {history:?}");
    }
    for number in returned {
        let order = store.find_by_number(&number.parse().unwrap()).await.unwrap().expect(number);
        assert_eq!(order.status(), OrderStatus::Returned, "{number}");
    }
    let mut raw = fixture.raw().await;
    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut raw).await.unwrap();
    assert_eq!(integrity, "ok");
    let orphans: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM orders WHERE id NOT IN (SELECT order_id FROM order_events)) \
            + (SELECT count(*) FROM order_events WHERE order_id NOT IN (SELECT id FROM orders))",
    )
    .fetch_one(&mut raw)
    .await
    .unwrap();
    assert_eq!(orphans, 0, "orders without events, or events without orders");
}

#[test]
#[ignore = "not a test: the process that another test kills"]
fn child_that_writes_until_it_is_killed() {
    let (Ok(path), Ok(round)) = (std::env::var(FILE), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path, 2).await.unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (store, round) = (store.clone(), round.clone());
                tokio::spawn(async move {
                    for n in 0.. {
                        write_one(&store, &format!("R{round}-{task}-{n}")).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn write_one(store: &SqliteStore, number: &str) -> Result<(), StoreError> {
    let made = OrderRepositoryExt::insert(store, &order(number, OrderStatus::Shipped), &stamp(1)).await?;
    say("created", number);
    let reason = ReturnReason::parse("Caja rota").unwrap();
    let state = OrderState::new(OrderStatus::Returned, Some(reason), at(2)).unwrap();
    OrderRepositoryExt::update(store, &with(made, |it| it.state = state), Expected::Any, &stamp(2)).await?;
    say("returned", number);
    Ok(())
}

fn say(what: &str, number: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have stopped listening.
    let _ = writeln!(out, "{what} {number}").and_then(|()| out.flush());
}
