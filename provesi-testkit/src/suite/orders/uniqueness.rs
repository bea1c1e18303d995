//! A number belongs to one order at a time, whoever comes at the same moment.

use futures_util::future::join_all;
use provesi_core::{EventKind, Expected, NewOrder, Order, StoreError, UniqueField};

use super::support::{
    Store, all, assert_events_tell_the_orders, assert_stored, feed, history, insert, names, snapshot,
};
use crate::{EditOrder, client_id, instant, number, order, stamp};

const SPELLINGS: [&str; 4] = ["ord-a1", "ORD-A1", "Ord-A1", "oRD-a1"];

fn assert_taken(answer: Result<Order, StoreError>) {
    let Err(StoreError::AlreadyExists { field }) = answer else { panic!("expected AlreadyExists, got {answer:?}") };
    assert_eq!(field, UniqueField::OrderNumber);
}

pub async fn a_number_is_taken_in_any_letter_case(store: Store) {
    let first = insert(&store, order(SPELLINGS[0])).await;
    let before = snapshot(&store).await;
    for spelling in SPELLINGS {
        assert_taken(store.insert(&order(spelling).of(client_id(1)), &stamp(1)).await);
        assert_eq!(snapshot(&store).await, before);
        let found = store.find_by_number(&number(spelling)).await.expect("find answers");
        assert_eq!(found.as_ref(), Some(&first), "{spelling}");
    }
}

pub async fn an_update_cannot_take_the_number_of_another(store: Store) {
    insert(&store, order(SPELLINGS[0])).await;
    let other = insert(&store, order("B-1").of(client_id(1))).await;
    let before = snapshot(&store).await;
    for spelling in SPELLINGS {
        let grasping = other.clone().with_number(spelling).of(None).with_status(provesi_core::OrderStatus::Shipped);
        assert_taken(store.update(&grasping, Expected::Any, &stamp(9)).await);
        assert_taken(store.update(&grasping, other.version().into(), &stamp(9)).await);
        assert_eq!(snapshot(&store).await, before);
    }
}

pub async fn an_update_may_change_the_letter_case_of_its_own_number(store: Store) {
    let mut current = insert(&store, order(SPELLINGS[0])).await;
    for (second, spelling) in (1..).zip(&SPELLINGS[1..]) {
        let renumbered = current.clone().with_number(spelling);
        let updated =
            store.update(&renumbered, current.version().into(), &stamp(second)).await.expect("the number is its own");
        assert_eq!(updated, Order { updated_at: instant(second), ..renumbered });
        assert_stored(&store, &updated).await;
        let event = feed(&store).await.pop().expect("there is an event");
        assert_eq!(event.kind, EventKind::Renumbered { from: current.number, to: updated.number.clone() });
        assert_eq!(event.number, updated.number);
        current = updated;
    }
    assert_eq!(names(&feed(&store).await), ["created", "renumbered", "renumbered", "renumbered"]);
}

pub async fn a_number_is_free_again_once_its_order_changed_it_or_is_gone(store: Store) {
    let first = insert(&store, order("A-1")).await;
    let moved = store.update(&first.with_number("A-2"), Expected::Any, &stamp(1)).await.expect("the order is there");
    let second = insert(&store, order("a-1")).await;
    store.delete(moved.id, Expected::Any, &stamp(2)).await.expect("the order is there");
    let third = insert(&store, order("a-2")).await;
    assert_stored(&store, &second).await;
    assert_stored(&store, &third).await;
    assert_eq!(all(&store).await.len(), 2);
    assert_events_tell_the_orders(&store).await;
}

pub async fn one_of_many_who_want_the_same_number_gets_it(store: Store) {
    for round in 0..10 {
        let rivals: Vec<NewOrder> =
            (0..8).map(|n| order(&format!("{round}-{}", SPELLINGS[n % 4])).of(client_id(n as u64))).collect();
        let tasks = rivals.iter().map(|rival| {
            let (store, rival) = (Store::clone(&store), rival.clone());
            tokio::spawn(async move { store.insert(&rival, &stamp(0)).await })
        });
        let winner = the_winner(join_all(tasks.collect::<Vec<_>>()).await);
        assert_stored(&store, &winner).await;
        assert_eq!(names(&history(&store, winner.number.as_str()).await), ["created"]);
        assert_eq!(all(&store).await.len(), round + 1, "a loser left something");
        assert_events_tell_the_orders(&store).await;
    }
}

pub async fn one_of_many_who_renumber_to_the_same_number_gets_it(store: Store) {
    for round in 0..10 {
        let mut rivals = Vec::new();
        for n in 0..8 {
            rivals.push(insert(&store, order(&format!("{round}-{n}"))).await);
        }
        let tasks = rivals.iter().enumerate().map(|(n, rival)| {
            let rival = rival.clone().with_number(&format!("{round}-{}", SPELLINGS[n % 4]));
            let store = Store::clone(&store);
            tokio::spawn(async move { store.update(&rival, rival.version().into(), &stamp(1)).await })
        });
        let winner = the_winner(join_all(tasks.collect::<Vec<_>>()).await);
        assert_stored(&store, &winner).await;
        for loser in rivals.iter().filter(|rival| rival.id != winner.id) {
            assert_stored(&store, loser).await;
            assert_eq!(names(&history(&store, loser.number.as_str()).await), ["created"]);
        }
        assert_events_tell_the_orders(&store).await;
    }
}

/// The order of the one answer that is not `AlreadyExists`.
fn the_winner(answers: Vec<Result<Result<Order, StoreError>, tokio::task::JoinError>>) -> Order {
    let mut winners = Vec::new();
    for answer in answers {
        match answer.expect("no task panics") {
            Ok(order) => winners.push(order),
            loser => assert_taken(loser),
        }
    }
    assert_eq!(winners.len(), 1, "one of them wins");
    winners.remove(0)
}
