//! Changes within a transaction of the caller's.

use provesi_core::{
    Client, ClientKey, ClientRepositoryExt, ClientWrite, Order, OrderKey, OrderRepositoryExt, OrderStatus, OrderWrite,
    PageLimit, StoreError, Stored,
};
use provesi_store_pg::in_transaction::{clients, orders};
use provesi_testkit::data::record;
use sqlx::Executor;

use crate::common::{Fixture, at, client, insert_in, only, order, replace_in, stamp};

#[tokio::test]
async fn what_is_rolled_back_was_never_there() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut transaction = store.pool().begin().await.unwrap();
    let made = insert_in(&mut transaction, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    only(clients::commit(&mut transaction, &[ClientWrite::Insert(client(1))]).await).unwrap();
    let row = only(orders::get_many(&mut transaction, &[OrderKey::Id(made.id)]).await).unwrap();
    assert_eq!(row.map(|row| Order::try_from(row).unwrap()), Some(made.clone()));
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

    let mut transaction = store.pool().begin().await.unwrap();
    let stale = only(orders::commit(&mut transaction, &[OrderWrite::delete(as_read, stamp(2))]).await);
    assert!(matches!(stale, Err(StoreError::VersionConflict)), "{stale:?}");
    let exists = insert_in(&mut transaction, &order("TAKEN", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let made = insert_in(&mut transaction, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    let duplicate = Order { number: "taken".parse().unwrap(), ..made.clone() };
    let exists = replace_in(&mut transaction, &duplicate, &stamp(2)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let insert = |number: &str| OrderWrite::insert(order(number, OrderStatus::Received), stamp(2));
    let check = "ALTER TABLE orders_order ADD CONSTRAINT no_x CHECK (order_number NOT LIKE 'X%')";
    transaction.execute(check).await.unwrap();
    let outcomes = orders::commit(&mut transaction, &[insert("X"), insert("Y")]).await;
    assert!(matches!(&outcomes[..], [Err(StoreError::Backend { .. }), Ok(_)]), "{outcomes:?}");
    transaction.execute("ALTER TABLE orders_order DROP CONSTRAINT no_x").await.unwrap();
    let renamed = Order { number: "B".parse().unwrap(), ..made };
    let renamed = replace_in(&mut transaction, &renamed, &stamp(2)).await.unwrap();

    let exists = only(clients::commit(&mut transaction, &[ClientWrite::Insert(client(1))]).await);
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let key = ClientKey::Id(client(1).id);
    let row = only(clients::get_many(&mut transaction, std::slice::from_ref(&key)).await).unwrap().unwrap();
    let before = Stored::<Client>::new(row);
    let content = Client { email: "otra@ejemplo.co".parse().unwrap(), ..record(&before) };
    let after = before.with_content(content, at(5)).unwrap();
    only(clients::commit(&mut transaction, &[ClientWrite::replace(before, after.clone())]).await).unwrap();
    let row = only(clients::get_many(&mut transaction, &[ClientKey::Email(after.email)]).await).unwrap().unwrap();
    only(clients::commit(&mut transaction, &[ClientWrite::Delete { before: row }]).await).unwrap();
    assert_eq!(only(clients::get_many(&mut transaction, &[key]).await).unwrap(), None);
    transaction.commit().await.unwrap();

    assert_eq!(store.find_by_number(&renamed.number).await.unwrap(), Some(renamed));
    let kinds: Vec<_> = store.feed(None, PageLimit::MAX).await.unwrap().iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["created", "created", "created", "renumbered"]);
}
