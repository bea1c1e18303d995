//! Entries, and writes that depend on them.

use std::sync::Arc;

use futures_util::future::join_all;
use provesi_core::{
    ClientId, Entry, EntryCondition, EntryKey, EntryKind, EntryQuery, EntryWrite, NewOrder, Order, OrderListing,
    OrderRepositoryExt, OrderWrite, PageLimit, StoreError, Stored, Timestamp, UniqueField,
};

use crate::conformance::support::{Orders, all_events, all_orders, assert_record, assert_refused, order_pages, story};
use crate::data::{at, client_id, new_order, stamp, with};

fn key(name: &str) -> EntryKey {
    EntryKey::new(EntryKind::Checkpoint, name)
}

fn retirement(client: ClientId, due_at: Option<Timestamp>) -> EntryWrite {
    EntryWrite::insert(EntryKey::retirement(client), "{}".to_owned(), due_at)
}

fn entries_alone(entry: EntryWrite) -> OrderWrite {
    OrderWrite::entries_alone(vec![entry], stamp(0))
}

async fn put(store: &Orders, entry: EntryWrite) {
    let id = store.commit_one(entries_alone(entry)).await.expect("put");
    assert_eq!(id, None, "a write of entries alone concerns no order");
}

async fn entry(store: &Orders, key: EntryKey) -> Option<Entry> {
    let found = store.entry(key.clone()).await.expect("read");
    assert!(found.iter().all(|entry| entry.key == key), "{found:?}");
    found
}

fn attached(number: &str, client: ClientId) -> NewOrder {
    with(new_order(number), |it| it.client_id = Some(client))
}

