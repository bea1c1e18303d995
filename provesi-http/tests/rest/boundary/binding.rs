//! Messages say for which request they were made, and are taken for no other.

use std::sync::Arc;

use provesi_crypto::{Binding, Expected, MemoryReplayGuard, Nonce, Seal, SealedMessage, SecureMessages, SystemClock};
use provesi_http::boundary::{Boundary, ServiceTokens};
use provesi_http::client::{SecureServiceClient, ServiceError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{INTERNAL, NOT_OPENED, Peer, TOKEN, name, order};
use crate::support::Bench;

impl Peer {
    fn messages(&self) -> SecureMessages {
        SecureMessages::new(Arc::new(self.keys()), Arc::new(SystemClock), Arc::new(MemoryReplayGuard::new(9)))
    }

    /// A message from `source` to `destination`, made for one request or response.
    fn bound(&self, source: &str, destination: &str, data: &Value, binding: &Binding<'_>) -> SealedMessage {
        let seal = Seal { source: &name(source), destination: &name(destination), data };
        self.messages().seal_bound(&seal, binding).unwrap()
    }

    fn for_request(&self, method: &str, path: &str, data: &Value) -> String {
        self.bound("orders", "orders", data, &Binding::Request { method, path }).token
    }

    fn strict_bench(&self) -> Bench {
        self.bench_with(|options| options.boundary = self.boundary().with_strict_messages(true))
    }
}

#[tokio::test]
async fn a_message_is_taken_at_its_own_method_and_path_alone() {
    let peer = Peer::new();
    for bench in [peer.bench(), peer.strict_bench()] {
        let made =
            bench.encrypted("POST", "/api/orders/", &peer.for_request("POST", "/api/orders/", &order("A-1"))).await;
        assert_eq!(made.status, 201);
        // Somebody between the two sends it to another path, or as another method.
        let elsewhere = peer.for_request("POST", "/api/orders/", &json!({"status": "shipped"}));
        bench.encrypted("PUT", "/api/orders/A-1", &elsewhere).await.is(400, NOT_OPENED);
        let other_method = peer.for_request("DELETE", "/api/orders/A-1", &json!({"status": "shipped"}));
        bench.encrypted("PUT", "/api/orders/A-1", &other_method).await.is(400, NOT_OPENED);
        let other_order = peer.for_request("PUT", "/api/orders/A-2", &json!({"status": "shipped"}));
        bench.encrypted("PUT", "/api/orders/A-1", &other_order).await.is(400, NOT_OPENED);
        let without_query = peer.for_request("POST", "/api/orders/", &order("A-2"));
        bench.encrypted("POST", "/api/orders/?x=1", &without_query).await.is(400, NOT_OPENED);
        let with_query = peer.for_request("POST", "/api/orders/?x=1", &order("A-2"));
        assert_eq!(bench.encrypted("POST", "/api/orders/?x=1", &with_query).await.status, 201);
        let order = bench.get("/api/orders/A-1").await.json();
        assert_eq!(order["data"]["status"], "received");
    }
}

#[tokio::test]
async fn a_message_that_names_no_request_is_refused_where_all_must() {
    let peer = Peer::new();
    let made = peer.bench().encrypted("POST", "/api/orders/", &peer.sealed("orders", "orders", &order("A-1"))).await;
    assert_eq!(made.status, 201);
    let bench = peer.strict_bench();
    bench.encrypted("POST", "/api/orders/", &peer.sealed("orders", "orders", &order("A-1"))).await.is(400, NOT_OPENED);
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
}

/// The answer to `source` of a bench that knows `clients` as a service as well, as its message.
async fn answer_message(bench: &Bench, path: &str) -> String {
    let answer = bench.internal("GET", path, &[("x-encrypt-response", "true")], "").await;
    answer.json()["encrypted"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn our_own_answer_is_no_request() {
    let peer = Peer::new();
    let tokens = ServiceTokens::parse(&format!("orders={TOKEN},clients=token-of-the-clients-service")).unwrap();
    let bench = peer.bench_with(|options| options.boundary = Boundary::new(tokens.clone()).with_keys(peer.keys()));
    let clients = [("x-microservice-source", "clients"), ("x-service-token", "token-of-the-clients-service")];
    // From "clients" to "orders": source and destination are those of a request of "clients" to the orders.
    let answer = answer_message(&bench, "/api/clients/").await;
    let reflected = [&clients[..], &[("x-encrypted-payload", "true")]].concat();
    bench.call("POST", "/api/orders/", &reflected, answer.clone()).await.is(400, NOT_OPENED);
    // It is the direction alone: the keys open it, and a message of the same data is a request like others.
    let (from, to) = (name("clients"), name("orders"));
    let message = peer.messages().open(&answer, &Expected::at(&to).sent_by(&from)).unwrap();
    let sent = peer.sealed("clients", "orders", &message.data().unwrap());
    assert_eq!(bench.call("POST", "/api/orders/", &reflected, sent).await.status, 422);
}

#[tokio::test]
async fn an_answer_names_the_message_that_it_replies_to() {
    let peer = Peer::new();
    let bench = peer.bench();
    let asked = |number: &str| {
        let binding = Binding::Request { method: "POST", path: "/api/orders/" };
        peer.bound("orders", "orders", &order(number), &binding)
    };
    let headers = [("x-encrypted-payload", "true"), ("x-encrypt-response", "true")];
    let opens_as = |token: &str, in_reply_to: Option<Nonce>| {
        let orders = name("orders");
        let binding = Binding::Response { in_reply_to };
        let expected = Expected::at(&orders).sent_by(&orders).bound_to(binding).strict(true);
        peer.messages().open(token, &expected).is_ok()
    };
    let (one, other) = (asked("A-1"), asked("A-2"));
    let answer = bench.internal("POST", "/api/orders/", &headers, &one.token).await;
    let token = answer.json()["encrypted"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 201);
    assert!(opens_as(&token, Some(one.nonce)) && !opens_as(&token, Some(other.nonce)) && !opens_as(&token, None));
    // A message that was not opened has no name to give.
    let refused = bench.internal("POST", "/api/orders/", &headers, &one.token).await;
    assert_eq!(refused.status, 400);
    assert!(opens_as(refused.json()["encrypted"].as_str().unwrap(), None));
}

/// A service between the client and the other side that answers what it likes.
async fn answering(
    peer: &Arc<Peer>,
    answer: impl Fn(&Peer, Nonce) -> String + Clone + Send + Sync + 'static,
) -> SecureServiceClient {
    let between = Arc::clone(peer);
    let handler = move |body: String| async move {
        let (clients, orders) = (name("clients"), name("orders"));
        let asked = between.messages().open(&body, &Expected::at(&clients).sent_by(&orders)).unwrap();
        json!({ "encrypted": answer(&between, asked.nonce()) }).to_string()
    };
    let router = axum::Router::new().fallback(handler);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    SecureServiceClient::new(&base, name("orders"), name("clients"), TOKEN, peer.keys()).unwrap()
}

#[tokio::test]
async fn the_client_takes_the_answer_to_its_own_question_alone() {
    let peer = Arc::new(Peer::new());
    let nobody = "6b050af58b3059b0f61239f2";
    let says = json!({"response": json!({"clients": [], "missing": [nobody], "unreadable": []}).to_string()});
    let id = nobody.parse().unwrap();
    let data = says.clone();
    let right = answering(&peer, move |peer, nonce| {
        peer.bound("clients", "orders", &data, &Binding::Response { in_reply_to: Some(nonce) }).token
    });
    assert_eq!(right.await.with_strict_messages(true).get_client(id).await.unwrap(), None);
    // The answer to another question, and the answer to one without a message.
    let data = says.clone();
    let to_another = answering(&peer, move |peer, _| {
        let other = peer.bound("orders", "clients", &json!({}), &Binding::Response { in_reply_to: None }).nonce;
        peer.bound("clients", "orders", &data, &Binding::Response { in_reply_to: Some(other) }).token
    });
    assert!(matches!(to_another.await.get_client(id).await, Err(ServiceError::Open(_))));
    // A question as an answer.
    let data = says.clone();
    let question = answering(&peer, move |peer, _| {
        let binding = Binding::Request { method: "POST", path: "/clients/api/v1/lookup/" };
        peer.bound("clients", "orders", &data, &binding).token
    });
    assert!(matches!(question.await.get_client(id).await, Err(ServiceError::Open(_))));
    // Services of earlier versions name no question.
    let earlier = answering(&peer, move |peer, _| peer.sealed("clients", "orders", &says)).await;
    assert_eq!(earlier.get_client(id).await.unwrap(), None);
    assert!(matches!(earlier.with_strict_messages(true).get_client(id).await, Err(ServiceError::Open(_))));
}

#[tokio::test]
async fn a_client_and_a_service_that_take_bound_messages_alone_understand_each_other() {
    let peer = Peer::new();
    let bench = peer.strict_bench();
    let ana = bench.client("Ana", "ana@example.com").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = bench.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = SecureServiceClient::new(&base, name("orders"), name("clients"), INTERNAL[1].1, peer.keys()).unwrap();
    let found = client.with_strict_messages(true).get_client(ana.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.row.email, "ana@example.com");
}
