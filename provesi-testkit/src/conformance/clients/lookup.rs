//! Reads of known clients.

use provesi_core::{Client, ClientFilter, ClientId, ClientQuery, ClientRepositoryExt};

use crate::conformance::support::Clients;
use crate::data::{client, client_id, with};

async fn keep(store: &Clients, count: u64) -> Vec<Client> {
    let clients: Vec<_> = (0..count).map(|number| client(number, "Ana")).collect();
    for client in &clients {
        store.insert(client).await.expect("kept");
    }
    clients
}

fn sorted(mut clients: Vec<Client>) -> Vec<Client> {
    clients.sort_by_key(|client| client.id);
    clients
}

/// Case.
pub async fn get_many_gives_each_known_client_once(store: Clients) {
    let kept = keep(&store, 3).await;
    let asked = [2, 0, 99, 2, 2, 98, 0].map(client_id);
    let found = sorted(store.find_by_ids(&asked).await.expect("read"));
    assert_eq!(found, [kept[0].clone(), kept[2].clone()]);
    assert_eq!(store.existing(&asked).await.expect("read"), [0, 2].map(client_id).into());
}

/// Case.
pub async fn get_many_of_none_is_empty(store: Clients) {
    keep(&store, 1).await;
    assert_eq!(store.find_by_ids(&[]).await.expect("read"), []);
    assert_eq!(store.find_by_ids(&[client_id(7)]).await.expect("read"), []);
    assert_eq!(store.existing(&[]).await.expect("read"), [].into());
}

/// Case.
pub async fn get_many_takes_a_thousand(store: Clients) {
    let kept = keep(&store, 40).await;
    let asked: Vec<ClientId> = (0..1_000).map(client_id).collect();
    assert_eq!(sorted(store.find_by_ids(&asked).await.expect("read")), kept);
}

/// Case.
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

/// Case.
pub async fn counts_agree_with_the_filter(store: Clients) {
    keep(&store, 12).await;
    assert_eq!(store.count(&ClientFilter::default()).await.expect("counted"), 12);
    let mut filter = ClientFilter { query: ClientQuery::parse("cliente-1").ok() };
    assert_eq!(store.count(&filter).await.expect("counted"), 3);
    filter.query = ClientQuery::parse("nadie").ok();
    assert_eq!(store.count(&filter).await.expect("counted"), 0);
}

/// Case.
pub async fn the_store_answers_and_has_a_name(store: Clients) {
    store.ping().await.expect("it answers");
    assert!(!store.database().trim().is_empty(), "the database has a name for health reports");
}