pub async fn an_entry_is_put_replaced_and_removed(store: Orders) {
    assert_eq!(entry(&store, key("a")).await, None);
    put(&store, EntryWrite::insert(key("a"), r#"{"n":1,"texto":"ñ \" \\ 😀"}"#.to_owned(), Some(at(7)))).await;
    put(&store, EntryWrite::insert(EntryKey::new(EntryKind::Partner, "a"), "2".to_owned(), None)).await;
    let first = entry(&store, key("a")).await.expect("there");
    let value = r#"{"n":1,"texto":"ñ \" \\ 😀"}"#.to_owned();
    let expected = Entry::builder().key(key("a")).value(value).due_at(at(7)).build();
    assert_eq!(first, expected);
    put(&store, EntryWrite::replace(first, "3".to_owned(), None)).await;
    let second = entry(&store, key("a")).await.expect("there");
    assert_eq!((second.value.as_str(), second.due_at), ("3", None));
    put(&store, EntryWrite::remove(second)).await;
    assert_eq!(entry(&store, key("a")).await, None);
    let both = vec![key("a"), EntryKey::new(EntryKind::Partner, "a"), EntryKey::new(EntryKind::Partner, "a")];
    let found = store.entries(&EntryQuery::Keys(both)).await.expect("read");
    assert_eq!(found.iter().map(|entry| entry.value.as_str()).collect::<Vec<_>>(), ["2"], "the other kind stays, once");
    assert_eq!(all_events(&store).await, []);
}

pub async fn an_entry_that_is_not_as_it_was_read_is_not_changed(store: Orders) {
    let write = |before: Option<&str>, after: Option<&str>| {
        let after = after.map(|value| (value.to_owned(), None));
        entries_alone(EntryWrite { key: key("a"), before: before.map(str::to_owned), after })
    };
    for stale in [write(Some("1"), Some("2")), write(Some("1"), None)] {
        assert_refused!(store.commit_one(stale).await, StoreError::EntryConflict { kind: EntryKind::Checkpoint });
    }
    store.commit_one(write(None, Some("1"))).await.expect("put");
    for stale in [write(None, Some("2")), write(Some("0"), Some("2")), write(Some("0"), None), write(None, None)] {
        assert_refused!(store.commit_one(stale).await, StoreError::EntryConflict { kind: EntryKind::Checkpoint });
    }
    assert_eq!(entry(&store, key("a")).await.expect("there").value, "1");
}

pub async fn an_order_and_its_entries_are_written_together_or_not_at_all(store: Orders) {
    let insert = |number: &str, entry: &str| {
        let entry = EntryWrite::insert(key(entry), "1".to_owned(), None);
        OrderWrite::insert(new_order(number), stamp(0)).with_entry(entry)
    };
    let id = store.commit_one(insert("A-1", "a")).await.expect("inserted");
    assert_eq!(entry(&store, key("a")).await.expect("there").order_id, id, "the entry names its order");
    let taken = store.commit_one(insert("a-1", "b")).await;
    assert_refused!(taken, StoreError::AlreadyExists { field: UniqueField::OrderNumber });
    assert_eq!(entry(&store, key("b")).await, None);
    assert_refused!(store.commit_one(insert("B-1", "a")).await, StoreError::EntryConflict { .. });
    let before = Stored::from(store.get(id.expect("an id")).await.expect("read").expect("there"));
    let content = with(before.clone().valid().expect("valid"), |it| it.client_id = Some(client_id(1)));
    let after = before.with_content(content, at(1)).expect("a change");
    let replace = |before: &Stored<Order>, entry| {
        let entry = EntryWrite::insert(key(entry), "1".to_owned(), None);
        OrderWrite::replace(before.clone(), after.clone(), stamp(1)).with_entry(entry)
    };
    assert_refused!(store.commit_one(replace(&before, "a")).await, StoreError::EntryConflict { .. });
    store.commit_one(replace(&before, "c")).await.expect("replaced");
    assert_eq!(entry(&store, key("c")).await.expect("there").order_id, id);
    assert_refused!(store.commit_one(replace(&before, "d")).await, StoreError::VersionConflict);
    let delete = |entry| {
        let entry = EntryWrite::insert(key(entry), "1".to_owned(), None);
        OrderWrite::delete(after.clone().into(), stamp(2)).with_entry(entry)
    };
    assert_refused!(store.commit_one(delete("a")).await, StoreError::EntryConflict { .. });
    store.commit_one(delete("e")).await.expect("deleted");
    assert_refused!(store.commit_one(delete("f")).await, StoreError::VersionConflict);
    for missing in ["b", "d", "f"] {
        assert_eq!(entry(&store, key(missing)).await, None, "{missing}");
    }
    assert_eq!(story(&store, "A-1").await, ["created", "client_changed", "deleted"]);
}

pub async fn each_write_of_a_batch_has_its_own_entries(store: Orders) {
    let insert = |number: &str, entry: &str, value: &str| {
        let entry = EntryWrite::insert(key(entry), value.to_owned(), None);
        OrderWrite::insert(new_order(number), stamp(0)).with_entry(entry)
    };
    let plain = |number: &str| OrderWrite::insert(new_order(number), stamp(0));
    let writes =
        [insert("A-1", "a", "1"), plain("B-1"), insert("C-1", "c", "3"), insert("D-1", "a", "4"), plain("E-1")];
    let outcomes = store.commit(&writes).await;
    let made: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert!(made[1] && made[2] && made[4], "those that share no entry are made: {outcomes:?}");
    assert!(made[0] != made[3], "one of the two that put the same entry: {outcomes:?}");
    assert_eq!(all_orders(&store).await.len(), 4);
    let winner = if made[0] { ("1", &outcomes[0]) } else { ("4", &outcomes[3]) };
    let kept = entry(&store, key("a")).await.expect("there");
    assert_eq!((kept.value.as_str(), kept.order_id), (winner.0, *winner.1.as_ref().expect("made")));
}

pub async fn one_of_many_writes_of_an_entry_is_made(store: Orders) {
    let write = |n: usize| {
        let (store, entry) = (Arc::clone(&store), EntryWrite::insert(key("a"), n.to_string(), None));
        let write = OrderWrite::insert(new_order(&format!("A-{n}")), stamp(0)).with_entry(entry);
        tokio::spawn(async move { store.commit_one(write).await })
    };
    let outcomes = join_all((0..32).map(write)).await.into_iter().map(|outcome| outcome.expect("an end"));
    let made: Vec<_> = outcomes.filter_map(Result::ok).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(entry(&store, key("a")).await.expect("there").order_id, made[0]);
    assert_eq!(all_orders(&store).await.len(), 1);
}

/// Case. Each of two writes requires that the entry of the other does not exist.
pub async fn one_of_two_writes_that_exclude_each_other_is_made(store: Orders) {
    let write = |mine: &str, other: &str| {
        let entry = EntryWrite::insert(key(mine), "1".to_owned(), None);
        entries_alone(entry).with_condition(EntryCondition::Missing(key(other)))
    };
    for round in 0..8 {
        let [a, b] = ["a", "b"].map(|name| format!("{name}{round}"));
        let outcomes = if round % 2 == 0 {
            store.commit(&[write(&a, &b), write(&b, &a)]).await
        } else {
            let commit = |write| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.commit_one(write).await })
            };
            let ended = join_all([commit(write(&a, &b)), commit(write(&b, &a))]).await;
            ended.into_iter().map(|outcome| outcome.expect("an end")).collect()
        };
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let found = store.entries(&EntryQuery::Keys(vec![key(&a), key(&b)])).await.expect("read");
        assert_eq!(found.len(), 1);
    }
}

