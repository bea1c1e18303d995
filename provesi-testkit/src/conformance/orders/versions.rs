//! Nothing is overwritten blindly.

use provesi_core::{Expected, Order, OrderId, OrderRepositoryExt, OrderStatus, StoreError, Timestamp, Version};

use crate::conformance::support::{
    Orders, all_events, all_orders, assert_record, assert_records, assert_refused, story,
};
use crate::data::{at, in_status, new_order, stamp, version_of, with};

async fn kept(store: &Orders) -> Order {
    store.insert(&new_order("A-1"), &stamp(0)).await.expect("kept")
}

/// Case.
pub async fn a_stale_version_changes_nothing(store: Orders) {
    let first = kept(&store).await;
    let stale = version_of(&first);
    let second =
        store.update(&in_status(&first, OrderStatus::Packing), stale, &stamp(5)).await.expect("the first change");
    let refused = store.update(&in_status(&first, OrderStatus::Shipped), stale, &stamp(6)).await;
    assert_refused!(refused, StoreError::VersionConflict);
    assert_refused!(store.delete(first.id, stale, &stamp(6)).await, StoreError::VersionConflict);
    assert_record(store.get(first.id).await, Some(&second));
    assert_eq!(story(&store, "A-1").await, ["created", "status_changed"]);
}

/// Case.
pub async fn a_stale_version_is_refused_even_where_nothing_would_change(store: Orders) {
    let first = kept(&store).await;
    let stale = Expected::Version(Version::of_none());
    assert_refused!(store.update(&first, stale, &stamp(5)).await, StoreError::VersionConflict);
}

/// Case.
pub async fn any_version_may_be_expected(store: Orders) {
    let first = kept(&store).await;
    for (now, status) in [(5, OrderStatus::Packing), (6, OrderStatus::Shipped)] {
        let after = store.update(&in_status(&first, status), Expected::Any, &stamp(now)).await.expect("changed");
        assert_eq!((after.status(), after.updated_at), (status, at(now)));
    }
    let deleted = store.delete(first.id, Expected::Any, &stamp(7)).await.expect("deleted");
    assert_eq!(deleted.valid().expect("valid").status(), OrderStatus::Shipped);
    assert_records(&all_orders(&store).await, &[], "orders");
}

/// Case.
pub async fn an_unknown_order_is_not_found(store: Orders) {
    let nobodys = new_order("A-9").with_id(OrderId::new(987_654));
    for expected in [Expected::Any, version_of(&nobodys)] {
        assert_refused!(store.update(&nobodys, expected, &stamp(5)).await, StoreError::NotFound);
        assert_refused!(store.delete(nobodys.id, expected, &stamp(5)).await, StoreError::NotFound);
    }
    assert_record(store.get(nobodys.id).await, None);
    assert_eq!(all_events(&store).await, []);
}

/// Case.
pub async fn a_second_delete_finds_nothing(store: Orders) {
    let first = kept(&store).await;
    assert_eq!(store.delete(first.id, version_of(&first), &stamp(5)).await.expect("deleted"), first.clone().into());
    assert_refused!(store.delete(first.id, version_of(&first), &stamp(6)).await, StoreError::NotFound);
    assert_refused!(store.update(&first, Expected::Any, &stamp(6)).await, StoreError::NotFound);
    assert_eq!(story(&store, "A-1").await, ["created", "deleted"]);
}

/// Case.
pub async fn updated_at_strictly_grows_whatever_the_clock_says(store: Orders) {
    let mut current = kept(&store).await;
    let statuses = OrderStatus::ALL.into_iter().skip(1);
    for (now, status) in [0, 0, -5_000, 10, 10, 9].into_iter().zip(statuses) {
        let changed = in_status(&current, status);
        let after = store.update(&changed, version_of(&current), &stamp(now)).await.expect("changed");
        assert_eq!(after.updated_at, current.updated_at.next(at(now)));
        assert!(after.updated_at > current.updated_at, "{} after {}", after.updated_at, current.updated_at);
        assert_eq!(after.created_at, at(0));
        current = after;
    }
    assert_record(store.get(current.id).await, Some(&current));
}

/// Case.
pub async fn an_update_that_changes_nothing_keeps_the_version_and_leaves_no_event(store: Orders) {
    let first = kept(&store).await;
    for expected in [Expected::Any, version_of(&first)] {
        assert_eq!(store.update(&first, expected, &stamp(5)).await.expect("nothing to do"), first);
    }
    assert_record(store.get(first.id).await, Some(&first));
    assert_eq!(story(&store, "A-1").await, ["created"]);
}

/// Case.
pub async fn a_version_is_compared_to_the_microsecond(store: Orders) {
    let micros = |more| Timestamp::from_micros(at(0).micros() + more).expect("an instant");
    let given = with(new_order("A-1"), |it| it.updated_at = micros(123));
    let first = store.insert(&given, &stamp(0)).await.expect("kept");
    let changed = in_status(&first, OrderStatus::Packing);
    for near in [micros(122), micros(124), at(0)] {
        let near = with(first.clone(), |it| it.updated_at = near);
        let refused = store.update(&changed, near.version().into(), &stamp(5)).await;
        assert_refused!(refused, StoreError::VersionConflict);
    }
    let after = store.update(&changed, version_of(&first), &stamp(0)).await.expect("changed");
    assert_eq!(after.updated_at, at(1));
}
