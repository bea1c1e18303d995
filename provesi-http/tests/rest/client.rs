//! The client for the services of another process, over a connection of its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use provesi_core::{
    ClientId, ClientKey, ClientListing, ClientRepository, ClientRepositoryExt, ClientRow, ClientWrite, Email,
    PageLimit, PageRequest, StoreError,
};
use provesi_http::client::{SecureServiceClient, ServiceError};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::boundary::{Peer, TOKEN, name};
use crate::support::Bench;

struct Two {
    peer: Peer,
    bench: Bench,
    address: SocketAddr,
}

impl Two {
    async fn start() -> Self {
        let peer = Peer::new();
        let bench = peer.bench();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = bench.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { peer, bench, address }
    }

    fn client(&self, destination: &str) -> SecureServiceClient {
        self.client_at(self.address, destination)
    }

    fn client_at(&self, address: SocketAddr, destination: &str) -> SecureServiceClient {
        let base = format!("http://{address}");
        SecureServiceClient::new(&base, name("orders"), name(destination), TOKEN, self.peer.keys()).unwrap()
    }
}

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

#[tokio::test]
async fn clients_are_those_of_the_other_side() {
    let two = Two::start().await;
    let ana = two.bench.client("Ana Núñez", "ana@example.com").await;
    let luz = two.bench.client("Luz", "luz@example.com").await;
    let nobody = id("6b050af58b3059b0f61239f2");
    let clients = two.client("clients");
    let found = clients.get_client(id(&ana)).await.unwrap().unwrap();
    assert_eq!(found.record.as_ref().ok(), two.bench.app.clients().get(id(&ana)).await.unwrap().as_ref());
    assert_eq!(clients.get_client(nobody).await.unwrap(), None);
    let many = clients.existing(&[id(&ana), nobody, id(&luz), id(&ana)]).await.unwrap();
    assert_eq!(many.into_iter().collect::<BTreeSet<_>>(), [id(&ana), id(&luz)].into());
    assert!(clients.existing(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_of_both_kinds_are_answered_at_their_positions() {
    let two = Two::start().await;
    let ana = id(&two.bench.client("Ana", "ana@example.com").await);
    let luz = id(&two.bench.client("Luz", "luz@example.com").await);
    let email = |text: &str| ClientKey::Email(text.parse().unwrap());
    let nobody = ClientKey::Id(id("6b050af58b3059b0f61239f2"));
    let keys = [ClientKey::Id(luz), email("ANA@example.com"), nobody, email("na@example.com"), ClientKey::Id(luz)];
    let clients = two.client("clients");
    let rows: Vec<_> = clients.get_many(&keys).await.into_iter().map(|row| row.unwrap().map(|row| row.id)).collect();
    assert_eq!(rows, [Some(luz), Some(ana), None, None, Some(luz)]);
    assert!(clients.get_many(&[]).await.is_empty());
}

#[tokio::test]
async fn an_unreadable_record_is_corrupt_and_a_missing_one_is_none() {
    let peer = Arc::new(Peer::new());
    let (unreadable, missing) = ("6b050af58b3059b0f61239f2", "6b050af58b3059b0f61239f3");
    let answer = json!({"clients": [], "missing": [missing], "unreadable": [unreadable]}).to_string();
    let between = Arc::clone(&peer);
    let router = axum::Router::new().fallback(move || async move {
        json!({"encrypted": between.sealed("clients", "orders", &json!({"response": answer}))}).to_string()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let clients = SecureServiceClient::new(&base, name("orders"), name("clients"), TOKEN, peer.keys()).unwrap();
    let keys = [missing, unreadable, missing].map(|text| ClientKey::Id(id(text)));
    let rows = clients.get_many(&keys).await;
    assert!(matches!(rows[..], [Ok(None), Err(StoreError::Corrupt { .. }), Ok(None)]), "{rows:?}");
}

#[tokio::test]
async fn what_does_not_fit_into_one_message_comes_in_several() {
    let two = Two::start().await;
    let mut ids = Vec::new();
    for number in 0..700 {
        let body = json!({"name": format!("C {number:03}"), "email": format!("c{number}@example.com"), "address": "ñ".repeat(1_000)});
        let made = two.bench.post("/api/clients/", &body.to_string()).await;
        ids.push(id(made.json()["data"]["id"].as_str().unwrap()));
    }
    let clients = two.client("clients");
    assert_eq!(clients.existing(&ids).await.unwrap().len(), 700);
    // And page by page, as any other store.
    let listing = ClientListing::default();
    let first = clients.page(&listing, &PageRequest::first(PageLimit::new(250).unwrap())).await.unwrap();
    let last = PageRequest { limit: PageLimit::MAX, after: first.next };
    let last = clients.page(&listing, &last).await.unwrap();
    assert_eq!((first.items.len(), last.items.len(), last.next), (250, 450, None));
    assert_eq!((first.items[249].name.as_str(), last.items[0].name.as_str()), ("C 249", "C 250"));
    let found = clients.find_by_email(&Email::parse("C77@example.com").unwrap()).await.unwrap().unwrap();
    assert_eq!(found.name.as_str(), "C 077");
    assert!(clients.find_by_email(&Email::parse("7@example.com").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so() {
    let two = Two::start().await;
    let (base, orders, clients) = (format!("http://{}", two.address), name("orders"), name("clients"));
    let with = |source, token, keys| SecureServiceClient::new(&base, source, clients.clone(), token, keys).unwrap();
    let nobody = id("6b050af58b3059b0f61239f2");
    let stranger = with(orders.clone(), "another-token-than-that", two.peer.keys());
    assert!(matches!(stranger.get_client(nobody).await, Err(ServiceError::Refused)));
    let pretender = with(name("other"), TOKEN, two.peer.keys());
    assert!(matches!(pretender.get_client(nobody).await, Err(ServiceError::Refused)));
    let spy = with(orders, TOKEN, Peer::new().keys());
    assert!(matches!(spy.get_client(nobody).await, Err(ServiceError::Open(_))));
    let told = format!("{:?}", two.client("clients"));
    assert!(told.contains("clients") && !told.contains(TOKEN), "{told}");
}

#[tokio::test]
async fn a_store_that_is_down_over_there_is_down_here_and_writes_are_not_offered() {
    let two = Two::start().await;
    let ana = id(&two.bench.client("Ana", "ana@example.com").await);
    let clients = two.client("clients");
    let found = clients.get(ana).await.unwrap().unwrap();
    clients.ping().await.unwrap();
    two.bench.clients.fail_all();
    assert!(matches!(clients.get(ana).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(clients.existing(&[ana]).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(clients.ping().await, Err(StoreError::Unavailable { .. })));
    two.bench.clients.clear();
    assert!(clients.get(ana).await.unwrap().is_some());
    let before = ClientRow::from(&found);
    let outcomes = clients.commit(&[ClientWrite::Insert(found), ClientWrite::Delete { before }]).await;
    assert!(matches!(outcomes[..], [Err(StoreError::Backend { .. }), Err(StoreError::Backend { .. })]), "{outcomes:?}");
    assert!(clients.get(ana).await.unwrap().is_some());
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more() {
    let two = Two::start().await;
    let ana = id(&two.bench.client("Ana", "ana@example.com").await);
    for (broken, answers) in [(1, true), (2, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clients = two.client_at(listener.local_addr().unwrap(), "clients");
        let upstream = two.address;
        tokio::spawn(async move {
            for _ in 0..broken {
                let (mut stream, _) = listener.accept().await.unwrap();
                // The question is read, so that what breaks is the answer.
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16_384]).await;
            }
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut upstream = TcpStream::connect(upstream).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
        });
        let found = clients.get_client(ana).await;
        assert_eq!(found.is_ok(), answers, "{found:?}");
        assert!(answers || matches!(found, Err(ServiceError::Unreachable(_))), "{found:?}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let two = Two::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clients = two.client_at(listener.local_addr().unwrap(), "clients");
    let started = Instant::now();
    assert!(matches!(clients.check().await, Err(ServiceError::TimedOut)));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
