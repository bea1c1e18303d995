//! What goes in comes out.

use provesi_core::{Client, ClientName, ClientRepositoryExt, Expected, StoreError, Timestamp};

use crate::conformance::support::{Clients, assert_record, assert_refused};
use crate::data::{address, at, client, phone, with};

fn renamed(client: &Client) -> Client {
    with(client.clone(), |it| it.name = ClientName::parse("Bea").expect("a name"))
}

fn awkward() -> Client {
    with(client(1, "Ñandú 漢字 🚚 <b>'\"&\\%_ e\u{301}"), |it| {
        it.email = "O'Neil+ñandú@sub.example.co".parse().expect("an address");
        it.phone = phone("(+57) 300 ☎ '\"%_");
        it.address = address("Cra 7 # 1-23\r\nPiso \"2\"\t\\ 🚚\nx'); DROP TABLE clients; --");
    })
}

pub async fn every_field_comes_back_as_it_was_given(store: Clients) {
    for given in [awkward(), client(2, "Ana")] {
        store.insert(&given).await.expect("kept");
        assert_record(store.get(given.id).await, Some(&given));
    }
}

pub async fn the_longest_fields_come_back(store: Clients) {
    let local = "ñ".repeat(32);
    let given = with(client(1, &"🚚".repeat(100)), |it| {
        it.email = format!("{local}@{}com", "abcdefgh.".repeat(20)).parse().expect("an address");
        it.phone = phone(&"☎".repeat(20));
        it.address = address(&"漢".repeat(1_000));
    });
    store.insert(&given).await.expect("kept");
    assert_record(store.get(given.id).await, Some(&given));
}

pub async fn instants_come_back_to_the_millisecond(store: Clients) {
    let updated_at = Timestamp::from_micros(at(0).micros() + 123_000).expect("an instant");
    for (number, instant) in (1..).zip(["1996-07-04T00:00:00Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z"]) {
        let instant: Timestamp = instant.parse().expect("an instant");
        let given = with(client(number, "Ana"), |it| {
            it.created_at = instant;
            it.updated_at = updated_at;
        });
        assert_eq!(store.insert(&given).await.expect("kept"), given);
        assert_record(store.get(given.id).await, Some(&given));
    }
}

pub async fn what_is_finer_than_a_store_keeps_is_cut_and_told(store: Clients) {
    let micros = Timestamp::from_micros(at(0).micros() + 123_457).expect("an instant");
    let given = with(client(1, "Ana"), |it| {
        it.created_at = micros;
        it.updated_at = micros;
    });
    let kept = store.insert(&given).await.expect("kept");
    let cut = with(given.clone(), |it| {
        it.created_at = micros.to_millis();
        it.updated_at = micros.to_millis();
    });
    assert!(kept == given || kept == cut, "{kept:?}");
    assert_record(store.get(given.id).await, Some(&kept));
    // What it told is the version that it goes by.
    store.update(&renamed(&kept), kept.version().into(), at(5)).await.expect("changed");
}

pub async fn a_version_is_compared_as_it_comes_back(store: Clients) {
    let micros = |more| Timestamp::from_micros(at(0).micros() + more).expect("an instant");
    let first = store.insert(&with(client(1, "Ana"), |it| it.updated_at = micros(123))).await.expect("kept");
    for near in [micros(-123), micros(1_000)] {
        let near = with(first.clone(), |it| it.updated_at = near);
        let refused = store.update(&renamed(&first), near.version().into(), at(5)).await;
        assert_refused!(refused, StoreError::VersionConflict);
    }
    let after = store.update(&renamed(&first), first.version().into(), at(0)).await.expect("changed");
    assert_eq!(after.updated_at, at(1));
}

pub async fn an_update_replaces_every_field(store: Clients) {
    store.insert(&client(1, "Ana")).await.expect("kept");
    let changed = with(awkward(), |it| it.created_at = at(77));
    let after = store.update(&changed, Expected::Any, at(5)).await.expect("changed");
    // The instants of what is given do not count.
    assert_eq!(
        after,
        with(awkward(), |it| {
            it.created_at = at(0);
            it.updated_at = at(5);
        })
    );
    assert_record(store.get(after.id).await, Some(&after));
    let cleared = with(after, |it| {
        it.phone = None;
        it.address = None;
    });
    let after = store.update(&cleared, Expected::Any, at(6)).await.expect("changed");
    assert_eq!((after.phone.as_ref(), after.address.as_ref()), (None, None));
    assert_record(store.get(after.id).await, Some(&after));
}
