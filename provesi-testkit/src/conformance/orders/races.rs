//! Several writers at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use provesi_core::{EventKind, Expected, Order, OrderRepositoryExt, OrderState, OrderStatus, StoreError};

use crate::conformance::support::{Orders, all_events, all_orders, assert_record, drop_at_wait, story, winners};
use crate::data::{at, client_id, in_status, new_order, reason, stamp, version_of, with};

fn counting(order: &Order, count: usize) -> Order {
    let state = OrderState::new(OrderStatus::Returned, Some(reason(&count.to_string())), at(0));
    with(order.clone(), |it| it.state = state.expect("with its reason"))
}

fn count(order: &Order) -> usize {
    order.return_info().map_or(0, |info| info.reason.as_str().parse().expect("a count"))
}

pub async fn conditional_updates_at_once_are_all_counted(store: Orders) {
    const WRITERS: usize = 8;
    const UPDATES: usize = 25;
    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("kept");
    let writer = |store: Orders| async move {
        for _ in 0..UPDATES {
            loop {
                let current = store.get(made.id).await.expect("read").expect("there");
                let changed = counting(&current, count(&current) + 1);
                match store.update(&changed, version_of(&current), &stamp(1)).await {
                    Ok(_) => break,
                    Err(StoreError::VersionConflict) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    };
    let writers = (0..WRITERS).map(|_| tokio::spawn(writer(Arc::clone(&store))));
    for writer in join_all(writers).await {
        writer.expect("the writer ends well");
    }
    let counted = store.get(made.id).await.expect("read").expect("there");
    assert_eq!(count(&counted), WRITERS * UPDATES);
    assert_eq!(story(&store, "A-1").await.len(), 1 + WRITERS * UPDATES);
}

/// The statuses before and after a change.
fn change_of_status(kind: &EventKind) -> (OrderStatus, OrderStatus) {
    match kind {
        EventKind::StatusChanged { from, to, .. } => (*from, *to),
        EventKind::Returned { from, .. } => (*from, OrderStatus::Returned),
        other => panic!("{other:?}"),
    }
}

pub async fn unconditional_updates_at_once_follow_each_other(store: Orders) {
    const WRITERS: usize = 8;
    const UPDATES: usize = 20;
    const STATUSES: [OrderStatus; 3] = [OrderStatus::Packing, OrderStatus::Returned, OrderStatus::Shipped];
    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("kept");
    let writers = (0..WRITERS).map(|writer| {
        let (store, made) = (Arc::clone(&store), made.clone());
        tokio::spawn(async move {
            let mut written = Vec::new();
            for update in 0..UPDATES {
                let changed = in_status(&made, STATUSES[(writer + update) % STATUSES.len()]);
                written.push(store.update(&changed, Expected::Any, &stamp(1)).await.expect("changed"));
            }
            assert!(written.is_sorted_by_key(|order| order.updated_at), "{written:?}");
            written
        })
    });
    // Each version is one change, whoever made it; whoever found nothing to change was told of the version before.
    let mut versions = BTreeMap::new();
    for writer in join_all(writers).await {
        for order in writer.expect("the writer ends well") {
            let status = order.status();
            assert_eq!(*versions.entry(order.updated_at).or_insert(status), status, "{order:?}");
        }
    }
    let changes: Vec<_> = all_events(&store).await[1..].iter().map(|event| change_of_status(&event.kind)).collect();
    let (from, to): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    assert_eq!(to, versions.into_values().collect::<Vec<_>>());
    assert_eq!(from[0], made.status());
    assert_eq!(from[1..], to[..to.len() - 1]);
    // The clock stands still: each change moves the version on by a millisecond.
    let now = at(i64::try_from(to.len()).expect("a small number"));
    let expected = with(in_status(&made, to[to.len() - 1]), |it| it.updated_at = now);
    assert_record(store.get(made.id).await, Some(&expected));
}

pub async fn one_of_many_inserts_of_a_number_wins(store: Orders) {
    for round in 0..15 {
        let inserts = ["race", "RACE", "Race", "rACE"].map(|text| {
            let (store, given) = (Arc::clone(&store), new_order(&format!("{text}-{round}")));
            tokio::spawn(async move { store.insert(&given, &stamp(0)).await })
        });
        let results = join_all(inserts).await.into_iter().map(|insert| insert.expect("it ends well")).collect();
        let won = winners(results);
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(store.find_by_number(&won[0].number).await.expect("read").as_ref(), Some(&won[0]));
        assert_eq!(story(&store, won[0].number.as_str()).await, ["created"]);
    }
    assert_eq!(all_orders(&store).await.len(), 15);
    assert_eq!(all_events(&store).await.len(), 15);
}

pub async fn one_of_two_renames_to_a_number_wins(store: Orders) {
    for round in 0..10 {
        let mut orders = Vec::new();
        for side in ["a", "b"] {
            let given = new_order(&format!("{side}-{round}"));
            orders.push(store.insert(&given, &stamp(0)).await.expect("kept"));
        }
        let renames = orders.into_iter().zip(["goal", "GOAL"]).map(|(order, goal)| {
            let number = format!("{goal}-{round}").parse().expect("a number");
            let (store, renamed) = (Arc::clone(&store), with(order, |it| it.number = number));
            tokio::spawn(async move { store.update(&renamed, Expected::Any, &stamp(1)).await })
        });
        let results = join_all(renames).await.into_iter().map(|rename| rename.expect("it ends well")).collect();
        assert_eq!(winners(results).len(), 1, "round {round}");
    }
    assert_eq!(all_orders(&store).await.len(), 20);
    assert_eq!(all_events(&store).await.len(), 30);
}

pub async fn an_update_and_a_delete_at_once_leave_no_half_order(store: Orders) {
    for round in 0..20 {
        let number = format!("A-{round}");
        let given = store.insert(&new_order(&number), &stamp(0)).await.expect("kept");
        let changed = in_status(&given, OrderStatus::Shipped);
        let changed_at = stamp(5);
        let (updated, deleted) = tokio::join!(
            store.update(&changed, Expected::Any, &changed_at),
            store.delete(given.id, Expected::Any, &changed_at)
        );
        deleted.expect("deleted");
        assert_record(store.get(given.id).await, None);
        let told = story(&store, &number).await;
        match updated {
            Ok(_) => assert_eq!(told, ["created", "status_changed", "deleted"]),
            Err(StoreError::NotFound) => assert_eq!(told, ["created", "deleted"]),
            Err(other) => panic!("{other:?}"),
        }
    }
}

pub async fn a_dropped_write_is_there_as_a_whole_or_not_at_all(store: Orders) {
    for round in 1..=20 {
        drop_at_wait(round, store.insert(&new_order(&format!("A-{round}")), &stamp(0))).await;
    }
    // Whoever was dropped may still be written: until the store is done, nothing can be said.
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.insert(&new_order("B-1"), &stamp(0)).await.expect("writes go on");
    let orders = all_orders(&store).await;
    for order in &orders {
        assert_eq!(store.find_by_number(&order.number).await.expect("read").as_ref(), Some(order));
        assert_eq!(story(&store, order.number.as_str()).await, ["created"]);
    }
    assert_eq!(all_events(&store).await.len(), orders.len());
}

pub async fn dropped_changes_and_their_events_are_there_both_or_not_at_all(store: Orders) {
    let mut orders = Vec::new();
    for (round, name) in (1..=8).flat_map(|round| ["update", "delete", "detach"].map(|name| (round, name))) {
        let client = client_id(orders.len() as u64);
        let given = with(new_order(&format!("{name}-{round}")), |it| it.client_id = Some(client));
        let order = store.insert(&given, &stamp(0)).await.expect("kept");
        match name {
            "update" => {
                let changed = in_status(&order, OrderStatus::Shipped);
                drop_at_wait(round, store.update(&changed, Expected::Any, &stamp(5))).await;
            }
            "delete" => drop_at_wait(round, store.delete(order.id, Expected::Any, &stamp(5))).await,
            _ => drop_at_wait(round, store.detach_client(client, &stamp(5))).await,
        }
        orders.push(order);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.insert(&new_order("B-1"), &stamp(0)).await.expect("writes go on");
    for before in orders {
        let after = store.get(before.id).await.expect("read");
        let change = match &after {
            Some(after) if *after == before => None,
            Some(after) if after.client_id.is_none() => Some("client_changed"),
            Some(_) => Some("status_changed"),
            None => Some("deleted"),
        };
        let told = story(&store, before.number.as_str()).await;
        assert_eq!(told, ["created"].into_iter().chain(change).collect::<Vec<_>>(), "{before:?} became {after:?}");
        // Nobody holds it still.
        if let Some(after) = after {
            store.delete(after.id, version_of(&after), &stamp(9)).await.expect("deleted");
        }
    }
}

pub async fn acknowledged_writes_after_abandoned_ones_are_found(store: Orders) {
    const WRITES: usize = 48;
    let before = store.insert(&new_order("K-1"), &stamp(0)).await.expect("kept");
    let abandoned = (0..WRITES).map(|n| {
        let (store, changed) = (Arc::clone(&store), counting(&before, n));
        tokio::spawn(async move {
            let waits = 1 + n / 4;
            match n % 4 {
                0 => drop_at_wait(waits, store.insert(&new_order(&format!("D-{n}")), &stamp(0))).await,
                1 => drop_at_wait(waits, store.update(&changed, Expected::Any, &stamp(1))).await,
                2 => drop_at_wait(waits, store.delete(changed.id, Expected::Any, &stamp(1))).await,
                _ => drop_at_wait(waits, store.detach_client(client_id(n as u64), &stamp(1))).await,
            }
        })
    });
    join_all(abandoned).await;
    let writes = (0..WRITES).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let order = store.insert(&new_order(&format!("A-{n}")), &stamp(2)).await.expect("writes go on");
            assert_eq!(store.get(order.id).await.expect("read").as_ref(), Some(&order), "just acknowledged");
            order
        })
    });
    let orders: Vec<Order> = join_all(writes).await.into_iter().map(|write| write.expect("it ends well")).collect();
    // Longer than a store may take to end what was abandoned.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for order in orders {
        assert_eq!(store.find_by_number(&order.number).await.expect("read").as_ref(), Some(&order));
        assert_eq!(story(&store, order.number.as_str()).await, ["created"]);
    }
}
