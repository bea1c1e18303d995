//! Calls within a transaction of the caller's.

use provesi_testkit::data::with;
use std::sync::Arc;

use provesi_core::{
    App, Caller, ClientRepositoryExt, Expected, OrderDraft, OrderKey, OrderRepository, OrderRepositoryExt, OrderStatus,
    OrderWrite, PageLimit, Refusal, StatusFlow, StoreAdmin, StoreError,
};
use provesi_store_pg::PgStore;
use sqlx::Executor;

use crate::common::{Fixture, at, begin, client, only, order, stamp};

#[tokio::test]
async fn what_is_rolled_back_was_never_there() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (transaction, inside) = begin(store).await.unwrap();
    let made = OrderRepositoryExt::insert(&inside, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    ClientRepositoryExt::insert(&inside, &client(1)).await.unwrap();
    assert_eq!(OrderRepositoryExt::get(&inside, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(OrderRepositoryExt::get(store, made.id).await.unwrap(), None);
    transaction.rollback().await.unwrap();
    assert_eq!(OrderRepositoryExt::get(store, made.id).await.unwrap(), None);
    assert_eq!(ClientRepositoryExt::get(store, client(1).id).await.unwrap(), None);
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap(), []);
}

#[tokio::test]
async fn a_refused_write_leaves_the_transaction_usable() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let taken = OrderRepositoryExt::insert(store, &order("Taken", OrderStatus::Received), &stamp(1)).await.unwrap();
    ClientRepositoryExt::insert(store, &client(1)).await.unwrap();
    let as_read = OrderRepositoryExt::load(store, OrderKey::Id(taken.id)).await.unwrap().unwrap();
    fixture.raw().await.execute("UPDATE orders_order SET status = 'picking'").await.unwrap();

    let (transaction, inside) = begin(store).await.unwrap();
    let stale = only(OrderRepository::commit(&inside, &[OrderWrite::delete(as_read, stamp(2))]).await);
    assert!(matches!(stale, Err(StoreError::VersionConflict)), "{stale:?}");
    let exists = OrderRepositoryExt::insert(&inside, &order("TAKEN", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let made = OrderRepositoryExt::insert(&inside, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    let duplicate = with(made.clone(), |it| it.number = "taken".parse().unwrap());
    let exists = OrderRepositoryExt::update(&inside, &duplicate, Expected::Any, &stamp(2)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let insert = |number: &str| OrderWrite::insert(order(number, OrderStatus::Received), stamp(2));
    let check = "ALTER TABLE orders_order ADD CONSTRAINT no_x CHECK (order_number NOT LIKE 'X%')";
    transaction.lock().await.unwrap().execute(check).await.unwrap();
    let outcomes = OrderRepository::commit(&inside, &[insert("X"), insert("Y")]).await;
    assert!(matches!(&outcomes[..], [Err(StoreError::Backend { .. }), Ok(_)]), "{outcomes:?}");
    let uncheck = "ALTER TABLE orders_order DROP CONSTRAINT no_x";
    transaction.lock().await.unwrap().execute(uncheck).await.unwrap();
    let renamed = with(made, |it| it.number = "B".parse().unwrap());
    let renamed = OrderRepositoryExt::update(&inside, &renamed, Expected::Any, &stamp(2)).await.unwrap();

    let exists = ClientRepositoryExt::insert(&inside, &client(1)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let changed = with(client(1), |it| it.email = "otra@ejemplo.co".parse().unwrap());
    let changed = ClientRepositoryExt::update(&inside, &changed, Expected::Any, at(5)).await.unwrap();
    assert_eq!(inside.find_by_email(&changed.email).await.unwrap(), Some(changed));
    ClientRepositoryExt::delete(&inside, client(1).id, Expected::Any).await.unwrap();
    assert_eq!(ClientRepositoryExt::get(&inside, client(1).id).await.unwrap(), None);
    transaction.commit().await.unwrap();

    assert_eq!(store.find_by_number(&renamed.number).await.unwrap(), Some(renamed));
    let kinds: Vec<_> = store.feed(None, PageLimit::MAX).await.unwrap().iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["created", "created", "created", "renumbered"]);
}

fn someone() -> Caller {
    Caller::system("test").unwrap()
}

const SHELVES: &str = "CREATE TABLE shelves (order_id bigint PRIMARY KEY)";
const SHELVE: &str = "INSERT INTO shelves (order_id) VALUES ($1)";

#[tokio::test]
async fn the_rules_of_the_application_hold_and_the_statements_of_the_caller_are_committed_with_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let app = App::new(Arc::new(store.clone()), Arc::new(store.clone())).with_flow(StatusFlow::strict());
    fixture.raw().await.execute(SHELVES).await.unwrap();
    ClientRepositoryExt::insert(&fixture.store, &client(1)).await.unwrap();
    let draft = |number: &str, status| {
        OrderDraft::builder().number(number).client_id(client(1).id.to_string()).status(status).build()
    };
    for commits in [false, true] {
        let (transaction, inside) = begin(store).await.unwrap();
        let app = app.clone().with_stores(Arc::new(inside.clone()), Arc::new(inside));
        let refused = app.create_order(&someone(), &draft("A", OrderStatus::Returned)).await;
        assert_eq!(refused.unwrap_err().refusals(), [Refusal::ReasonRequired]);
        let made = app.create_order(&someone(), &draft("A", OrderStatus::Received)).await.unwrap();
        let shelved =
            sqlx::query(SHELVE).bind(made.order.row.id.get()).execute(&mut *transaction.lock().await.unwrap()).await;
        shelved.unwrap();
        app.delete_client(&someone(), client(1).id, Expected::Any).await.unwrap();
        if commits {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }

        let shelves: Vec<i64> =
            sqlx::query_scalar("SELECT order_id FROM shelves").fetch_all(&mut fixture.raw().await).await.unwrap();
        let orders: Vec<_> = store.find_by_number(&"A".parse().unwrap()).await.unwrap().into_iter().collect();
        assert_eq!(shelves, orders.iter().map(|order| order.id.get()).collect::<Vec<_>>());
        assert_eq!(orders.iter().map(|order| order.client_id).collect::<Vec<_>>(), vec![None; usize::from(commits)]);
        let client = ClientRepositoryExt::get(&fixture.store, client(1).id).await.unwrap();
        assert_eq!(client.is_none(), commits);
    }
    // Nothing of it is left to the store outside.
    let gone = app.create_order(&someone(), &draft("B", OrderStatus::Received)).await;
    assert_eq!(gone.unwrap_err().refusals(), [Refusal::UnknownClient]);
}

#[tokio::test]
async fn a_transaction_that_was_taken_or_is_in_use_makes_calls_fail_and_the_store_lives_on() {
    let fixture = Fixture::new().await;
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    let in_use = transaction.lock().await.unwrap();
    let waited = OrderRepositoryExt::get(&inside, provesi_core::OrderId::new(1)).await;
    assert!(matches!(waited, Err(StoreError::Unavailable { .. })), "{waited:?}");
    drop(in_use);
    assert!(matches!(inside.migrate().await, Err(StoreError::Backend { .. })));
    StoreAdmin::close(&inside).await;
    transaction.rollback().await.unwrap();
    let late = OrderRepositoryExt::insert(&inside, &order("A", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
    OrderRepositoryExt::insert(&fixture.store, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
}

#[tokio::test]
async fn an_order_is_not_attached_at_a_higher_isolation_level() {
    let fixture = Fixture::new().await;
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    transaction.lock().await.unwrap().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let mut attached = order("A", OrderStatus::Received);
    attached.client_id = Some(client(1).id);
    let refused = OrderRepositoryExt::insert(&inside, &attached, &stamp(1)).await.unwrap_err();
    assert!(provesi_core::Chain(&refused).to_string().contains("read committed"), "{refused:?}");
    attached.client_id = None;
    OrderRepositoryExt::insert(&inside, &attached, &stamp(1)).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_postgresql_aborted_is_neither_committed_nor_left() {
    let fixture = Fixture::new().await;
    let insert = async |inside: &PgStore, number: &str| {
        OrderRepositoryExt::insert(inside, &order(number, OrderStatus::Received), &stamp(1)).await
    };
    // By a statement of the caller's, whose error the caller does not look at; by a read of the store.
    for is_ours in [false, true] {
        let (transaction, inside) = begin(&fixture.store).await.unwrap();
        insert(&inside, "A").await.unwrap();
        if is_ours {
            let hidden = "ALTER TABLE provesi_clients RENAME TO hidden";
            transaction.lock().await.unwrap().execute(hidden).await.unwrap();
            let read = ClientRepositoryExt::get(&inside, client(1).id).await;
            assert!(matches!(read, Err(StoreError::Backend { .. })), "{read:?}");
        } else {
            transaction.lock().await.unwrap().execute("SELECT 1 / 0").await.unwrap_err();
        }
        for number in ["B", "C"] {
            insert(&inside, number).await.unwrap_err();
        }
        transaction.commit().await.unwrap_err();
        assert_eq!(fixture.store.feed(None, PageLimit::MAX).await.unwrap(), [], "{is_ours}");
    }
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    insert(&inside, "A").await.unwrap();
    transaction.lock().await.unwrap().execute("SELECT 1 / 0").await.unwrap_err();
    transaction.commit().await.unwrap_err();
    assert_eq!(fixture.store.feed(None, PageLimit::MAX).await.unwrap(), []);
    // Nothing of it is left in the pool.
    insert(&fixture.store, "A").await.unwrap();
}