pub async fn due_entries_come_in_pages(store: Orders) {
    for n in 0..7_i64 {
        put(&store, EntryWrite::insert(key(&format!("{}", 9 - n)), n.to_string(), Some(at(n / 2)))).await;
    }
    put(&store, EntryWrite::insert(key("never"), "x".to_owned(), None)).await;
    put(&store, retirement(client_id(1), Some(at(0)))).await;
    let (mut values, mut after) = (Vec::new(), None);
    loop {
        let limit = PageLimit::new(2).expect("a limit");
        let query = EntryQuery::Due { kind: EntryKind::Checkpoint, at: at(2), after, limit };
        let page = store.entries(&query).await.expect("read");
        assert!(page.len() <= 2, "a page of 2 has {}", page.len());
        let Some(last) = page.last() else { break };
        after = Some((last.due_at.expect("due"), last.key.name.clone()));
        values.extend(page.into_iter().map(|entry| entry.value));
    }
    assert_eq!(values, ["1", "0", "3", "2", "5", "4"], "by instant and name, none that is due later");
}

pub async fn no_order_is_attached_to_a_retired_client(store: Orders) {
    let (retired, other) = (client_id(1), client_id(2));
    let free = store.insert(&attached("A-1", other), &stamp(0)).await.expect("inserted");
    let named = store.insert(&attached("A-2", retired), &stamp(0)).await.expect("inserted");
    put(&store, retirement(retired, Some(at(60_000)))).await;
    let refused = |outcome: Result<Order, StoreError>| {
        assert_refused!(outcome, StoreError::EntryConflict { kind: EntryKind::Retirement });
    };
    refused(store.insert(&attached("B-1", retired), &stamp(1)).await);
    let attach = with(free.clone(), |it| it.client_id = Some(retired));
    refused(store.update(&attach, provesi_core::Expected::Any, &stamp(1)).await);
    // An order that has the client already can be changed otherwise.
    let renumbered = with(named, |it| it.number = "A-3".parse().expect("a number"));
    store.update(&renumbered, provesi_core::Expected::Any, &stamp(1)).await.expect("changed");
    // A batch: the others are made.
    let insert = |number: &str, client| OrderWrite::insert(attached(number, client), stamp(1));
    let outcomes = store.commit(&[insert("C-1", other), insert("C-2", retired), insert("C-3", other)]).await;
    assert!(
        outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok(),
        "the second alone is refused: {outcomes:?}"
    );
    assert_record(store.find_by_number(&"C-2".parse().expect("a number")).await, None);
    // Once the retirement is lifted, orders can be attached.
    let lifted = entry(&store, EntryKey::retirement(retired)).await.expect("there");
    put(&store, EntryWrite::remove(lifted)).await;
    store.insert(&attached("B-1", retired), &stamp(2)).await.expect("inserted");
}

pub async fn orders_are_detached_from_a_retired_client_only(store: Orders) {
    let client = client_id(1);
    let made = store.insert(&attached("A-1", client), &stamp(0)).await.expect("inserted");
    assert_refused!(store.detach_retired_client(client, &stamp(1)).await, StoreError::EntryConflict { .. });
    assert_record(store.get(made.id).await, Some(&made));
    put(&store, retirement(client, None)).await;
    assert_eq!(store.detach_retired_client(client, &stamp(1)).await.expect("detached"), 1);
    assert_eq!(story(&store, "A-1").await, ["created", "client_changed"]);
}

/// Case. Once a client is retired, whoever looks sees every order that was ever attached to it.
pub async fn no_order_is_attached_behind_a_retirement(store: Orders) {
    for round in 0..12_u64 {
        let client = client_id(round);
        let attach = |n: u64| {
            let (store, order) = (Arc::clone(&store), attached(&format!("R{round}-{n}"), client));
            tokio::spawn(async move { store.insert(&order, &stamp(1)).await })
        };
        let attaching: Vec<_> = (0..8).map(attach).collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        put(&store, retirement(client, None)).await;
        let seen: Vec<_> = order_pages(&store, &OrderListing::of_client(client), 100)
            .await
            .into_iter()
            .map(|order| order.id)
            .collect();
        for outcome in join_all(attaching).await {
            match outcome.expect("an end") {
                Ok(order) => assert!(seen.contains(&order.id), "{} was attached behind the retirement", order.number),
                Err(error) => assert_refused!(Err::<(), _>(error), StoreError::EntryConflict { .. }),
            }
        }
    }
}

