//! Reads of known orders, and counts.

use futures_util::TryStreamExt;
use provesi_core::{ClientId, NewOrder, NumberPart, Order, OrderFilter, OrderNumber, OrderRepositoryExt, OrderStatus};

use crate::conformance::support::Orders;
use crate::data::{client_id, new_order, stamp, state};

async fn kept(store: &Orders, number: &str, client: Option<u64>) -> Order {
    let given = NewOrder { client_id: client.map(client_id), ..new_order(number) };
    store.insert(&given, &stamp(0)).await.expect("kept")
}

fn numbers(texts: &[&str]) -> Vec<OrderNumber> {
    texts.iter().map(|text| text.parse().expect("a number")).collect()
}

fn sorted(mut orders: Vec<Order>) -> Vec<Order> {
    orders.sort_by_key(|order| order.id);
    orders
}

/// Case.
pub async fn an_order_is_found_by_its_number_in_any_letter_case(store: Orders) {
    let order = kept(&store, "Ord-1x", None).await;
    kept(&store, "Ord-1xy", None).await;
    for number in numbers(&["Ord-1x", "ord-1x", "ORD-1X"]) {
        assert_eq!(store.find_by_number(&number).await.expect("read").as_ref(), Some(&order), "{number}");
    }
    for number in numbers(&["Ord-1", "Ord-1x-", "rd-1x"]) {
        assert_eq!(store.find_by_number(&number).await.expect("read"), None, "{number}");
    }
}

/// Case.
pub async fn many_numbers_find_each_known_order_once(store: Orders) {
    let (a, b) = (kept(&store, "A-1", None).await, kept(&store, "B-1", None).await);
    kept(&store, "C-1", None).await;
    let asked = numbers(&["b-1", "A-1", "a-1", "Z-9", "B-1", "A-1"]);
    assert_eq!(sorted(store.find_by_numbers(&asked).await.expect("read")), sorted(vec![a, b]));
}

/// Case.
pub async fn no_numbers_find_no_orders(store: Orders) {
    kept(&store, "A-1", None).await;
    assert_eq!(store.find_by_numbers(&[]).await.expect("read"), []);
    assert_eq!(store.find_by_numbers(&numbers(&["B-1"])).await.expect("read"), []);
}

/// Case.
pub async fn a_thousand_numbers_are_accepted(store: Orders) {
    let mut all = Vec::new();
    for count in 0..30 {
        all.push(kept(&store, &format!("A-{count}"), None).await);
    }
    let asked: Vec<OrderNumber> = (0..1_000).map(|count| format!("a-{count}").parse().expect("a number")).collect();
    assert_eq!(sorted(store.find_by_numbers(&asked).await.expect("read")), sorted(all));
}

/// Case.
pub async fn counts_by_client_have_zeros(store: Orders) {
    for (number, client) in [("A-1", Some(1)), ("A-2", Some(1)), ("B-1", Some(2)), ("C-1", None)] {
        kept(&store, number, client).await;
    }
    let asked = [1, 3, 1, 2].map(client_id);
    let mut counts: Vec<_> = store.count_by_client(&asked).await.expect("counted").into_iter().collect();
    counts.sort_unstable();
    assert_eq!(counts, [(client_id(1), 2), (client_id(2), 1), (client_id(3), 0)]);
    assert!(store.count_by_client(&[]).await.expect("counted").is_empty());
}

/// Case.
pub async fn counts_by_client_take_a_thousand(store: Orders) {
    for count in 0..20_u64 {
        kept(&store, &format!("A-{count}"), Some(count % 5)).await;
    }
    let asked: Vec<ClientId> = (0..1_000).map(client_id).collect();
    let counts = store.count_by_client(&asked).await.expect("counted");
    assert_eq!(counts.len(), 1_000);
    assert_eq!(counts.values().sum::<u64>(), 20);
    assert_eq!(counts[&client_id(4)], 4);
}

/// Case.
pub async fn counts_agree_with_the_filter(store: Orders) {
    let mut all = Vec::new();
    for (count, status) in OrderStatus::ALL.into_iter().cycle().take(30).enumerate() {
        let given = NewOrder {
            client_id: (count % 3 == 0).then(|| client_id(1)),
            state: state(status),
            ..new_order(&format!("A-{count}"))
        };
        all.push(store.insert(&given, &stamp(0)).await.expect("kept"));
    }
    let mut filter = OrderFilter::default();
    let check = async |filter: &OrderFilter| {
        let expected = all.iter().filter(|order| filter.matches(&(*order).into())).count();
        assert_eq!(store.count_all(filter).await.expect("counted"), expected as u64, "{filter:?}");
    };
    check(&filter).await;
    filter.statuses.insert(OrderStatus::Packing);
    check(&filter).await;
    filter.statuses.insert(OrderStatus::Returned);
    check(&filter).await;
    filter.client_id = Some(client_id(1));
    check(&filter).await;
    filter.number_part = NumberPart::parse("1").ok();
    check(&filter).await;
    filter.client_id = Some(client_id(9));
    check(&filter).await;
}

/// Case.
pub async fn client_ids_are_told_once_each_and_ascending(store: Orders) {
    for (number, client) in [("A-1", Some(7)), ("A-2", Some(3)), ("A-3", Some(7)), ("A-4", None), ("A-5", Some(300))] {
        kept(&store, number, client).await;
    }
    let ids: Vec<ClientId> = store.stream_client_ids().try_collect().await.expect("all ids");
    assert_eq!(ids, [3, 7, 300].map(client_id));
}

/// Case.
pub async fn the_store_answers_and_has_a_name(store: Orders) {
    store.ping().await.expect("it answers");
    assert!(!store.database().trim().is_empty());
}
