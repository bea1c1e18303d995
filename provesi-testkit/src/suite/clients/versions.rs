//! Nothing is overwritten blindly.

use provesi_core::{Client, Expected, StoreError, Timestamp, Version};

use super::support::{Store, all, assert_stored, insert, nth};
use crate::{EditClient, instant};

/// A client that was changed once, and the version that it had before.
async fn changed_once(store: &Store) -> (Client, Version) {
    let before = insert(store, nth(1).with_phone("300")).await;
    let after = store.update(&before.clone().with_phone("301"), Expected::Any, instant(10)).await;
    (after.expect("the client is there"), before.version())
}

fn assert_conflict(answer: Result<Client, StoreError>) {
    assert!(matches!(answer, Err(StoreError::VersionConflict)), "expected VersionConflict, got {answer:?}");
}

pub async fn an_update_with_a_stale_version_changes_nothing(store: Store) {
    let (current, stale) = changed_once(&store).await;
    let later = Version::new(current.updated_at.next(current.updated_at));
    for wrong in [stale, later] {
        let edit = current.clone().with_name("Otra").with_email("otra@example.com").with_address("Calle 9");
        assert_conflict(store.update(&edit, wrong.into(), instant(20)).await);
        assert_stored(&store, &current).await;
        assert_eq!(store.find_by_email(&edit.email).await.expect("find answers"), None);
    }
}

pub async fn a_delete_with_a_stale_version_changes_nothing(store: Store) {
    let (current, stale) = changed_once(&store).await;
    assert_conflict(store.delete(current.id, stale.into()).await);
    assert_stored(&store, &current).await;
}

pub async fn a_stale_version_is_a_conflict_even_where_nothing_would_change(store: Store) {
    let (current, stale) = changed_once(&store).await;
    assert_conflict(store.update(&current, stale.into(), instant(20)).await);
    assert_stored(&store, &current).await;
}

pub async fn a_stale_version_is_told_before_a_taken_email(store: Store) {
    let (current, stale) = changed_once(&store).await;
    let other = insert(&store, nth(2)).await;
    let grasping = current.clone().with_email(other.email.as_str());
    assert_conflict(store.update(&grasping, stale.into(), instant(20)).await);
    assert_stored(&store, &current).await;
    assert_stored(&store, &other).await;
}

pub async fn any_version_is_overwritten_where_that_is_asked_for(store: Store) {
    let (current, _) = changed_once(&store).await;
    let edit = current.clone().with_name("Otra");
    let updated = store.update(&edit, Expected::Any, instant(20)).await.expect("any version will do");
    assert_eq!(updated, Client { updated_at: instant(20), ..edit });
    assert_stored(&store, &updated).await;
    store.delete(current.id, Expected::Any).await.expect("any version will do");
    assert_eq!(all(&store).await, []);
}

pub async fn a_version_that_fits_is_written(store: Store) {
    let (mut current, _) = changed_once(&store).await;
    for second in 11..20 {
        let edit = current.clone().with_phone(&second.to_string());
        let updated = store.update(&edit, current.version().into(), instant(second)).await.expect("the version fits");
        assert_eq!(updated, Client { updated_at: instant(second), ..edit });
        assert_stored(&store, &updated).await;
        current = updated;
    }
    let deleted = store.delete(current.id, current.version().into()).await.expect("the version fits");
    assert_eq!(deleted, current);
    assert_eq!(all(&store).await, []);
}

pub async fn an_update_of_an_unknown_client_is_not_found(store: Store) {
    let (current, _) = changed_once(&store).await;
    for expected in [Expected::Any, current.version().into()] {
        let updated = store.update(&nth(7), expected, instant(20)).await;
        assert!(matches!(updated, Err(StoreError::NotFound)), "{updated:?}");
        let grasping = nth(7).with_email(current.email.as_str());
        let updated = store.update(&grasping, expected, instant(20)).await;
        assert!(matches!(updated, Err(StoreError::NotFound)), "{updated:?}");
        let deleted = store.delete(nth(7).id, expected).await;
        assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
    }
    assert_eq!(all(&store).await, [current]);
}

pub async fn a_second_delete_is_not_found(store: Store) {
    let (current, _) = changed_once(&store).await;
    store.delete(current.id, Expected::Any).await.expect("the client is there");
    for expected in [Expected::Any, current.version().into()] {
        let again = store.delete(current.id, expected).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
        let updated = store.update(&current, expected, instant(30)).await;
        assert!(matches!(updated, Err(StoreError::NotFound)), "{updated:?}");
    }
    assert_eq!(all(&store).await, []);
}

pub async fn a_version_grows_even_if_the_clock_does_not(store: Store) {
    let mut current = insert(&store, nth(1)).await;
    for (n, at) in (1..).zip([instant(0), instant(0), instant(-60), instant(0), instant(60), instant(60), instant(59)])
    {
        let edit = current.clone().with_phone(&n.to_string());
        let updated = store.update(&edit, current.version().into(), at).await.expect("the version fits");
        assert_eq!(updated.updated_at, current.updated_at.next(at));
        assert!(updated.updated_at > current.updated_at);
        assert_eq!(updated.created_at, current.created_at);
        assert_stored(&store, &updated).await;
        current = updated;
    }
}

pub async fn a_version_in_microseconds_is_compared_and_followed_exactly(store: Store) {
    let at = |text: &str| text.parse::<Timestamp>().expect("the instant is one");
    let stored = at("2026-11-24T03:56:37.613823Z");
    let current = insert(&store, Client { updated_at: stored, ..nth(1) }).await;
    let edit = current.clone().with_name("Otra");
    for near in ["2026-11-24T03:56:37.613Z", "2026-11-24T03:56:37.613822Z", "2026-11-24T03:56:37.613824Z"] {
        assert_conflict(store.update(&edit, Version::new(at(near)).into(), instant(0)).await);
        assert_conflict(store.delete(current.id, Version::new(at(near)).into()).await);
    }
    assert_stored(&store, &current).await;
    let same_milli = at("2026-11-24T03:56:37.613Z");
    let updated = store.update(&edit, current.version().into(), same_milli).await.expect("the version fits");
    assert_eq!(updated.updated_at, at("2026-11-24T03:56:37.614Z"));
    assert_stored(&store, &updated).await;
}

pub async fn an_update_that_changes_nothing_keeps_the_version(store: Store) {
    let (current, _) = changed_once(&store).await;
    for expected in [Expected::Any, current.version().into()] {
        let answer = store.update(&current, expected, instant(50)).await.expect("the version fits");
        assert_eq!(answer, current);
        assert_stored(&store, &current).await;
    }
}

pub async fn an_update_ignores_the_instants_it_is_given(store: Store) {
    let (current, _) = changed_once(&store).await;
    let other_instants = Client { created_at: instant(-5), updated_at: instant(900), ..current.clone() };
    let same = store.update(&other_instants, current.version().into(), instant(50)).await.expect("the version fits");
    assert_eq!(same, current);
    assert_stored(&store, &current).await;
    let edit = other_instants.with_name("Otra");
    let updated = store.update(&edit, current.version().into(), instant(50)).await.expect("the version fits");
    assert_eq!(updated.created_at, current.created_at);
    assert_eq!(updated.updated_at, instant(50));
    assert_stored(&store, &updated).await;
}