pub async fn a_deleted_order_is_restored_with_its_id(store: Orders) {
    let made = store.insert(&attached("A-1", client_id(1)), &stamp(0)).await.expect("inserted");
    let restore = |order: &Order| OrderWrite::restore(order.clone(), stamp(5));
    assert_refused!(store.commit_one(restore(&made)).await, StoreError::VersionConflict);
    store.commit_one(OrderWrite::delete(made.clone().into(), stamp(1))).await.expect("deleted");
    let later = store.insert(&new_order("B-1"), &stamp(2)).await.expect("inserted");
    let restored = with(made.clone(), |it| it.updated_at = at(5));
    assert_eq!(store.commit_one(restore(&restored)).await.expect("restored"), Some(made.id));
    assert_record(store.get(made.id).await, Some(&restored));
    assert_eq!(story(&store, "a-1").await, ["created", "deleted", "restored"]);
    assert_refused!(store.commit_one(restore(&restored)).await, StoreError::VersionConflict);
    // Its number may have gone to another order, and its client may be deleted.
    store.commit_one(OrderWrite::delete(restored.clone().into(), stamp(6))).await.expect("deleted");
    let taken = store.insert(&new_order("a-1"), &stamp(7)).await.expect("inserted");
    assert_refused!(store.commit_one(restore(&restored)).await, StoreError::AlreadyExists { .. });
    store.commit_one(OrderWrite::delete(taken.clone().into(), stamp(8))).await.expect("deleted");
    put(&store, retirement(client_id(1), None)).await;
    assert_refused!(store.commit_one(restore(&restored)).await, StoreError::EntryConflict { .. });
    let next = store.insert(&new_order("C-1"), &stamp(9)).await.expect("inserted");
    assert!(
        next.id > later.id && next.id > taken.id,
        "ids are never given twice: {} after {} and {}",
        next.id,
        later.id,
        taken.id
    );
}

pub async fn events_are_appended_without_a_change_and_rewritten(store: Orders) {
    use provesi_core::{EventKind, ReturnReason};

    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("inserted");
    let other = store.insert(&new_order("B-1"), &stamp(0)).await.expect("inserted");
    let said = |text: &str| EventKind::ReasonChanged { from: None, to: ReturnReason::parse(text).expect("a reason") };
    let write = OrderWrite::append(made.id, "A-1".to_owned(), vec![said("uno"), said("dos")], stamp(3));
    assert_eq!(store.commit_one(write).await.expect("appended"), Some(made.id));
    assert_eq!(store.get(made.id).await.expect("read"), Some(made.clone()), "the row stays as it is");
    let events = all_events(&store).await;
    let kinds: Vec<_> = events.iter().skip(2).map(|event| event.kind.clone()).collect();
    assert_eq!(kinds, [said("uno"), said("dos")]);
    assert_eq!(events[2].at, at(3));
    // Of another order, or of none, nothing is rewritten.
    let rewritten = vec![(events[2].id, said("…")), (events[1].id, said("…"))];
    let write = OrderWrite::rewrite(made.id, "A-1".to_owned(), rewritten, stamp(9));
    store.commit_one(write).await.expect("rewritten");
    let mut expected = events;
    expected[2].kind = said("…");
    assert_eq!(all_events(&store).await, expected);
    assert_record(store.get(other.id).await, Some(&other));
}

pub async fn a_condition_is_required_whatever_the_write_is(store: Orders) {
    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("inserted");
    let writes = || {
        [
            OrderWrite::insert(new_order("B-1"), stamp(1)),
            OrderWrite::append(made.id, "A-1".to_owned(), Vec::new(), stamp(1)),
            OrderWrite::entries_alone(vec![EntryWrite::insert(key("b"), "1".to_owned(), None)], stamp(1)),
            OrderWrite::delete(made.clone().into(), stamp(1)),
        ]
    };
    let conditions = [EntryCondition::Exists(key("a")), EntryCondition::Missing(key("c"))];
    put(&store, EntryWrite::insert(key("c"), "1".to_owned(), None)).await;
    for condition in &conditions {
        let writes = writes().map(|write| write.with_condition(condition.clone()));
        for (write, outcome) in writes.iter().zip(store.commit(&writes).await) {
            assert!(
                matches!(outcome, Err(StoreError::EntryConflict { .. })),
                "expected EntryConflict of {write:?}, got {outcome:?}"
            );
        }
        for write in writes {
            assert_refused!(store.commit_one(write).await, StoreError::EntryConflict { .. });
        }
    }
    assert_eq!(entry(&store, key("b")).await, None);
    let held = entry(&store, key("c")).await.expect("there");
    put(&store, EntryWrite::remove(held)).await;
    put(&store, EntryWrite::insert(key("a"), "1".to_owned(), None)).await;
    for write in writes() {
        let [exists, missing] = conditions.clone();
        store.commit_one(write.with_condition(exists).with_condition(missing)).await.expect("made");
    }
    assert_eq!(story(&store, "A-1").await, ["created", "deleted"]);
}
