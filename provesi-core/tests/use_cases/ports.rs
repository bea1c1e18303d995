//! What `OrderRepositoryExt`, `ClientRepositoryExt` and `AuditStoreExt` decide for every store.

use std::sync::Arc;

use futures_util::TryStreamExt;
use provesi_core::{
    AuditChain, AuditFilter, AuditStore, AuditStoreExt, ClientListing, ClientName, ClientRepository,
    ClientRepositoryExt, EventKind, Expected, NewOrder, Order, OrderId, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderStatus, PageLimit, PageRequest, StoreError, Timestamp, Version,
};
use provesi_testkit::data::{at, client, client_id, in_status, new_order, stamp, version_of};
use provesi_testkit::{MemoryStore, audit};

use crate::{ANY, number};

const NONE: Expected = Expected::Version(Version::of_none());

/// More than the largest page.
const MANY: u64 = 1_100;

fn orders() -> Arc<dyn OrderRepository> {
    Arc::new(MemoryStore::new())
}

fn order_of(name: &str, client: u64) -> NewOrder {
    let mut order = new_order(name);
    order.client_id = Some(client_id(client));
    order
}

async fn story(store: &Arc<dyn OrderRepository>, name: &str) -> Vec<&'static str> {
    let events = store.history(&number(name), None, PageLimit::MAX).await.unwrap();
    events.iter().map(|event| event.kind.name()).collect()
}

macro_rules! assert_refused {
    ($result:expr, $pattern:pat) => {
        let result = $result;
        assert!(matches!(result, Err($pattern)), "{result:?}");
    };
}

#[tokio::test]
async fn an_order_is_written_by_its_version_which_grows_whatever_the_clock_says() {
    let store = orders();
    let first = store.insert(&new_order("A-1"), &stamp(0)).await.unwrap();
    assert_refused!(store.update(&first, NONE, &stamp(5)).await, StoreError::VersionConflict);
    for expected in [ANY, version_of(&first)] {
        assert_eq!(store.update(&first, expected, &stamp(5)).await.unwrap(), first, "nothing to change");
    }
    let mut current = first.clone();
    for (now, then) in [(0, 1), (0, 2), (-5_000, 3), (10, 10), (10, 11), (9, 12)] {
        let status = if then % 2 == 0 { OrderStatus::Packing } else { OrderStatus::Shipped };
        let changed = in_status(&current, status);
        current = store.update(&changed, version_of(&current), &stamp(now)).await.unwrap();
        assert_eq!((current.status(), current.created_at, current.updated_at), (status, at(0), at(then)));
        assert_eq!(store.get(first.id).await.unwrap().as_ref(), Some(&current));
    }
    let stale = version_of(&first);
    assert_refused!(
        store.update(&in_status(&current, OrderStatus::Picking), stale, &stamp(20)).await,
        StoreError::VersionConflict
    );
    assert_refused!(store.delete(first.id, stale, &stamp(20)).await, StoreError::VersionConflict);
    assert_eq!(store.delete(first.id, version_of(&current), &stamp(20)).await.unwrap(), current.clone().into());
    for id in [first.id, OrderId::new(987_654)] {
        let gone = new_order("A-1").with_id(id);
        for expected in [ANY, version_of(&current)] {
            assert_refused!(store.update(&gone, expected, &stamp(21)).await, StoreError::NotFound);
            assert_refused!(store.delete(id, expected, &stamp(21)).await, StoreError::NotFound);
        }
    }
    let told = story(&store, "A-1").await;
    assert_eq!((told.len(), told[0], told[7]), (8, "created", "deleted"), "{told:?}");
}

#[tokio::test]
async fn a_client_is_written_by_its_version_which_grows_whatever_the_clock_says() {
    let store: Arc<dyn ClientRepository> = Arc::new(MemoryStore::new());
    let first = store.insert(&client(1, "Ana")).await.unwrap();
    assert_refused!(store.update(&first, NONE, at(5)).await, StoreError::VersionConflict);
    for expected in [ANY, first.version().into()] {
        assert_eq!(store.update(&first, expected, at(5)).await.unwrap(), first, "nothing to change");
    }
    let mut current = first.clone();
    for (now, then) in [(0, 1), (0, 2), (-5_000, 3), (10, 10), (10, 11), (9, 12)] {
        let mut changed = current.clone();
        changed.name = ClientName::parse(format!("Ana {then}")).unwrap();
        let expected = if then == 12 { ANY } else { current.version().into() };
        current = store.update(&changed, expected, at(now)).await.unwrap();
        assert_eq!((&current.name, current.created_at, current.updated_at), (&changed.name, at(0), at(then)));
        assert_eq!(store.get(first.id).await.unwrap().as_ref(), Some(&current));
    }
    let stale = first.version().into();
    assert_refused!(store.update(&first, stale, at(20)).await, StoreError::VersionConflict);
    assert_refused!(store.delete(first.id, stale).await, StoreError::VersionConflict);
    assert_eq!(store.delete(first.id, ANY).await.unwrap(), current.clone().into());
    for expected in [ANY, current.version().into()] {
        assert_refused!(store.update(&first, expected, at(21)).await, StoreError::NotFound);
        assert_refused!(store.delete(first.id, expected).await, StoreError::NotFound);
    }
}

