//! Reads of known orders, with their clients.

use provesi_core::{ClientRepositoryExt, Expected, NewOrder, OrderId, OrderKey, OrderNumber, OrderRepositoryExt};

use super::OfBoth;
use crate::data::{at, client, client_id, new_order, stamp, with};

fn order_of(number: &str, client: Option<u64>) -> NewOrder {
    with(new_order(number), |it| it.client_id = client.map(client_id))
}

fn by_number(number: &str) -> OrderKey {
    OrderKey::Number(number.parse::<OrderNumber>().expect("a number"))
}

pub async fn an_order_comes_with_its_client(store: OfBoth) {
    store.clients.insert(&client(1, "Ana \"Ñ\" Peña 漢字 🚚")).await.expect("kept");
    store.clients.insert(&client(2, "Luis")).await.expect("kept");
    let mut keys = Vec::new();
    for (number, client) in [("A-1", Some(1)), ("A-2", None), ("A-3", Some(9)), ("A-4", Some(2)), ("A-5", Some(1))] {
        let order = store.orders.insert(&order_of(number, client), &stamp(0)).await.expect("kept");
        keys.extend([OrderKey::Id(order.id), by_number(number)]);
    }
    keys.extend([OrderKey::Id(OrderId::new(i64::MAX)), by_number("A-9"), by_number("a-1"), by_number("A-1")]);
    store.assert_agrees(&keys).await;
    let found = store.joined(&keys).await;
    let names = found.into_iter().map(|found| found.expect("read").map(|(_, client)| client.map(|client| client.name)));
    let (ana, luis) = (Some(Some("Ana \"Ñ\" Peña 漢字 🚚".to_owned())), Some(Some("Luis".to_owned())));
    let (nobody, none) = (Some(None), None);
    let expected = [&ana, &ana, &nobody, &nobody, &nobody, &nobody, &luis, &luis, &ana, &ana, &none, &none, &ana, &ana];
    assert!(names.eq(expected.into_iter().cloned()));
}

pub async fn a_change_of_either_is_seen_at_once(store: OfBoth) {
    let before = store.clients.insert(&client(1, "Ana")).await.expect("kept");
    let order = store.orders.insert(&order_of("A-1", Some(1)), &stamp(0)).await.expect("kept");
    let key = [OrderKey::Id(order.id)];
    store.assert_agrees(&key).await;
    for name in ["Ana María", "Ana M. Peña"] {
        store.clients.update(&client(1, name), Expected::Any, at(1_000)).await.expect("changed");
        let (_, client) = store.joined(&key).await.remove(0).expect("read").expect("there");
        assert_eq!(client.expect("a client").name, name);
    }
    store.clients.delete(before.id, Expected::Any).await.expect("deleted");
    store.assert_agrees(&key).await;
    assert!(matches!(store.joined(&key).await.remove(0), Ok(Some((_, None)))));
    store.orders.delete(order.id, Expected::Any, &stamp(1)).await.expect("deleted");
    assert!(matches!(store.joined(&key).await.remove(0), Ok(None)));
}

pub async fn thousands_are_read(store: OfBoth) {
    store.clients.insert(&client(1, "Ana")).await.expect("kept");
    let mut there = Vec::new();
    for number in ["A-1", "A-2", "A-3"] {
        there.push(store.orders.insert(&order_of(number, Some(1)), &stamp(0)).await.expect("kept").id);
    }
    let last = there.iter().max().expect("orders").get();
    let mut keys: Vec<_> = (1..=2_500).map(|id| OrderKey::Id(OrderId::new(last + id))).collect();
    // One in each thousand.
    for (key, id) in keys.iter_mut().skip(500).step_by(950).zip(&there) {
        *key = OrderKey::Id(*id);
    }
    let found = store.joined(&keys).await;
    assert_eq!(found.len(), keys.len());
    for (key, found) in keys.iter().zip(found) {
        let names = found.expect("read").map(|(order, client)| (order.id, client.expect("a client").name));
        let expected = there.iter().find(|id| *key == OrderKey::Id(**id)).map(|id| (*id, "Ana".to_owned()));
        assert_eq!(names, expected);
    }
}

pub async fn nothing_is_asked_for_and_nothing_found(store: OfBoth) {
    assert!(store.joined(&[]).await.is_empty());
    store.assert_agrees(&[by_number("A-1"), OrderKey::Id(OrderId::new(1))]).await;
}
