//! Every change leaves its events.

use std::sync::Arc;

use futures_util::future::join_all;
use provesi_core::{
    Actor, ActorName, EventKind, Expected, Order, OrderEvent, OrderRepositoryExt, OrderStatus, PageLimit, Stamp,
    StoreError,
};

use crate::conformance::support::{Orders, all_events, all_orders, assert_refused, story};
use crate::data::{at, client_id, in_status, new_order, stamp, version_of, with};

async fn kept(store: &Orders, number: &str) -> Order {
    store.insert(&new_order(number), &stamp(0)).await.expect("kept")
}

pub async fn every_change_leaves_its_events_in_order(store: Orders) {
    let made = kept(&store, "A-1").await;
    let returned = in_status(&made, OrderStatus::Returned);
    let returned = store.update(&returned, Expected::Any, &stamp(1)).await.expect("changed");
    let attached = with(returned, |it| it.client_id = Some(client_id(7)));
    let attached = store.update(&attached, Expected::Any, &stamp(2)).await.expect("changed");
    let deleted = store.delete(made.id, Expected::Any, &stamp(3)).await.expect("deleted");
    let events = all_events(&store).await;
    let told: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
    assert_eq!(told[0], EventKind::created(&new_order("A-1")));
    assert_eq!(told[2], EventKind::ClientChanged { from: None, to: attached.client_id });
    assert_eq!(told[3], EventKind::deleted(&deleted));
    assert_eq!(
        told.iter().map(EventKind::name).collect::<Vec<_>>(),
        ["created", "returned", "client_changed", "deleted"]
    );
    let ids: Vec<i64> = events.iter().map(|event| event.id.get()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b) && ids[0] > 0, "ids of events grow from above 0: {ids:?}");
    assert!(events.iter().all(|event| event.order_id == made.id), "events of order {}: {events:?}", made.id);
}

pub async fn a_refused_change_leaves_no_event(store: Orders) {
    let (first, second) = (kept(&store, "A-1").await, kept(&store, "B-1").await);
    let stale = Expected::Version(second.version());
    store.update(&in_status(&second, OrderStatus::Packing), stale, &stamp(5)).await.expect("changed");
    let before = all_events(&store).await;
    assert_refused!(store.insert(&new_order("a-1"), &stamp(6)).await, StoreError::AlreadyExists { .. });
    let taken = with(in_status(&second, OrderStatus::Shipped), |it| it.number = first.number.clone());
    assert_refused!(store.update(&taken, Expected::Any, &stamp(6)).await, StoreError::AlreadyExists { .. });
    assert_refused!(store.update(&taken, stale, &stamp(6)).await, StoreError::VersionConflict);
    assert_refused!(store.delete(second.id, stale, &stamp(6)).await, StoreError::VersionConflict);
    assert_eq!(all_events(&store).await, before);
}

pub async fn events_carry_the_stamp(store: Orders) {
    // The name looks like the text form of another actor.
    let name = ActorName::parse("system: Ñ 🚚 '\"\\%").expect("a name");
    let actors = [Actor::Anonymous, Actor::User(name.clone()), Actor::Service(name.clone()), Actor::System(name)];
    for (round, (actor, address)) in actors.into_iter().zip(["192.0.2.1", "2001:db8::1f", "::1", "none"]).enumerate() {
        let stamp = Stamp { at: at(5), actor, address: address.parse().ok() };
        let number = format!("A-{round}");
        let given = with(new_order(&number), |it| it.client_id = Some(client_id(1)));
        let made = store.insert(&given, &stamp).await.expect("kept");
        store.update(&in_status(&made, OrderStatus::Packing), Expected::Any, &stamp).await.expect("changed");
        assert_eq!(store.detach_client(client_id(1), &stamp).await.expect("detached"), 1);
        store.delete(made.id, Expected::Any, &stamp).await.expect("deleted");
        let events = store.history(&made.number, None, PageLimit::MAX).await.expect("the history");
        assert_eq!(events.len(), 4);
        for event in events {
            assert_eq!((event.at, &event.actor, event.address), (stamp.at, &stamp.actor, stamp.address));
            assert_eq!(event.number, made.number.as_str());
        }
    }
}

pub async fn the_feed_is_read_in_pieces(store: Orders) {
    for count in 0..10 {
        kept(&store, &format!("A-{count}")).await;
    }
    let all = all_events(&store).await;
    let mut read: Vec<OrderEvent> = Vec::new();
    for piece in [3, 3, 3, 1] {
        let limit = PageLimit::new(3).expect("a limit");
        let events = store.feed(read.last().map(|event| event.id), limit).await.expect("the feed");
        assert_eq!(events.len(), piece);
        read.extend(events);
    }
    assert_eq!(read, all);
    assert_eq!(store.feed(read.last().map(|event| event.id), PageLimit::MAX).await.expect("the feed"), []);
}

pub async fn a_reader_of_the_feed_misses_nothing_while_writers_overlap(store: Orders) {
    const WRITERS: usize = 12;
    const ORDERS: usize = 40;
    let writer = |store: Orders, writer: usize| async move {
        for count in 0..ORDERS {
            let made = kept(&store, &format!("W-{writer}-{count}")).await;
            let shipped = in_status(&made, OrderStatus::Shipped);
            store.update(&shipped, version_of(&made), &stamp(1)).await.expect("changed");
        }
    };
    let writers: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(writer(Arc::clone(&store), number))).collect();
    // Read without a pause and in large pieces, so that the reader keeps up with the writers: only at the end of the
    // feed can an event come up before one with a smaller id.
    let mut read: Vec<OrderEvent> = Vec::new();
    loop {
        let all_written = writers.iter().all(|writer| writer.is_finished());
        let events = store.feed(read.last().map(|event| event.id), PageLimit::MAX).await.expect("the feed");
        if all_written && events.is_empty() {
            break;
        }
        read.extend(events);
    }
    for writer in join_all(writers).await {
        writer.expect("the writer ends well");
    }
    let all = all_events(&store).await;
    let skipped: Vec<_> = all.iter().filter(|event| !read.contains(event)).collect();
    assert!(skipped.is_empty(), "{} of {} events were skipped: {skipped:?}", skipped.len(), all.len());
    assert_eq!(read, all);
    assert_eq!(read.len(), WRITERS * ORDERS * 2);
    assert!(read.is_sorted_by(|a, b| a.id < b.id), "ids of events grow: {read:?}");
}

pub async fn events_are_there_exactly_when_the_changes_are(store: Orders) {
    let changes = (0..40_usize).map(|count| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            // Every number is wanted by two.
            let Ok(made) = store.insert(&new_order(&format!("A-{}", count / 2)), &stamp(0)).await else { return };
            let stale = version_of(&made);
            store.update(&in_status(&made, OrderStatus::Packing), stale, &stamp(1)).await.expect("changed");
            assert_refused!(
                store.update(&in_status(&made, OrderStatus::Shipped), stale, &stamp(2)).await,
                StoreError::VersionConflict
            );
        })
    });
    for change in join_all(changes).await {
        change.expect("it ends well");
    }
    for order in all_orders(&store).await {
        assert_eq!(story(&store, order.number.as_str()).await, ["created", "status_changed"]);
        assert_eq!(order.status(), OrderStatus::Packing);
    }
    assert_eq!(all_events(&store).await.len(), 40);
}
