//! A file that can be read and not written, or that is damaged.

use std::path::Path;
use std::time::{Duration, Instant};

use provesi_core::{
    Expected, OrderId, OrderListing, OrderRepository, OrderRepositoryExt, OrderStatus, PageLimit, PageRequest,
    StoreAdmin, StoreError,
};
use provesi_store_sqlite::{SqliteStore, reader_options, reader_pool_options, writer_options, writer_pool_options};
use sqlx::{AssertSqlSafe, Connection};

use crate::common::{Fixture, client_id, order, program_beside, stamp};

async fn insert(store: &SqliteStore, number: &str) -> Result<(), StoreError> {
    OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(0)).await.map(drop)
}

fn assert_degraded<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &str) {
    match result {
        Err(StoreError::Degraded { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("expected a degraded store, got {other:?}"),
    }
}

async fn assert_ping(store: &SqliteStore, expected: &str) {
    let begun = Instant::now();
    assert_degraded(OrderRepository::ping(store).await, expected);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

/// Asks until the probe has found out.
async fn assert_ping_soon(store: &SqliteStore, expected: &str) {
    for _ in 0..200 {
        if OrderRepository::ping(store).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_ping(store, expected).await;
}

/// The store over a file that exists, whose writer runs this pragma first.
async fn open_with(path: &Path, pragma: &'static str, value: String) -> SqliteStore {
    let writer = writer_pool_options().connect_with(writer_options(path).pragma(pragma, value)).await.unwrap();
    SqliteStore::new(writer, reader_pool_options(2).connect_lazy_with(reader_options(path)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_is_remembered_and_found_to_be_gone() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    fixture.store.close().await;
    let mut raw = fixture.raw().await;
    sqlx::query("CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler").execute(&mut raw).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let store = open_with(&fixture.path, "max_page_count", pages.to_string()).await;
    let mut number = 0;
    let refused = loop {
        number += 1;
        match insert(&store, &format!("F-{number}")).await {
            Ok(()) => assert!(number < 1_000, "the file has room for no more"),
            refused => break refused,
        }
    };
    assert_degraded(refused, "disk full");
    for _ in 0..5 {
        assert_degraded(OrderRepository::ping(&store).await, "disk full");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = store.feed(None, PageLimit::MAX).await.unwrap();
    assert_eq!(events.len(), number, "reads go on, and the refused order left no event");
    sqlx::query("DROP TABLE filler").execute(&mut fixture.raw().await).await.unwrap();
    let mut is_well = false;
    for _ in 0..200 {
        is_well = OrderRepository::ping(&store).await.is_ok();
        if is_well {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(is_well, "the probe finds room without any write of a caller");
    insert(&store, "LAST").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_written_is_degraded_before_the_first_write() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let store = open_with(&fixture.path, "query_only", "ON".to_owned()).await;
    assert_ping_soon(&store, "read-only").await;
    assert_degraded(insert(&store, "A-2").await, "read-only");
    assert_degraded(OrderRepository::ping(&store).await, "read-only");
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_fails_what_needs_it_and_no_other_call() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for n in 0..300 {
        insert(store, &format!("Order-{n:06}")).await.unwrap();
    }
    store.close().await;
    // The page of the table that holds this number; indexes hold it in lower case.
    let mut bytes = std::fs::read(&fixture.path).unwrap();
    let at = bytes.windows(12).position(|window| window == b"Order-000150").unwrap();
    let page = at / 4_096 * 4_096;
    bytes[page..page + 4_096].fill(0xff);
    std::fs::write(&fixture.path, &bytes).unwrap();

    let store = SqliteStore::open(&fixture.path, 2).await.unwrap();
    OrderRepository::ping(&store).await.unwrap();
    let number = "order-000150".parse().unwrap();
    assert_degraded(store.find_by_number(&number).await, "corrupt");
    assert_ping(&store, "corrupt").await;
    // What does not need the page works, also together with what does.
    let mut raw = fixture.raw().await;
    let id: i64 = sqlx::query_scalar("SELECT rowid FROM orders INDEXED BY orders_number WHERE number_folded = ?1")
        .bind("order-000150")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    let (stamp, new) = (stamp(1), order("New-1", OrderStatus::Received));
    let delete = OrderRepositoryExt::delete(&store, OrderId::new(id), Expected::Any, &stamp);
    let (deleted, made) = tokio::join!(delete, OrderRepositoryExt::insert(&store, &new, &stamp));
    assert_degraded(deleted, "corrupt");
    made.unwrap();
    assert_ping(&store, "corrupt").await;
}

/// More rows that cannot be decoded than any page holds, in front of those that can be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_readable_orders_behind_fifty_thousand_corrupt_ones() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for n in 0..5 {
        insert(store, &format!("A-{n}")).await.unwrap();
    }
    foreign_orders(&fixture, 50_000, "X-", i64::MIN).await;
    let request = PageRequest::first(PageLimit::new(3).unwrap());
    let listing = OrderListing::default();
    let begun = Instant::now();
    let page = OrderRepository::page(store, &listing, &request).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (3, true));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let next = PageRequest::after(request.limit, page.next.unwrap());
    let page = OrderRepository::page(store, &listing, &next).await.unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_detached_from_all_readable_orders_whatever_lies_before_them() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    // The earliest changes come first. Some break the rules, others cannot be decoded.
    foreign_orders(&fixture, 1_200, "no number ", 0).await;
    foreign_orders(&fixture, 1_100, "X-", i64::MIN).await;
    sqlx::query("UPDATE orders SET updated_at = -updated_at").execute(&mut fixture.raw().await).await.unwrap();
    for n in 0..700 {
        insert(store, &format!("A-{n}")).await.unwrap();
    }
    let id = client_id(7);
    assert_eq!(store.detach_client(id, &stamp(5)).await.unwrap(), 700);
    assert_eq!(store.count_by_client(&[id]).await.unwrap()[&id], 2_300);
    assert_eq!(store.detach_client(id, &stamp(6)).await.unwrap(), 0);
}

/// Orders of client 7 as another program may have made them, with numbers that start so, and that were changed last.
async fn foreign_orders(fixture: &Fixture, count: u32, number: &str, created_at: i64) {
    let statement = format!(
        "INSERT INTO orders (order_number, number_folded, client_id, status, created_at, updated_at) \
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) \
         SELECT '{number}' || n, lower('{number}' || n), '{}', 'received', {created_at}, 1800000000000000 + n FROM n",
        client_id(7)
    );
    sqlx::query(AssertSqlSafe(statement)).execute(&mut fixture.raw().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_are_abandoned_leave_connections_that_answer_the_next_question() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for n in 0..200 {
        insert(store, &format!("A-{n}")).await.unwrap();
    }
    for n in 0..200_u64 {
        let listing = OrderListing::default();
        let request = PageRequest::first(PageLimit::MAX);
        let page = OrderRepository::page(store, &listing, &request);
        let _ = tokio::time::timeout(Duration::from_micros(n * 25), page).await;
        let number = format!("a-{n}").parse().unwrap();
        let found = store.find_by_number(&number).await.unwrap().unwrap();
        assert!(found.number.matches(&number), "{found:?}");
    }
}

#[cfg(unix)]
mod limits {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    const FILE: &str = "PROVESI_TEST_DEGRADED_FILE";

    fn child(script: &str, test: &str, path: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh"])
            .arg(program_beside(path))
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(FILE, path);
        command
    }

    fn assert_passed(mut child: Command) {
        let output = child.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    /// The kernel refuses to let the log grow: EFBIG, which SQLite reports as `SQLITE_IOERR_WRITE`.
    #[tokio::test]
    async fn an_io_error_refuses_the_write_and_is_remembered() {
        let fixture = Fixture::new().await;
        let script = "trap '' 25; ulimit -f 2048; exec \"$@\"";
        assert_passed(child(script, "degraded::limits::child_that_meets_an_io_error", &fixture.path));
        fixture.store.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "not a test: run by another test with a limit on the size of files"]
    async fn child_that_meets_an_io_error() {
        let Ok(path) = std::env::var(FILE) else { return };
        let store = SqliteStore::open(path, 1).await.unwrap();
        let mut made = 0;
        let refused = loop {
            match insert(&store, &format!("A-{made}")).await {
                Ok(_) => made += 1,
                refused => break refused,
            }
            assert!(made < 10_000);
        };
        assert_degraded(refused, "I/O error");
        assert_ping(&store, "I/O error").await;
        assert!(store.find_by_number(&"A-0".parse().unwrap()).await.unwrap().is_some());
        assert!(store.find_by_number(&format!("A-{made}").parse().unwrap()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_that_may_not_be_written_is_read_only() {
        let fixture = Fixture::new().await;
        insert(&fixture.store, "A-1").await.unwrap();
        fixture.store.close().await;
        let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        set(&fixture.path, 0o444);
        set(fixture.path.parent().unwrap(), 0o777);
        let mut child = child("exec \"$@\"", "degraded::limits::child_that_may_only_read", &fixture.path);
        // Permissions do not stop root.
        if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&fixture.path).unwrap()) == 0 {
            child.uid(65_534).gid(65_534);
        }
        assert_passed(child);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "not a test: run by another test as a user that may only read the file"]
    async fn child_that_may_only_read() {
        let Ok(path) = std::env::var(FILE) else { return };
        let store = SqliteStore::open(path, 1).await.unwrap();
        assert_ping_soon(&store, "read-only").await;
        assert_degraded(insert(&store, "A-2").await, "read-only");
    }
}
