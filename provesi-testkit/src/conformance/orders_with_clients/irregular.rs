//! Orders that break rules of the domain, with their clients.

use provesi_core::{ClientRepositoryExt, OrderKey, OrderRow};

use super::OfBoth;
use crate::data::{client, client_id, order_row, with};

/// Clients as another program may write them: any letter case is an id.
#[must_use]
pub fn rows() -> Vec<OrderRow> {
    let id = client_id(0xabcd).to_string();
    let upper = id.to_ascii_uppercase();
    let clients = [Some(&*id), Some(&*upper), Some(""), Some("no hex at all, 24 chars."), None];
    let row = |(id, client): (i64, Option<&str>)| {
        let status = if id == 1 { "nonsense" } else { "received" };
        with(order_row(id, &format!("A-{id}"), status), |it| it.client_id = client.map(str::to_owned))
    };
    (1..).zip(clients).map(row).collect()
}

pub async fn irregular_orders_come_with_their_clients(store: OfBoth) {
    store.clients.insert(&client(0xabcd, "Ana")).await.expect("kept");
    let keys: Vec<_> = rows().iter().map(|row| OrderKey::Id(row.id)).collect();
    store.assert_agrees(&keys).await;
    let found = store.joined(&keys).await.into_iter();
    let has_client = found.map(|found| found.expect("read").expect("there").1.is_some());
    assert_eq!(has_client.collect::<Vec<_>>(), [true, true, false, false, false]);
}
