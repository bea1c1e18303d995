//! Rows that break the rules, written by somebody else.

use provesi_core::{
    ClientListing, ClientRepository, Expected, OrderListing, OrderRepository, OrderStatus, PageLimit, PageRequest,
    StoreError,
};
use sqlx::AssertSqlSafe;

use crate::common::{Fixture, client, order, stamp};

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

#[tokio::test]
async fn a_row_that_breaks_the_rules_is_an_error_and_no_panic() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for broken in ["order_number = 'a b'", "client_id = 'no hex at all, 24 chars.'", "updated_at = 9e18"] {
        let number = format!("K-{}", broken.len());
        let made = OrderRepository::insert(store, &order(&number, OrderStatus::Received), &stamp(1)).await.unwrap();
        let spoil = format!("UPDATE orders SET {broken} WHERE id = {}", made.id);
        sqlx::query(AssertSqlSafe(spoil)).execute(&mut raw).await.unwrap();
        assert_corrupt(OrderRepository::get(store, made.id).await);
        assert_corrupt(store.find_by_number(&made.number).await);
        assert_corrupt(store.find_by_numbers(std::slice::from_ref(&made.number)).await);
        assert_corrupt(OrderRepository::update(store, &made, Expected::Any, &stamp(2)).await);
        let request = PageRequest::first(PageLimit::MAX);
        assert_corrupt(OrderRepository::page(store, &OrderListing::default(), &request).await);
    }
    sqlx::query("UPDATE order_events SET actor = 'root'").execute(&mut raw).await.unwrap();
    assert_corrupt(store.feed(None, PageLimit::MAX).await);
    sqlx::query("UPDATE order_events SET actor = 'anonymous', detail = '{\"type\": \"eaten\"}'")
        .execute(&mut raw)
        .await
        .unwrap();
    assert_corrupt(store.feed(None, PageLimit::MAX).await);

    ClientRepository::insert(store, &client(1)).await.unwrap();
    for broken in ["email = 'nobody'", "name = '  '", "created_at = -9e18"] {
        let spoil = format!("UPDATE clients SET {broken}");
        sqlx::query(AssertSqlSafe(spoil)).execute(&mut raw).await.unwrap();
        assert_corrupt(ClientRepository::get(store, client(1).id).await);
        assert_corrupt(ClientRepository::get_many(store, &[client(1).id]).await);
        let request = PageRequest::first(PageLimit::MAX);
        assert_corrupt(ClientRepository::page(store, &ClientListing::default(), &request).await);
    }
}

#[tokio::test]
async fn the_schema_refuses_what_no_order_can_be() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    OrderRepository::insert(&fixture.store, &order("K-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    for wrong in ["status = 'lost'", "return_reason = 'x', returned_at = 1", "status = 'returned', returned_at = 1"] {
        let spoil = format!("UPDATE orders SET {wrong}");
        assert!(sqlx::query(AssertSqlSafe(spoil)).execute(&mut raw).await.is_err(), "{wrong}");
    }
}