#[tokio::test]
async fn one_update_leaves_the_events_of_all_that_it_changed() {
    let store = orders();
    let first = store.insert(&new_order("A-1"), &stamp(0)).await.unwrap();
    let mut changed = in_status(&first, OrderStatus::Returned);
    changed.number = number("B-1");
    changed.client_id = Some(client_id(7));
    let after = store.update(&changed, version_of(&first), &stamp(5)).await.unwrap();
    let told: Vec<_> = store.feed(None, PageLimit::MAX).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(told[1..], EventKind::changes(&first, &after));
    assert_eq!(story(&store, "B-1").await, ["created", "renumbered", "returned", "client_changed"]);
}

#[tokio::test]
async fn a_client_is_taken_off_all_its_orders_and_no_others() {
    let store = orders();
    for count in 0..MANY {
        store.insert(&order_of(&format!("A-{count}"), 1), &stamp(0)).await.unwrap();
    }
    let other = store.insert(&order_of("B-1", 2), &stamp(0)).await.unwrap();
    assert_eq!(store.detach_client(client_id(1), &stamp(5)).await.unwrap(), MANY);
    assert_eq!(store.detach_client(client_id(1), &stamp(9)).await.unwrap(), 0);
    assert_eq!(store.get(other.id).await.unwrap(), Some(other));
    for count in [0, MANY - 1] {
        let order = store.find_by_number(&number(&format!("A-{count}"))).await.unwrap().unwrap();
        // No person changed it: the version moves by one millisecond and not to now.
        assert_eq!((order.client_id, order.updated_at), (None, at(1)));
        let events = store.history(&order.number, None, PageLimit::MAX).await.unwrap();
        assert_eq!(events[1].kind, EventKind::ClientChanged { from: Some(client_id(1)), to: None });
        assert_eq!((events.len(), events[1].at, &events[1].actor), (2, at(5), &stamp(5).actor));
    }
}

#[tokio::test]
async fn streams_have_what_is_listed_and_outlive_the_handle() {
    let store = MemoryStore::new();
    for count in 0..MANY {
        OrderRepositoryExt::insert(&store, &new_order(&format!("A-{count}")), &stamp(0)).await.unwrap();
        ClientRepositoryExt::insert(&store, &client(count, "Ana")).await.unwrap();
    }
    let orders = OrderRepositoryExt::stream(&store, &OrderListing::default());
    let clients = ClientRepositoryExt::stream(&store, &ClientListing::default());
    drop(store);
    let orders: Vec<Order> = orders.try_collect().await.unwrap();
    assert!(orders.iter().rev().map(|order| order.id.get() as u64).eq(1..=MANY), "by id: {orders:?}");
    let ids: Vec<_> = clients.map_ok(|client| client.id).try_collect().await.unwrap();
    assert_eq!(ids, (0..MANY).map(client_id).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_audit_filter_may_name_instants_between_two_milliseconds_and_owns_its_cursors() {
    let store = MemoryStore::new();
    let records: Vec<_> = (0..5).map(|millis| audit::record(millis, vec![audit::client(1)])).collect();
    store.append(&AuditChain::plain(), &records).await.unwrap();
    let beside = |millis: i64, micros: i64| Timestamp::from_micros(at(millis).micros() + micros).ok();
    let one = PageRequest::first(PageLimit::new(1).unwrap());
    for (micros, expected) in [(-1, [3, 2]), (0, [3, 2]), (1, [4, 3]), (999, [4, 3])] {
        let filter = AuditFilter { subject: None, since: beside(1, micros), until: beside(3, micros) };
        let latest = AuditStoreExt::page(&store, &filter, &one).await.unwrap();
        let rest = PageRequest::after(PageLimit::MAX, latest.next.unwrap());
        let refused = AuditStoreExt::page(&store, &AuditFilter::default(), &rest).await;
        assert_refused!(refused, StoreError::InvalidCursor);
        let rest = AuditStoreExt::page(&store, &filter, &rest).await.unwrap();
        let found: Vec<_> = latest.items.iter().chain(&rest.items).map(|stored| stored.sequence).collect();
        assert_eq!(found, expected, "{micros} µs");
    }
}
