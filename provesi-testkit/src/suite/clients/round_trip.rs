//! What goes in comes out, to the letter.

use provesi_core::{Address, ClientFilter, ClientName, Email, Expected, Phone, Timestamp};

use super::support::{Store, all, assert_stored, insert, nth};
use crate::{EditClient, client, client_id, instant};

const AWKWARD: [&str; 12] = [
    "Ñandú Ágil Pérez-Gómez",
    "O'Brien & \"Hijos\" <b>",
    "100 % _real_ \\ barra",
    "😀 🚚 👩‍👩‍👧‍👦 🇨🇴",
    "漢字 かな 한국어 العربية עברית",
    " blanks around ",
    "e\u{301} decomposed and é composed",
    "NULL",
    "$1 ?1 :name {} %s",
    "-- ; drop table clients",
    "\u{feff}mark\u{200b}less\u{a0}blank",
    "İIıi ß ẞ Σς",
];

pub async fn every_field_comes_back_as_it_was_given(store: Store) {
    for (n, text) in (1..).zip(AWKWARD) {
        let phone: String = text.chars().take(Phone::MAX_CHARS).collect();
        let address = format!("{text}\nCalle 1 # 2-3\r\n\tApto 4");
        let email = format!("o'brien+{n}.ñ@Ejemplo-{n}.CO");
        let full = nth(n).with_name(text).with_phone(&phone).with_address(&address).with_email(&email);
        assert_stored(&store, &insert(&store, full).await).await;
        let bare = nth(n + 100).with_name(text);
        assert_stored(&store, &insert(&store, bare).await).await;
    }
    assert_eq!(store.count(&ClientFilter::default()).await.expect("count answers"), 24);
}

pub async fn the_longest_of_every_field_comes_back(store: Store) {
    for (n, letter) in (1..).zip(["x", "ñ", "漢", "🚚"]) {
        let longest = nth(n)
            .with_name(&letter.repeat(ClientName::MAX_CHARS))
            .with_phone(&letter.repeat(Phone::MAX_CHARS))
            .with_address(&letter.repeat(Address::MAX_CHARS))
            .with_email(&longest_email(n));
        assert_stored(&store, &insert(&store, longest).await).await;
    }
}

/// 64 bytes before the `@`, 63 in the longest label, 254 in all.
fn longest_email(n: u64) -> String {
    let local = format!("{n}{}", "L".repeat(63));
    let domain = format!("{0}.{0}.{1}.co", "d".repeat(63), "e".repeat(57));
    let email = format!("{local}@{domain}");
    let rest = Email::MAX_BYTES - email.len();
    email.replace(".co", &format!("{}.co", "e".repeat(rest.min(6))))
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
        let mut made = nth(n);
        (made.created_at, made.updated_at) = (at, at);
        assert_stored(&store, &insert(&store, made).await).await;
        let mut changed = nth(n + 100);
        (changed.created_at, changed.updated_at) = (instant(1), at);
        assert_stored(&store, &insert(&store, changed).await).await;
    }
}

pub async fn an_update_keeps_every_field(store: Store) {
    let mut current = insert(&store, nth(1).with_phone("1").with_address("here")).await;
    for (second, text) in (1..).zip(AWKWARD) {
        let phone: String = text.chars().take(Phone::MAX_CHARS).collect();
        let email = format!("n{second}.ñ'x@example.com");
        let full =
            current.with_name(text).with_phone(&phone).with_address(&format!("{text}\n{text}")).with_email(&email);
        let updated = store.update(&full, Expected::Any, instant(2 * second)).await.expect("the client is there");
        assert!(updated.same_content(&full) && updated.updated_at == instant(2 * second), "{updated:?}");
        assert_stored(&store, &updated).await;
        let bare = updated.clone().with_phone("").with_address("");
        current = store.update(&bare, Expected::Any, instant(2 * second + 1)).await.expect("the client is there");
        assert!(current.phone.is_none() && current.address.is_none(), "{current:?}");
        assert_stored(&store, &current).await;
    }
}

pub async fn an_unknown_id_is_none(store: Store) {
    insert(&store, nth(1)).await;
    assert_eq!(store.get(client_id(2)).await.expect("get answers"), None);
    assert_eq!(store.find_by_email(&client("Nadie").email).await.expect("find answers"), None);
}

pub async fn a_deleted_client_is_answered_as_it_was_and_found_no_more(store: Store) {
    let gone = insert(&store, nth(1).with_phone("300").with_address("Calle 1")).await;
    let kept = insert(&store, nth(2)).await;
    let deleted = store.delete(gone.id, Expected::Any).await.expect("the client is there");
    assert_eq!(deleted, gone);
    assert_eq!(store.get(gone.id).await.expect("get answers"), None);
    assert_eq!(store.find_by_email(&gone.email).await.expect("find answers"), None);
    assert_eq!(store.get_many(&[gone.id]).await.expect("get_many answers"), []);
    assert_eq!(all(&store).await, [kept]);
}

pub async fn the_store_answers_and_has_a_name(store: Store) {
    store.ping().await.expect("the store answers");
    assert!(!store.database().trim().is_empty());
    assert_eq!(all(&store).await, []);
    assert_eq!(store.count(&ClientFilter::default()).await.expect("count answers"), 0);
}
