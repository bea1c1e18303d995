//! Servers in trouble: what does not speak PostgreSQL's protocol, a standby, a full disk, a corrupt page.

use std::time::{Duration, Instant};

use provesi_core::{Chain, OrderRepository, OrderRepositoryExt, OrderStatus, StoreAdmin, StoreError};
use provesi_store_pg::PgStore;
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::{Fixture, order, stamp};

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(error @ StoreError::Unavailable { .. }) => Chain(&error).to_string(),
        other => panic!("{other:?}"),
    }
}

fn assert_degraded<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &str) {
    assert!(matches!(&result, Err(StoreError::Degraded { reason, .. }) if *reason == expected), "{result:?}");
}

async fn insert(store: &PgStore, number: &str) -> Result<(), StoreError> {
    OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(1)).await.map(drop)
}

/// A server that answers each connection's first bytes with `answer` and closes it, as a proxy without a server may.
async fn strange_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0; 1024];
                for part in answer.split_inclusive(|byte| *byte == b'N') {
                    let _ = client.read(&mut first).await;
                    let _ = client.write_all(part).await;
                }
            });
        }
    });
    format!("postgres://nobody@127.0.0.1:{port}/none")
}

#[tokio::test]
async fn whatever_is_answered_in_place_of_a_connection_is_unavailable() {
    let answers: [&[u8]; 8] = [
        b"",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
        b"N",
        b"NHTTP",
        // Authentication with a kind that does not exist, one that is cut, a key that is too short, a status of none.
        b"NR\0\0\0\x08\0\0\0\x63",
        b"NR\0\0\0\x05\0",
        b"NR\0\0\0\x08\0\0\0\0K\0\0\0\x04Z\0\0\0\x04",
        b"NE\0\0\0\x05x",
    ];
    for answer in answers {
        let store = PgStore::open(&strange_server(answer).await, 2).unwrap();
        let start = Instant::now();
        assert_unavailable(store.pending_migrations().await);
        assert_unavailable(insert(&store, "A").await);
        assert_unavailable(OrderRepository::ping(&store).await);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn the_last_error_of_a_connection_is_told_in_place_of_a_timeout() {
    let store = PgStore::open("postgres://nobody@127.0.0.1:1/none", 2).unwrap();
    let text = assert_unavailable(OrderRepository::ping(&store).await);
    assert!(text.contains("refused") && !text.contains("pool timed out"), "{text}");
    let store = PgStore::open("postgres://nobody@no-such-host.invalid/none", 2).unwrap();
    assert_unavailable(OrderRepository::ping(&store).await);
}

#[tokio::test]
async fn a_wrong_database_is_no_outage() {
    let fixture = Fixture::new().await;
    let url = fixture.database.url().replace("provesi_test_", "provesi_none_");
    let store = PgStore::open(&url, 2).unwrap();
    let refused = store.pending_migrations().await.unwrap_err();
    assert!(matches!(refused, StoreError::Backend { .. }), "{refused:?}");
    assert!(Chain(&refused).to_string().contains("does not exist"), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_has_become_read_only_is_degraded_and_left_for_the_primary() {
    let fixture = Fixture::new().await;
    let store = PgStore::open(fixture.database.url(), 2).unwrap();
    let mut raw = fixture.raw().await;
    let name = fixture.database.name();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    raw.execute(AssertSqlSafe(read_only)).await.unwrap();
    assert_degraded(insert(&store, "A").await, "read-only");
    assert_degraded(OrderRepository::ping(&store).await, "read-only");
    // Reads are answered.
    assert_eq!(OrderRepositoryExt::find_by_number(&store, &"A".parse().unwrap()).await.unwrap(), None);
    let mut raw = fixture.raw().await;
    raw.execute("SET default_transaction_read_only = off").await.unwrap();
    raw.execute(AssertSqlSafe(format!("ALTER DATABASE {name} RESET default_transaction_read_only"))).await.unwrap();
    // The connection of the read is still to the former primary: one write meets it, and none after that.
    let _ = insert(&store, "A").await;
    insert(&store, "B").await.unwrap();
    OrderRepository::ping(&store).await.unwrap();
}

#[tokio::test]
async fn damage_that_a_write_met_is_told_until_a_write_or_a_probe_shows_that_it_is_over() {
    let fixture = Fixture::empty().await;
    fixture.store.migrate().await.unwrap();
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for (state, reason) in [("XX001", "corrupt"), ("53100", "disk full")] {
        let broken = format!(
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = '{state}'; END $$; \
             CREATE TRIGGER broken BEFORE INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION broken()"
        );
        raw.execute(AssertSqlSafe(broken)).await.unwrap();
        assert_degraded(insert(store, "A").await, reason);
        assert_degraded(OrderRepository::ping(store).await, reason);
        raw.execute("DROP TRIGGER broken ON orders_order").await.unwrap();
        assert_degraded(OrderRepository::ping(store).await, reason);
        if state == "53100" {
            // The disk is probed five seconds later.
            tokio::time::sleep(Duration::from_millis(5_200)).await;
        } else {
            insert(store, "B").await.unwrap();
        }
        OrderRepository::ping(store).await.unwrap();
    }
}
