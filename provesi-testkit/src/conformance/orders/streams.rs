//! Whole lists in constant memory.

use std::sync::Arc;

use futures_util::TryStreamExt;
use provesi_core::{ClientId, OrderRepositoryExt};

use crate::conformance::support::{Orders, a_few_at_a_time};
use crate::data::{client_id, new_order, stamp, with};

/// More than the largest page.
const MANY: u64 = 1_100;

async fn keep(store: &Orders) {
    let inserts = (0..MANY).map(|count| {
        let given = with(new_order(&format!("A-{count}")), |it| it.client_id = Some(client_id(count)));
        let store = Arc::clone(store);
        async move { store.insert(&given, &stamp(0)).await }
    });
    a_few_at_a_time(inserts).await.into_iter().collect::<Result<Vec<_>, _>>().expect("kept");
}

pub async fn a_stream_of_client_ids_outlives_the_handle(store: Orders) {
    keep(&store).await;
    // Clients with a second order, also where a page ends and the next one starts, be it of ids or of orders.
    for count in (0..MANY).filter(|count| *count < 9 || (990..1_010).contains(count)) {
        let given = with(new_order(&format!("B-{count}")), |it| it.client_id = Some(client_id(count)));
        store.insert(&given, &stamp(0)).await.expect("kept");
    }
    let stream = store.stream_client_ids();
    drop(store);
    let ids: Vec<ClientId> = stream.try_collect().await.expect("all ids");
    assert_eq!(ids, (0..MANY).map(client_id).collect::<Vec<_>>());
}
