//! Rows that break the rules, written by somebody else.

use futures_util::TryStreamExt;
use provesi_core::{
    ClientListing, ClientRepository, ClientRepositoryExt, Expected, OrderListing, OrderRepository, OrderRepositoryExt,
    OrderSort, OrderStatus, PageLimit, PageRequest, StoreError,
};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::common::{Fixture, client, client_id, order, stamp};

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

/// Runs a statement of somebody else's.
async fn spoil(raw: &mut SqliteConnection, statement: String) {
    sqlx::query(AssertSqlSafe(statement)).execute(raw).await.unwrap();
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_an_error_by_itself_and_missing_in_a_list() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    let mut kept = Vec::new();
    for number in 0..8 {
        let given = order(&format!("K-{number}"), OrderStatus::Received);
        kept.push(OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap());
    }
    for (at, broken) in
        [(7, "order_number = 'a b'"), (6, "client_id = 'no hex at all, 24 chars.'"), (5, "updated_at = 9e18")]
    {
        let order = &kept[at];
        spoil(&mut raw, format!("UPDATE orders SET {broken} WHERE id = {}", order.id)).await;
        assert_corrupt(OrderRepositoryExt::get(store, order.id).await);
        assert_corrupt(store.find_by_number(&order.number).await);
        assert_corrupt(OrderRepositoryExt::update(store, order, Expected::Any, &stamp(2)).await);
        assert_corrupt(OrderRepositoryExt::delete(store, order.id, Expected::Any, &stamp(2)).await);
        let numbers: Vec<_> = kept.iter().map(|order| order.number.clone()).collect();
        assert_eq!(store.find_by_numbers(&numbers).await.unwrap().len(), at);
        let listing = OrderListing { sort: OrderSort::CreatedAt, ..OrderListing::default() };
        let stream = OrderRepositoryExt::stream(store, &listing);
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), at);
        // A page has as many as it should, whatever is left out of it.
        let request = PageRequest::first(PageLimit::new(2).unwrap());
        let page = OrderRepository::page(store, &listing, &request).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    }
    assert_eq!(store.stream_client_ids().try_collect::<Vec<_>>().await.unwrap(), [client_id(7)]);
    // Those of the client's orders that cannot be read keep it, and do not keep the others from losing it.
    assert_eq!(store.detach_client(client_id(7), &stamp(3)).await.unwrap(), 5);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_does_not_hide_those_after_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for number in 0..5 {
        let given = order(&format!("K-{number}"), OrderStatus::Received);
        OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap();
    }
    spoil(&mut raw, "UPDATE order_events SET actor = 'root' WHERE id = 1".to_owned()).await;
    spoil(&mut raw, "UPDATE order_events SET detail = '{\"type\": \"eaten\"}' WHERE id IN (2, 3)".to_owned()).await;
    let one = PageLimit::new(1).unwrap();
    let feed = store.feed(None, one).await.unwrap();
    assert_eq!(feed[0].number.as_str(), "K-3");
    assert_eq!(store.feed(Some(feed[0].id), one).await.unwrap()[0].number.as_str(), "K-4");
    assert_eq!(store.history(&"K-0".parse().unwrap(), None, one).await.unwrap(), []);
}

#[tokio::test]
async fn a_client_that_cannot_be_read_is_an_error_by_itself_and_missing_in_a_list() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for number in 1..=4 {
        ClientRepositoryExt::insert(store, &client(number)).await.unwrap();
    }
    for (left, broken) in [(3, "email = 'nobody'"), (2, "name = '  '"), (1, "created_at = -9e18")] {
        let id = client(left + 1).id;
        spoil(&mut raw, format!("UPDATE clients SET {broken} WHERE id = '{id}'")).await;
        assert_corrupt(ClientRepositoryExt::get(store, id).await);
        assert_eq!(ClientRepositoryExt::find_by_ids(store, &[id, client(1).id]).await.unwrap().len(), 1);
        let request = PageRequest::first(PageLimit::new(1).unwrap());
        let page = ClientRepository::page(store, &ClientListing::default(), &request).await.unwrap();
        assert_eq!((page.items[0].id, page.next.is_some()), (client(1).id, left > 1));
    }
}

#[tokio::test]
async fn the_schema_refuses_what_no_order_can_be() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    OrderRepositoryExt::insert(&fixture.store, &order("K-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    for wrong in ["status = 'lost'", "return_reason = 'x', returned_at = 1", "status = 'returned', returned_at = 1"] {
        let spoil = format!("UPDATE orders SET {wrong}");
        assert!(sqlx::query(AssertSqlSafe(spoil)).execute(&mut raw).await.is_err(), "{wrong}");
    }
}
