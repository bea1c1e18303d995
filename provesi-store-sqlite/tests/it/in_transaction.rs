//! Calls within a transaction of the caller's.

use std::sync::Arc;
use std::time::Duration;

use provesi_core::{
    App, Caller, ClientRepositoryExt, Expected, OrderDraft, OrderId, OrderRepository, OrderRepositoryExt, OrderStatus,
    OrderWrite, PageLimit, Refusal, StoreAdmin, StoreError,
};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::common::{Fixture, client, order, stamp};

fn someone() -> Caller {
    Caller::system("test").unwrap()
}

async fn shelves(connection: &mut SqliteConnection) -> Vec<i64> {
    sqlx::query_scalar("SELECT order_id FROM shelves").fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn the_rules_of_the_application_hold_and_the_statements_of_the_caller_are_committed_with_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let app = App::new(Arc::new(store.clone()), Arc::new(store.clone()));
    fixture.raw().await.execute("CREATE TABLE shelves (order_id INTEGER PRIMARY KEY)").await.unwrap();
    ClientRepositoryExt::insert(store, &client(1)).await.unwrap();
    let draft = |number: &str, status| {
        OrderDraft::builder().number(number).client_id(client(1).id.to_string()).status(status).build()
    };
    for commits in [false, true] {
        let transaction = store.begin().await.unwrap();
        let inside = store.in_transaction(&transaction);
        let within = app.clone().with_stores(Arc::new(inside.clone()), Arc::new(inside.clone()));
        let refused = within.create_order(&someone(), &draft("A", OrderStatus::Returned)).await;
        assert_eq!(refused.unwrap_err().refusals(), [Refusal::ReasonRequired]);
        let made = within.create_order(&someone(), &draft("A", OrderStatus::Received)).await.unwrap().order.row.id;
        let shelve = sqlx::query("INSERT INTO shelves VALUES (?1)").bind(made.get());
        shelve.execute(&mut *transaction.lock().await.unwrap()).await.unwrap();
        within.delete_client(&someone(), client(1).id, Expected::Any).await.unwrap();
        // Inside, everything is there; outside, nothing.
        assert_eq!(ClientRepositoryExt::get(&inside, client(1).id).await.unwrap(), None);
        assert_eq!(inside.feed(None, PageLimit::MAX).await.unwrap().len(), 2);
        assert_eq!(OrderRepositoryExt::get(store, made).await.unwrap(), None);
        if commits {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }

        let found = store.find_by_number(&"A".parse().unwrap()).await.unwrap();
        let found: Vec<(i64, _)> = found.into_iter().map(|order| (order.id.get(), order.client_id)).collect();
        assert_eq!(found, if commits { vec![(made.get(), None)] } else { vec![] });
        assert_eq!(shelves(&mut fixture.raw().await).await, found.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        assert_eq!(ClientRepositoryExt::get(store, client(1).id).await.unwrap().is_none(), commits);
    }
}

#[tokio::test]
async fn a_write_that_is_refused_or_fails_leaves_the_transaction_usable() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    OrderRepositoryExt::insert(store, &order("Taken", OrderStatus::Received), &stamp(1)).await.unwrap();
    let transaction = store.begin().await.unwrap();
    let inside = store.in_transaction(&transaction);
    let refusing = "CREATE TRIGGER no_x BEFORE INSERT ON orders WHEN new.order_number LIKE 'X%' \
                    BEGIN SELECT RAISE(ABORT, 'no x'); END";
    transaction.lock().await.unwrap().execute(refusing).await.unwrap();
    let insert = |number: &str| OrderWrite::insert(order(number, OrderStatus::Received), stamp(2));
    let outcomes = OrderRepository::commit(&inside, &[insert("X"), insert("TAKEN"), insert("Y")]).await;
    assert!(
        matches!(&outcomes[..], [Err(StoreError::Backend { .. }), Err(StoreError::AlreadyExists { .. }), Ok(_)]),
        "{outcomes:?}"
    );
    transaction.commit().await.unwrap();
    let numbers: Vec<_> =
        store.feed(None, PageLimit::MAX).await.unwrap().into_iter().map(|event| event.number).collect();
    assert_eq!(numbers, ["Taken", "Y"]);
}

