//! Nothing is overwritten blindly.

use provesi_core::{Client, ClientName, ClientRepositoryExt, Expected, StoreError, Timestamp, Version};

use crate::conformance::support::{Clients, all_clients, assert_record, assert_records, assert_refused};
use crate::data::{at, client, with};

fn named(client: &Client, name: &str) -> Client {
    with(client.clone(), |it| it.name = ClientName::parse(name).expect("a name"))
}

/// Case.
pub async fn a_stale_version_changes_nothing(store: Clients) {
    let first = client(1, "Ana");
    store.insert(&first).await.expect("kept");
    let stale = Expected::Version(first.version());
    let second = store.update(&named(&first, "Bea"), stale, at(5)).await.expect("the first change");
    assert_refused!(store.update(&named(&first, "Clara"), stale, at(6)).await, StoreError::VersionConflict);
    assert_refused!(store.delete(first.id, stale).await, StoreError::VersionConflict);
    assert_record(store.get(first.id).await, Some(&second));
}

/// Case.
pub async fn a_stale_version_is_refused_even_where_nothing_would_change(store: Clients) {
    let first = client(1, "Ana");
    store.insert(&first).await.expect("kept");
    let stale = Expected::Version(Version::of_none());
    assert_refused!(store.update(&first, stale, at(5)).await, StoreError::VersionConflict);
}

/// Case.
pub async fn any_version_may_be_expected(store: Clients) {
    let first = client(1, "Ana");
    store.insert(&first).await.expect("kept");
    let second = store.update(&named(&first, "Bea"), Expected::Any, at(5)).await.expect("changed");
    let third = store.update(&named(&first, "Clara"), Expected::Any, at(6)).await.expect("changed");
    assert_eq!((second.name.as_str(), third.name.as_str()), ("Bea", "Clara"));
    assert_eq!(store.delete(first.id, Expected::Any).await.expect("deleted"), third.into());
    assert_records(&all_clients(&store).await, &[], "clients");
}

/// Case.
pub async fn an_unknown_client_is_not_found(store: Clients) {
    let nobody = client(9, "Nadie");
    for expected in [Expected::Any, Expected::Version(nobody.version())] {
        assert_refused!(store.update(&nobody, expected, at(5)).await, StoreError::NotFound);
        assert_refused!(store.delete(nobody.id, expected).await, StoreError::NotFound);
    }
    assert_record(store.get(nobody.id).await, None);
}

/// Case.
pub async fn a_second_delete_finds_nothing(store: Clients) {
    let first = client(1, "Ana");
    store.insert(&first).await.expect("kept");
    assert_eq!(store.delete(first.id, first.version().into()).await.expect("deleted"), first.clone().into());
    assert_refused!(store.delete(first.id, first.version().into()).await, StoreError::NotFound);
    assert_refused!(store.update(&first, Expected::Any, at(5)).await, StoreError::NotFound);
}

/// Case.
pub async fn updated_at_strictly_grows_whatever_the_clock_says(store: Clients) {
    let mut current = client(1, "Ana");
    store.insert(&current).await.expect("kept");
    for (round, now) in [0, 0, -5_000, 10, 10, 9].into_iter().enumerate() {
        let changed = named(&current, &format!("Ana {round}"));
        let after = store.update(&changed, current.version().into(), at(now)).await.expect("changed");
        assert_eq!(after.updated_at, current.updated_at.next(at(now)));
        assert!(after.updated_at > current.updated_at, "{} after {}", after.updated_at, current.updated_at);
        assert_eq!(after.created_at, at(0));
        current = after;
    }
    assert_record(store.get(current.id).await, Some(&current));
}

/// Case.
pub async fn an_update_that_changes_nothing_keeps_the_version(store: Clients) {
    let first = client(1, "Ana");
    store.insert(&first).await.expect("kept");
    for expected in [Expected::Any, Expected::Version(first.version())] {
        assert_eq!(store.update(&first, expected, at(5)).await.expect("nothing to do"), first);
    }
    assert_record(store.get(first.id).await, Some(&first));
}

/// Case.
pub async fn a_version_is_compared_as_it_comes_back(store: Clients) {
    let micros = |more| Timestamp::from_micros(at(0).micros() + more).expect("an instant");
    let first = store.insert(&with(client(1, "Ana"), |it| it.updated_at = micros(123))).await.expect("kept");
    for near in [micros(-123), micros(1_000)] {
        let near = with(first.clone(), |it| it.updated_at = near);
        let refused = store.update(&named(&first, "Bea"), near.version().into(), at(5)).await;
        assert_refused!(refused, StoreError::VersionConflict);
    }
    let after = store.update(&named(&first, "Bea"), first.version().into(), at(0)).await.expect("changed");
    assert_eq!(after.updated_at, at(1));
}
