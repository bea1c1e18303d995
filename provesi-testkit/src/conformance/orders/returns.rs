//! Reason and date of a return.

use provesi_core::{
    EventKind, Expected, NewOrder, Order, OrderRepositoryExt, OrderState, OrderStatus, ReturnInfo, ReturnReason,
};

use crate::conformance::support::{Orders, all_events};
use crate::data::{at, in_status, new_order, reason, stamp};

/// Case.
pub async fn reason_and_date_are_kept_and_cleared_together(store: Orders) {
    let made = store.insert(&new_order("A-1"), &stamp(0)).await.expect("kept");
    let edit = async |current: &Order, status, text: &str, now| {
        let state = current.state.edited(status, Some(reason(text)), at(now)).expect("with its reason");
        store.update(&Order { state, ..current.clone() }, Expected::Any, &stamp(now)).await.expect("changed")
    };
    let returned = edit(&made, OrderStatus::Returned, "roto", 5).await;
    let reworded = edit(&returned, OrderStatus::Returned, "mojado", 9).await;
    let info = reworded.return_info().expect("a return");
    assert_eq!((info.reason.as_str(), info.returned_at), ("mojado", at(5)));
    assert_eq!(store.get(made.id).await.expect("read"), Some(reworded.clone()));
    let left = edit(&reworded, OrderStatus::Packing, "x", 12).await;
    assert_eq!(left.return_info(), None);
    assert_eq!(store.get(made.id).await.expect("read"), Some(left));
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

/// Case.
pub async fn a_return_without_a_reason_stays_readable(store: Orders) {
    let given = NewOrder { state: OrderState::restore(OrderStatus::Returned, None), ..new_order("A-1") };
    let kept = store.insert(&given, &stamp(0)).await.expect("kept");
    assert_eq!(store.get(kept.id).await.expect("read"), Some(kept.clone()));
    let named = store.update(&in_status(&kept, OrderStatus::Returned), Expected::Any, &stamp(5)).await.expect("named");
    assert_eq!(named.return_info().map(|info| info.returned_at), Some(at(0)));
    let event = all_events(&store).await.pop().expect("an event");
    assert_eq!(event.kind, EventKind::ReasonChanged { from: None, to: reason("Llegó roto") });
}

/// Case.
pub async fn a_reason_that_is_longer_than_one_may_be_given_stays_readable(store: Orders) {
    let text = "Llegó roto. ".repeat(1_000);
    let stored = ReturnInfo { reason: ReturnReason::restore(text).expect("not blank"), returned_at: at(0) };
    let state = OrderState::restore(OrderStatus::Returned, Some(stored.clone()));
    let kept = store.insert(&NewOrder { state, ..new_order("A-1") }, &stamp(0)).await.expect("kept");
    assert_eq!(kept.return_info(), Some(&stored));
    assert_eq!(store.get(kept.id).await.expect("read"), Some(kept.clone()));
    let left = store.update(&in_status(&kept, OrderStatus::Packing), Expected::Any, &stamp(5)).await.expect("left");
    assert_eq!(left.return_info(), None);
    let events = all_events(&store).await;
    assert_eq!(events.len(), 2, "both can be read");
    let cleared =
        EventKind::StatusChanged { from: OrderStatus::Returned, to: OrderStatus::Packing, cleared: Some(stored) };
    assert_eq!(events[1].kind, cleared);
}
