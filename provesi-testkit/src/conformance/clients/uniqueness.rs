//! One client for each id and each e-mail address.

use provesi_core::{Client, ClientRepositoryExt, Email, Expected, StoreError, UniqueField};

use crate::conformance::support::{Clients, all_clients, assert_record, assert_records, assert_refused};
use crate::data::{at, client, with};

fn with_email(number: u64, email: &str) -> Client {
    with(client(number, "Ana"), |it| it.email = email.parse().expect("an address"))
}

pub async fn an_id_is_taken_once(store: Clients) {
    let first = with_email(1, "a@example.com");
    store.insert(&first).await.expect("kept");
    let second = store.insert(&with_email(1, "b@example.com")).await;
    assert_refused!(second, StoreError::AlreadyExists { field: UniqueField::ClientId });
    assert_records(&all_clients(&store).await, &[first], "clients");
}

pub async fn an_email_is_taken_in_any_letter_case_at_insert(store: Clients) {
    let first = with_email(1, "Ñandú.x@Example.com");
    store.insert(&first).await.expect("kept");
    for (number, email) in (2..).zip(["Ñandú.x@example.com", "ñandú.x@example.com", "ÑANDÚ.X@EXAMPLE.COM"]) {
        let refused = store.insert(&with_email(number, email)).await;
        assert_refused!(refused, StoreError::AlreadyExists { field: UniqueField::Email });
    }
    assert_records(&all_clients(&store).await, &[first], "clients");
}

pub async fn an_email_is_taken_in_any_letter_case_at_update(store: Clients) {
    let (first, second) = (with_email(1, "a@example.com"), with_email(2, "b@example.com"));
    store.insert(&first).await.expect("kept");
    store.insert(&second).await.expect("kept");
    let changed = with(with_email(1, "A@example.com"), |it| it.id = second.id);
    let refused = store.update(&changed, Expected::Any, at(5)).await;
    assert_refused!(refused, StoreError::AlreadyExists { field: UniqueField::Email });
    assert_record(store.get(second.id).await, Some(&second));
    assert_record(store.get(first.id).await, Some(&first));
}

pub async fn the_own_email_may_change_its_letter_case(store: Clients) {
    let first = with_email(1, "ana@example.com");
    store.insert(&first).await.expect("kept");
    let upper: Email = "ANA@example.com".parse().expect("an address");
    let changed = with(first, |it| it.email = upper.clone());
    let after = store.update(&changed, Expected::Any, at(5)).await.expect("changed");
    assert_eq!((&after.email, after.updated_at), (&upper, at(5)));
    assert_record(store.get(after.id).await, Some(&after));
}

pub async fn a_deleted_client_frees_its_email(store: Clients) {
    let first = with_email(1, "ana@example.com");
    store.insert(&first).await.expect("kept");
    store.delete(first.id, Expected::Any).await.expect("deleted");
    let second = with_email(2, "ANA@example.com");
    store.insert(&second).await.expect("the address is free");
    assert_records(&all_clients(&store).await, &[second], "clients");
}
