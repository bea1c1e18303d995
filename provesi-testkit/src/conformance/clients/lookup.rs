//! Reads of known clients.

use provesi_core::{Client, ClientFilter, ClientQuery, ClientRepositoryExt};

use crate::conformance::support::Clients;
use crate::data::{client, with};

async fn keep(store: &Clients, count: u64) -> Vec<Client> {
    let clients: Vec<_> = (0..count).map(|number| client(number, "Ana")).collect();
    for client in &clients {
        store.insert(client).await.expect("kept");
    }
    clients
}

pub async fn a_client_is_found_by_email_in_any_letter_case(store: Clients) {
    let given = with(client(1, "Ana"), |it| it.email = "Ñandú@example.com".parse().expect("an address"));
    store.insert(&given).await.expect("kept");
    for email in ["Ñandú@example.com", "ñANDÚ@EXAMPLE.com"] {
        let found = store.find_by_email(&email.parse().expect("an address")).await.expect("read");
        assert_eq!(found.as_ref(), Some(&given), "{email}");
    }
    // Accents are not letter case.
    for email in ["nandu@example.com", "and@example.com"] {
        assert_eq!(store.find_by_email(&email.parse().expect("an address")).await.expect("read"), None, "{email}");
    }
}

pub async fn counts_agree_with_the_filter(store: Clients) {
    keep(&store, 12).await;
    assert_eq!(store.count(&ClientFilter::default()).await.expect("counted"), 12);
    let mut filter = ClientFilter { query: ClientQuery::parse("cliente-1").ok() };
    assert_eq!(store.count(&filter).await.expect("counted"), 3);
    filter.query = ClientQuery::parse("nadie").ok();
    assert_eq!(store.count(&filter).await.expect("counted"), 0);
}

pub async fn the_store_answers_and_has_a_name(store: Clients) {
    store.ping().await.expect("it answers");
    assert!(!store.database().trim().is_empty(), "the database has a name for health reports");
}
