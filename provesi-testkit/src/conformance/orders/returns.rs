//! Reason and date of a return.

use provesi_core::{
    EventKind, Expected, Order, OrderListing, OrderRepositoryExt, OrderState, OrderStatus, Period, ReturnInfo,
    ReturnReason, Timestamp,
};

use crate::conformance::support::{Orders, all_events, assert_record, order_pages};
use crate::data::{at, in_status, new_order, reason, stamp, with};

pub async fn reason_and_date_are_kept_and_cleared_together(store: Orders) {
    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("kept");
    let edit = async |current: &Order, status, text: &str, now| {
        let state = current.state.edited(status, Some(reason(text)), at(now)).expect("with its reason");
        store.update(&with(current.clone(), |it| it.state = state), Expected::Any, &stamp(now)).await.expect("changed")
    };
    let returned = edit(&made, OrderStatus::Returned, "roto", 5).await;
    let reworded = edit(&returned, OrderStatus::Returned, "mojado", 9).await;
    let info = reworded.return_info().expect("a return");
    assert_eq!((info.reason.as_str(), info.returned_at), ("mojado", at(5)));
    assert_record(store.get(made.id).await, Some(&reworded));
    let left = edit(&reworded, OrderStatus::Packing, "x", 12).await;
    assert_eq!(left.return_info(), None);
    assert_record(store.get(made.id).await, Some(&left));
    let told: Vec<_> = all_events(&store).await.into_iter().skip(1).map(|event| event.kind).collect();
    assert_eq!(
        told,
        [
            EventKind::Returned { from: OrderStatus::Received, reason: reason("roto") },
            EventKind::ReasonChanged { from: Some(reason("roto")), to: reason("mojado") },
            EventKind::StatusChanged {
                from: OrderStatus::Returned,
                to: OrderStatus::Packing,
                cleared: reworded.return_info().cloned(),
            },
        ]
    );
}

pub async fn a_return_without_a_reason_stays_readable(store: Orders) {
    let given = with(new_order("A-1"), |it| it.state = OrderState::restore(OrderStatus::Returned, None));
    let kept = store.insert(&given, &stamp(0)).await.expect("kept");
    assert_record(store.get(kept.id).await, Some(&kept));
    let named = store.update(&in_status(&kept, OrderStatus::Returned), Expected::Any, &stamp(5)).await.expect("named");
    assert_eq!(named.return_info().map(|info| info.returned_at), Some(at(0)));
    let event = all_events(&store).await.pop().expect("an event");
    assert_eq!(event.kind, EventKind::ReasonChanged { from: None, to: reason("Llegó roto") });
}

pub async fn returns_without_a_date_are_listed_before_the_latest(store: Orders) {
    let returned = |millis| Some(ReturnInfo { reason: reason("roto"), returned_at: millis });
    let states = [
        OrderState::restore(OrderStatus::Returned, returned(Timestamp::MAX)),
        OrderState::restore(OrderStatus::Received, None),
        OrderState::restore(OrderStatus::Returned, None),
        OrderState::restore(OrderStatus::Returned, returned(at(5))),
        OrderState::restore(OrderStatus::Returned, None),
        OrderState::restore(OrderStatus::Cancelled, None),
        OrderState::restore(OrderStatus::Returned, returned(at(3))),
    ];
    for (number, state) in (0..).zip(states) {
        let given = with(new_order(&format!("A-{number}")), |it| {
            it.state = state;
            it.updated_at = at(number);
        });
        store.insert(&given, &stamp(0)).await.expect("kept");
    }
    let mut listing = OrderListing::returns();
    let check = async |listing: &OrderListing, expected: &[&str]| {
        for (listing, expected) in
            [(listing.clone(), expected.to_vec()), (listing.reversed(), expected.iter().rev().copied().collect())]
        {
            for limit in [1, 2, 1_000] {
                let orders = order_pages(&store, &listing, limit).await;
                let numbers: Vec<_> = orders.iter().map(|order| order.number.as_str()).collect();
                assert_eq!(numbers, expected, "pages of {limit}, {listing:?}");
            }
        }
    };
    check(&listing, &["A-4", "A-2", "A-0", "A-3", "A-6"]).await;
    listing.filter.statuses.clear();
    check(&listing, &["A-4", "A-2", "A-0", "A-3", "A-6", "A-5", "A-1"]).await;
    listing.filter.returned = Period { from: Some(at(4)), until: None };
    check(&listing, &["A-0", "A-3"]).await;
    assert_eq!(store.count_all(&listing.filter).await.expect("counted"), 2);
    listing.filter.returned = Period { from: None, until: Some(at(4)) };
    check(&listing, &["A-6"]).await;
}

pub async fn a_reason_that_is_longer_than_one_may_be_given_stays_readable(store: Orders) {
    let text = "Llegó roto. ".repeat(1_000);
    let stored = ReturnInfo { reason: ReturnReason::restore(text).expect("not blank"), returned_at: at(0) };
    let state = OrderState::restore(OrderStatus::Returned, Some(stored.clone()));
    let kept = store.insert(&with(new_order("A-1"), |it| it.state = state), &stamp(0)).await.expect("kept");
    assert_eq!(kept.return_info(), Some(&stored));
    assert_record(store.get(kept.id).await, Some(&kept));
    let left = store.update(&in_status(&kept, OrderStatus::Packing), Expected::Any, &stamp(5)).await.expect("left");
    assert_eq!(left.return_info(), None);
    let events = all_events(&store).await;
    assert_eq!(events.len(), 2, "both can be read");
    let cleared =
        EventKind::StatusChanged { from: OrderStatus::Returned, to: OrderStatus::Packing, cleared: Some(stored) };
    assert_eq!(events[1].kind, cleared);
}
