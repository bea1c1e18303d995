//! Changes within a transaction of the caller's.

use provesi_core::{ClientRepository, Expected, Order, OrderRepository, OrderStatus, PageLimit, StoreError};
use provesi_store_pg::in_transaction::{clients, orders};

use crate::common::{Fixture, at, client, order, stamp};

#[tokio::test]
async fn what_is_rolled_back_was_never_there() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut transaction = store.pool().begin().await.unwrap();
    let made = orders::insert(&mut transaction, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    clients::insert(&mut transaction, &client(1)).await.unwrap();
    assert_eq!(orders::get(&mut transaction, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(OrderRepository::get(store, made.id).await.unwrap(), None);
    transaction.rollback().await.unwrap();
    assert_eq!(OrderRepository::get(store, made.id).await.unwrap(), None);
    assert_eq!(ClientRepository::get(store, client(1).id).await.unwrap(), None);
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap(), []);
}

#[tokio::test]
async fn a_refusal_leaves_the_transaction_to_go_on_with() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let taken = OrderRepository::insert(store, &order("Taken", OrderStatus::Received), &stamp(1)).await.unwrap();
    ClientRepository::insert(store, &client(1)).await.unwrap();

    let mut transaction = store.pool().begin().await.unwrap();
    let exists = orders::insert(&mut transaction, &order("TAKEN", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let made = orders::insert(&mut transaction, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    let twin = Order { number: "taken".parse().unwrap(), ..made.clone() };
    let exists = orders::update(&mut transaction, &twin, Expected::Any, &stamp(2)).await;
    assert!(matches!(exists, Err(StoreError::AlreadyExists { .. })));
    let renamed = Order { number: "B".parse().unwrap(), ..made };
    let renamed = orders::update(&mut transaction, &renamed, Expected::Any, &stamp(2)).await.unwrap();
    orders::delete(&mut transaction, taken.id, Expected::Any, &stamp(3)).await.unwrap();
    assert!(orders::find_by_number(&mut transaction, &taken.number).await.unwrap().is_none());
    assert!(matches!(clients::insert(&mut transaction, &client(1)).await, Err(StoreError::AlreadyExists { .. })));
    let mut other = client(1);
    other.email = "otra@ejemplo.co".parse().unwrap();
    clients::update(&mut transaction, &other, Expected::Any, at(5)).await.unwrap();
    assert!(clients::find_by_email(&mut transaction, &other.email).await.unwrap().is_some());
    clients::delete(&mut transaction, other.id, Expected::Any).await.unwrap();
    assert_eq!(clients::get(&mut transaction, other.id).await.unwrap(), None);
    transaction.commit().await.unwrap();

    assert_eq!(store.find_by_number(&renamed.number).await.unwrap(), Some(renamed));
    let told: Vec<_> = store.feed(None, PageLimit::MAX).await.unwrap().iter().map(|event| event.kind.name()).collect();
    assert_eq!(told, ["created", "created", "renumbered", "deleted"]);
}