#[tokio::test]
async fn other_writes_wait_and_a_transaction_that_was_taken_or_is_in_use_makes_calls_fail() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let transaction = store.begin().await.unwrap();
    let inside = store.in_transaction(&transaction);
    let outside = {
        let store = store.clone();
        tokio::spawn(async move {
            OrderRepositoryExt::insert(&store, &order("Outside", OrderStatus::Received), &stamp(1)).await
        })
    };
    let in_use = transaction.lock().await.unwrap();
    let waited = OrderRepositoryExt::get(&inside, OrderId::new(1)).await;
    assert!(matches!(waited, Err(StoreError::Unavailable { .. })), "{waited:?}");
    drop(in_use);
    assert!(!outside.is_finished());
    assert_eq!(inside.pending_migrations().await.unwrap(), [""; 0]);
    assert_eq!(inside.identify().await.unwrap(), Some(store_id(&fixture).await));
    assert!(matches!(inside.migrate().await, Err(StoreError::Backend { .. })));
    StoreAdmin::close(&inside).await;
    transaction.commit().await.unwrap();
    outside.await.unwrap().unwrap();
    let late = OrderRepositoryExt::insert(&inside, &order("Late", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
}

async fn store_id(fixture: &Fixture) -> provesi_core::StoreId {
    let text: String = sqlx::query_scalar("SELECT value FROM entries WHERE kind = 'store' AND name = 'id'")
        .fetch_one(&mut fixture.raw().await)
        .await
        .unwrap();
    text.parse().unwrap()
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_and_the_next_write_goes_on() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let transaction = store.begin().await.unwrap();
    let inside = store.in_transaction(&transaction);
    OrderRepositoryExt::insert(&inside, &order("Dropped", OrderStatus::Received), &stamp(1)).await.unwrap();
    drop((transaction, inside));
    let (order, stamp) = (order("Next", OrderStatus::Received), stamp(1));
    let next = OrderRepositoryExt::insert(store, &order, &stamp);
    tokio::time::timeout(Duration::from_secs(2), next).await.unwrap().unwrap();
    assert_eq!(store.find_by_number(&"Dropped".parse().unwrap()).await.unwrap(), None);
}

#[cfg(unix)]
#[tokio::test]
async fn a_transaction_on_a_file_that_was_deleted_is_not_given_back() {
    let fixture = Fixture::new().await;
    let transaction = fixture.store.begin().await.unwrap();
    let inside = fixture.store.in_transaction(&transaction);
    OrderRepositoryExt::insert(&inside, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    std::fs::remove_file(&fixture.path).unwrap();
    let refused = transaction.commit().await;
    assert!(matches!(refused, Err(StoreError::Degraded { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_leaves_the_transaction_whole_or_ends_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let transaction = store.begin().await.unwrap();
    let inside = store.in_transaction(&transaction);
    let insert = async |number: String| {
        OrderRepositoryExt::insert(&inside, &order(&number, OrderStatus::Received), &stamp(1)).await
    };
    let mut made = 0;
    for n in 0..2_000 {
        if n == 50 {
            transaction.lock().await.unwrap().execute("PRAGMA max_page_count = 1").await.unwrap();
        }
        match insert(format!("A-{n}")).await {
            Ok(_) => made += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Degraded { .. }), "{error:?}");
                break;
            }
        }
    }
    assert!((50..2_000).contains(&made), "{made}");
    // Nothing is made beside what may have been rolled back.
    let later = insert("Later".to_owned()).await.is_ok();
    let is_committed = transaction.commit().await.is_ok();
    let stored = store.feed(None, PageLimit::MAX).await.unwrap().len();
    assert_eq!(stored, if is_committed { made + usize::from(later) } else { 0 });
    OrderRepositoryExt::insert(store, &order("Next", OrderStatus::Received), &stamp(1)).await.unwrap();
    store.begin().await.unwrap().rollback().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_rolled_back_is_not_gone_on_with() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let transaction = store.begin().await.unwrap();
    let inside = store.in_transaction(&transaction);
    let insert = async |number: &str| {
        OrderRepositoryExt::insert(&inside, &order(number, OrderStatus::Received), &stamp(1)).await
    };
    insert("A").await.unwrap();
    let columns = "id, order_number, number_folded, status, created_at, updated_at";
    let again = format!("INSERT OR ROLLBACK INTO orders ({columns}) SELECT {columns} FROM orders");
    let refused = transaction.lock().await.unwrap().execute(AssertSqlSafe(again)).await.unwrap_err();
    assert!(refused.to_string().contains("UNIQUE"), "{refused:?}");
    insert("B").await.unwrap_err();
    insert("C").await.unwrap_err();
    transaction.commit().await.unwrap_err();
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap(), []);
    OrderRepositoryExt::insert(store, &order("Next", OrderStatus::Received), &stamp(1)).await.unwrap();
}
