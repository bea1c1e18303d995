//! Reads of known orders.

use futures_util::TryStreamExt;
use provesi_core::{ClientId, Order, OrderNumber, OrderRepositoryExt};

use crate::conformance::support::Orders;
use crate::data::{client_id, new_order, stamp, with};

async fn kept(store: &Orders, number: &str, client: Option<u64>) -> Order {
    let given = with(new_order(number), |it| it.client_id = client.map(client_id));
    store.insert(&given, &stamp(0)).await.expect("kept")
}

fn numbers(texts: &[&str]) -> Vec<OrderNumber> {
    texts.iter().map(|text| text.parse().expect("a number")).collect()
}

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

pub async fn client_ids_are_told_once_each_and_ascending(store: Orders) {
    for (number, client) in [("A-1", Some(7)), ("A-2", Some(3)), ("A-3", Some(7)), ("A-4", None), ("A-5", Some(300))] {
        kept(&store, number, client).await;
    }
    let ids: Vec<ClientId> = store.stream_client_ids().try_collect().await.expect("all ids");
    assert_eq!(ids, [3, 7, 300].map(client_id));
}

pub async fn the_store_answers_and_has_a_name(store: Orders) {
    store.ping().await.expect("it answers");
    assert!(!store.database().trim().is_empty(), "the database has a name for health reports");
}
