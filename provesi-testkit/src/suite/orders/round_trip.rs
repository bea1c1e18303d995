//! What goes in comes out, to the letter.

use std::collections::BTreeSet;

use provesi_core::{
    ClientId, EventKind, Expected, NewOrder, Order, OrderFilter, OrderId, OrderNumber, OrderState, OrderStatus,
    ReturnReason, Timestamp,
};

use super::support::{Store, all, assert_stored, feed, history, insert};
use crate::{EditOrder, client_id, instant, number, order, returned, stamp};

const REASONS: [&str; 9] = [
    "Caja dañada: ñ á É ü",
    "O'Brien dijo \"no\" & <b>se fue</b>",
    "línea uno\nlínea dos\r\n\tcon tabulador",
    "100 % _real_ \\ barra",
    "😀 🚚 👩‍👩‍👧‍👦 🇨🇴",
    " blanks around ",
    "NULL",
    "$1 ?1 :name {} %s -- ; drop table orders",
    "e\u{301} and é, \u{feff}mark\u{200b}less\u{a0}blank",
];

pub async fn every_field_comes_back_as_it_was_given(store: Store) {
    for (n, reason) in (1..).zip(REASONS) {
        let new = order(&format!("Ord-{n}")).of(client_id(n)).with_state(returned(reason, 5));
        let new = NewOrder { created_at: instant(1), updated_at: instant(2), ..new };
        let kept = store.insert(&new, &stamp(9)).await.expect("the number is free");
        assert_eq!(kept, new.clone().with_id(kept.id));
        assert_stored(&store, &kept).await;
        let events = history(&store, new.number.as_str()).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, EventKind::created(&new), "the event keeps the reason as well");
    }
    for client in [[0; 12], [0xff; 12]].map(ClientId::from_bytes) {
        let kept = insert(&store, order(&format!("C-{client}")).of(client)).await;
        assert_stored(&store, &kept).await;
    }
    for text in ["0", "007", "7", "-", "--", "a-B-c", "1e5", "NULL", "z"] {
        assert_stored(&store, &insert(&store, order(text)).await).await;
    }
}

pub async fn the_longest_of_every_field_comes_back(store: Store) {
    for (n, letter) in (1..).zip(["x", "ñ", "漢", "🚚"]) {
        let text = format!("{n}{}", "N".repeat(OrderNumber::MAX_CHARS - 1));
        let new = order(&text).with_state(returned(&letter.repeat(ReturnReason::MAX_CHARS), 0));
        assert_stored(&store, &insert(&store, new.clone()).await).await;
        assert_eq!(history(&store, &text).await[0].kind, EventKind::created(&new));
    }
}

pub async fn instants_come_back_to_the_microsecond(store: Store) {
    let instants = [
        "2026-11-24T03:56:37.613823Z",
        "1996-02-29T23:59:59.999999Z",
        "1969-12-31T23:59:59.000001Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00Z",
    ];
    for (n, text) in (1..).zip(instants) {
        let at: Timestamp = text.parse().expect("the instant is one");
        let reason = ReturnReason::parse("roto").ok();
        let state = OrderState::new(OrderStatus::Returned, reason, at).expect("there is a reason");
        let new = NewOrder { created_at: at, updated_at: at, ..order(&format!("A-{n}")).with_state(state) };
        let mut stamp = stamp(0);
        stamp.at = at;
        let kept = store.insert(&new, &stamp).await.expect("the number is free");
        assert_eq!(kept, new.clone().with_id(kept.id));
        assert_stored(&store, &kept).await;
        assert_eq!(feed(&store).await.last().map(|event| event.at), Some(at));
        let changed = NewOrder { updated_at: at, ..order(&format!("B-{n}")) };
        assert_stored(&store, &insert(&store, changed).await).await;
    }
}

pub async fn every_status_comes_back(store: Store) {
    for status in OrderStatus::ALL {
        let state = match status {
            OrderStatus::Returned => returned("roto", 0),
            _ => crate::state(status),
        };
        let kept = insert(&store, order(status.as_str()).with_state(state.clone())).await;
        assert_eq!(kept.state, state);
        assert_stored(&store, &kept).await;
    }
}

pub async fn a_return_without_a_reason_comes_back_as_one(store: Store) {
    let bare = OrderState::restore(OrderStatus::Returned, None);
    let kept = insert(&store, order("A-1").with_state(bare.clone())).await;
    assert_eq!(kept.state, bare);
    assert_stored(&store, &kept).await;
}

pub async fn an_update_keeps_every_field(store: Store) {
    let mut current = insert(&store, order("A-1")).await;
    for (second, reason) in (1..).zip(REASONS) {
        let text = format!("Ord-{second}");
        let full = current.with_number(&text).of(client_id(7)).with_state(returned(reason, second));
        let updated = store.update(&full, Expected::Any, &stamp(2 * second)).await.expect("the order is there");
        assert_eq!(updated, Order { updated_at: instant(2 * second), ..full });
        assert_stored(&store, &updated).await;
        let bare = updated.with_status(OrderStatus::Picking).of(None);
        current = store.update(&bare, Expected::Any, &stamp(2 * second + 1)).await.expect("the order is there");
        assert_eq!(current, Order { updated_at: instant(2 * second + 1), ..bare });
        assert_stored(&store, &current).await;
    }
    assert_eq!(all(&store).await, [current]);
}

pub async fn ids_are_positive_and_never_those_of_deleted_orders(store: Store) {
    let mut given = BTreeSet::new();
    for round in 0..6 {
        let mut kept = Vec::new();
        for n in 0..4 {
            let made = insert(&store, order(&format!("A-{n}"))).await;
            assert!(made.id.get() > 0, "{:?}", made.id);
            assert!(given.insert(made.id), "{:?} was given before", made.id);
            kept.push(made);
        }
        // The highest id first in every other round: what a store would give again if it took the highest plus one.
        if round % 2 == 0 {
            kept.reverse();
        }
        for made in kept {
            store.delete(made.id, Expected::Any, &stamp(1)).await.expect("the order is there");
        }
    }
    assert_eq!(all(&store).await, []);
}

pub async fn an_unknown_order_is_none(store: Store) {
    let kept = insert(&store, order("A-1")).await;
    for id in [kept.id.get() + 1_000, 0, -1, i64::MAX, i64::MIN] {
        assert_eq!(store.get(OrderId::new(id)).await.expect("get answers"), None, "{id}");
    }
    for text in ["A-2", "A", "A-11", "-1"] {
        assert_eq!(store.find_by_number(&number(text)).await.expect("find answers"), None, "{text}");
    }
}

pub async fn a_deleted_order_is_answered_as_it_was_and_found_no_more(store: Store) {
    let gone = insert(&store, order("A-1").of(client_id(1)).with_state(returned("roto", 0))).await;
    let kept = insert(&store, order("A-2")).await;
    assert_eq!(store.delete(gone.id, Expected::Any, &stamp(1)).await.expect("the order is there"), gone);
    assert_eq!(store.get(gone.id).await.expect("get answers"), None);
    assert_eq!(store.find_by_number(&gone.number).await.expect("find answers"), None);
    assert_eq!(store.find_by_numbers(&[gone.number]).await.expect("find answers"), []);
    assert_eq!(all(&store).await, [kept]);
}

pub async fn the_store_answers_and_has_a_name(store: Store) {
    store.ping().await.expect("the store answers");
    assert!(!store.database().trim().is_empty());
    assert_eq!(all(&store).await, []);
    assert_eq!(feed(&store).await, []);
    assert_eq!(store.count(&OrderFilter::default()).await.expect("count answers"), 0);
}
