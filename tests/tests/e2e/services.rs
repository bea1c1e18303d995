//! Orders and clients as two processes, and somebody between them.

mod proxy;
mod tls;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use provesi_crypto::{KeyRing, Keys};
use provesi_testkit::servers::wanted;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::Place;
use crate::server::Server;
use proxy::{Proxy, head_end, say, with_body, with_head};

const TOKEN: &str = "token-of-the-orders-service";
const KEYS: [(&str, &str); 2] = [
    ("MICROSERVICE_AES_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ("MICROSERVICE_HMAC_KEY", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="),
];

/// Clients here, orders there, and a proxy between them.
struct Two {
    clients: Server,
    orders: Server,
    proxy: Proxy,
}

impl Two {
    /// None where SQLite is left out by name.
    async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// With these variables, in addition, of both.
    async fn start_with(variables: &[(&'static str, &str)]) -> Option<Self> {
        if !wanted("sqlite") {
            return None;
        }
        let proxy = Proxy::start().await;
        let named = format!("orders={TOKEN}");
        let place = Place::sqlite().await.with_variables(&KEYS).with_variables(&[("PROVESI_SERVICE_TOKENS", &named)]);
        let place = place.with_variables(variables);
        let clients = Server::start(place).await;
        proxy.lead_to(Some(clients.address));
        let mut place = Place::sqlite().await.with_variables(&KEYS).with_variables(&[("PROVESI_CLIENTS_TOKEN", TOKEN)]);
        place = place.with_variables(variables);
        place.clients = format!("http://{}", proxy.address);
        let orders = Server::start(place).await;
        Some(Self { clients, orders, proxy })
    }

    /// A client of this name and e-mail address.
    async fn client(&self, name: &str, email: &str) -> String {
        let (status, body) = self.clients.post("/api/clients/", &json!({"name": name, "email": email})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["data"]["id"].as_str().unwrap().to_owned()
    }

    async fn order(&self, number: &str, client: &str) -> (StatusCode, Value) {
        self.orders.post("/api/orders/", &json!({"order_number": number, "client_id": client})).await
    }

    /// Nothing of a client is to be had, which is told as that, and nothing is written that needs one.
    async fn nobody_is_known(&self, order: &str, client: &str, why: &str) {
        let read = self.orders.get(&format!("/api/orders/{order}")).await;
        assert_eq!(
            (&read["data"]["client"], &read["warnings"]),
            (&Value::Null, &json!(["clients_unavailable"])),
            "{why}"
        );
        let made = self.order("X-1", client).await;
        assert!(made.0.is_server_error(), "{why}: {made:?}");
        assert_eq!(self.orders.call(Method::GET, "/api/orders/X-1", &Value::Null).await.0, StatusCode::NOT_FOUND);
    }

    async fn everybody_is_known(&self, order: &str) {
        let read = self.orders.get(&format!("/api/orders/{order}")).await;
        assert_eq!((&read["data"]["client"]["name"], read.get("warnings")), (&json!("Ana Núñez"), None), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_know_the_clients_of_another_process_and_nothing_readable_passes() {
    let Some(two) = Two::start().await else { return };
    let ana = two.client("Ana Núñez", "ana@example.com").await;
    let luz = two.client("Luz Marina", "luz@example.com").await;
    assert_eq!(two.order("A-1", &ana).await.0, StatusCode::CREATED);
    assert_eq!(two.order("A-2", &luz.to_uppercase()).await.0, StatusCode::CREATED);
    two.everybody_is_known("A-1").await;
    let list = two.orders.get("/api/orders/").await;
    let emails: Vec<_> = list["data"].as_array().unwrap().iter().map(|order| &order["client"]["email"]).collect();
    assert_eq!(emails, ["luz@example.com", "ana@example.com"]);
    let gone = two.order("A-3", "6b050af58b3059b0f61239f2").await;
    assert_eq!((gone.0, &gone.1["detail"]), (StatusCode::BAD_REQUEST, &json!("Cliente no encontrado")));
    let found = two.orders.get("/api/clients/?q=ana@&limit=10").await;
    assert_eq!(found["data"][0]["orders_count"], 1, "{found}");
    let read = two.orders.get(&format!("/api/clients/{ana}")).await;
    let original = two.clients.get(&format!("/api/clients/{ana}")).await;
    assert_eq!(read["data"]["updated_at"], original["data"]["updated_at"]);
    let health = two.orders.get("/api/health").await;
    assert_eq!(health["services"]["clients"], json!({"status": "ok", "database": "service clients"}));
    assert_eq!(health["services"]["security"], json!({"status": "ok", "crypto": "working"}));
    // Clients are written where they are.
    let change = two.orders.put(&format!("/api/clients/{ana}"), &json!({"name": "Otra"})).await;
    assert_eq!(change.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(two.orders.delete(&format!("/api/clients/{ana}")).await.0, StatusCode::INTERNAL_SERVER_ERROR);

    let passed = two.proxy.passed();
    assert!(passed.len() >= 8, "{}", passed.len());
    for message in passed.iter().flat_map(|(question, answer)| [question, answer]) {
        let text = String::from_utf8_lossy(message).to_lowercase();
        // None of these can be in base64 by chance.
        for readable in ["ana n", "núñez", "luz marina", "example.com", "@", "\"data\"", "\"ids\"", &ana, &luz, "a-1"]
        {
            assert!(!text.contains(readable), "{readable}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_on_the_way_is_refused() {
    let Some(two) = Two::start().await else { return };
    let ana = two.client("Ana Núñez", "ana@example.com").await;
    assert_eq!(two.order("A-1", &ana).await.0, StatusCode::CREATED);
    /// Where in a body of so many bytes.
    type At = fn(usize) -> usize;
    let flipped = |message: Vec<u8>, at: At| {
        let start = head_end(&message).unwrap();
        let mut body = message[start..].to_vec();
        let at = at(body.len());
        body[at] = if body[at] == b'A' { b'B' } else { b'A' };
        with_body(&message, &body)
    };
    let places: [(&str, At); 4] =
        [("iv", |_| 18), ("ciphertext", |len| len / 2), ("hmac", |len| len - 20), ("end", |len| len - 60)];
    for (what, at) in places {
        two.proxy.change_questions(move |question| flipped(question, at));
        two.nobody_is_known("A-1", &ana, &format!("question: {what}")).await;
        two.proxy.behave();
        two.proxy.change_answers(move |answer| flipped(answer, at));
        two.nobody_is_known("A-1", &ana, &format!("answer: {what}")).await;
        two.proxy.behave();
    }
    let heads = [
        ("x-microservice-source: orders", "x-microservice-source: other"),
        ("x-service-token: ", "x-service-token: x"),
        ("x-encrypted-payload: true", "x-encrypted-payload: no"),
        ("x-encrypt-response: true", "x-encrypt-response: no"),
        ("/lookup/", "/search/"),
        ("/clients/api/v1/lookup/", "/api/orders/"),
    ];
    for (from, to) in heads {
        two.proxy.change_questions(move |question| with_head(&question, from, to));
        two.nobody_is_known("A-1", &ana, from).await;
        two.proxy.behave();
    }
    for body in [
        &br#"{"clients":[],"missing":[],"unreadable":[]}"#[..],
        br#"{"encrypted":""}"#,
        br#"{"error":"Cliente no encontrado"}"#,
        b"",
    ] {
        two.proxy.change_answers(move |answer| with_body(&answer, body));
        two.nobody_is_known("A-1", &ana, &String::from_utf8_lossy(body)).await;
        two.proxy.change_answers(move |answer| with_head(&with_body(&answer, body), "200 OK", "404 Not Found"));
        two.nobody_is_known("A-1", &ana, &String::from_utf8_lossy(body)).await;
        two.proxy.behave();
    }
    // What stands beside a message says nothing.
    two.proxy.change_answers(|answer| with_head(&answer, "200 OK", "404 Not Found"));
    two.everybody_is_known("A-1").await;
    two.proxy.behave();
    // Nor does a sweep take anything for gone that was not told so.
    two.proxy.change_answers(|answer| with_body(&answer, b"{}"));
    assert_eq!(two.orders.run(&["check", "--repair"]).await.0, Some(1));
    two.proxy.behave();
    two.everybody_is_known("A-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_said_again_is_refused() {
    let Some(two) = Two::start().await else { return };
    let ana = two.client("Ana Núñez", "ana@example.com").await;
    let luz = two.client("Luz Marina", "luz@example.com").await;
    assert_eq!(two.order("A-1", &ana).await.0, StatusCode::CREATED);
    assert_eq!(two.order("A-2", &luz).await.0, StatusCode::CREATED);
    // Every question, said again as it was.
    for (question, _) in two.proxy.passed() {
        let answer = String::from_utf8(say(two.clients.address, &question).await.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("x-encrypted-response"), "{answer}");
    }
    // An answer that was given, to the same question.
    let (_, old) = two.proxy.passed().pop().unwrap();
    two.proxy.change_answers(move |_| old.clone());
    two.nobody_is_known("A-2", &luz, "an old answer").await;
    two.proxy.behave();
    // An answer that was kept back, to another question.
    let kept: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let keep = Arc::clone(&kept);
    two.proxy.change_answers(move |answer| {
        let broken = with_body(&answer, b"");
        *keep.lock().unwrap() = Some(answer);
        broken
    });
    two.nobody_is_known("A-2", &luz, "kept back").await;
    let answer = kept.lock().unwrap().take().expect("an answer about Luz");
    two.proxy.change_answers(move |_| answer.clone());
    let read = two.orders.get("/api/orders/A-1").await;
    assert_eq!((&read["data"]["client"], &read["warnings"]), (&Value::Null, &json!(["clients_unavailable"])));
    two.proxy.behave();
    two.everybody_is_known("A-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_may_be_away_and_a_deleted_one_is_found_by_the_check() {
    let Some(two) = Two::start().await else { return };
    let ana = two.client("Ana Núñez", "ana@example.com").await;
    let luz = two.client("Luz Marina", "luz@example.com").await;
    for (number, client) in [("A-1", &ana), ("A-2", &luz)] {
        assert_eq!(two.order(number, client).await.0, StatusCode::CREATED);
    }
    two.proxy.lead_to(None);
    let started = Instant::now();
    two.nobody_is_known("A-1", &ana, "away").await;
    let health = two.orders.get("/api/health").await;
    assert_eq!((&health["status"], &health["services"]["clients"]["status"]), (&json!("degraded"), &json!("error")));
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    let (code, told) = two.orders.run(&["check", "--repair"]).await;
    assert_eq!(code, Some(1), "{told}");

    two.proxy.lead_to(Some(two.clients.address));
    two.everybody_is_known("A-1").await;
    assert_eq!(two.clients.delete(&format!("/api/clients/{luz}")).await.0, StatusCode::OK);
    let left = two.orders.get("/api/orders/A-2").await;
    assert_eq!((&left["data"]["client_id"], left["data"].get("client")), (&json!(luz), None), "{left}");
    let (code, told) = two.orders.run(&["check", "--repair", "--confirm", "1"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(two.orders.get("/api/orders/A-2").await["data"]["client_id"], Value::Null);
    two.everybody_is_known("A-1").await;
}

/// The same encrypted message without the fields of its binding, as the Python system would have sealed it.
fn without_binding(message: &[u8]) -> Vec<u8> {
    let keys = KeyRing::new(Keys::from_base64(KEYS[0].1, KEYS[1].1).unwrap());
    let body = std::str::from_utf8(&message[head_end(message).unwrap()..]).unwrap();
    let answer: Option<Value> = serde_json::from_str(body).ok();
    let token = answer.as_ref().map_or(body, |answer| answer["encrypted"].as_str().unwrap());
    let mut sealed: Value = serde_json::from_str(&keys.decrypt(token).unwrap()).unwrap();
    let fields = sealed.as_object_mut().unwrap();
    assert!(fields.remove("direction").is_some());
    fields.retain(|name, _| !["method", "path", "in_reply_to"].contains(&name.as_str()));
    let token = keys.encrypt(&sealed.to_string()).unwrap();
    let body = if answer.is_some() { json!({"encrypted": token}).to_string() } else { token };
    with_body(message, body.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_name_no_request_are_accepted_on_both_sides_unless_strict_messages_is_set() {
    for setting in ["off", "on"] {
        let Some(two) = Two::start_with(&[("PROVESI_STRICT_MESSAGES", setting)]).await else { return };
        let ana = two.client("Ana Núñez", "ana@example.com").await;
        assert_eq!(two.order("A-1", &ana).await.0, StatusCode::CREATED);
        for side in ["question", "answer"] {
            match side {
                "question" => two.proxy.change_questions(|question| without_binding(&question)),
                _ => two.proxy.change_answers(|answer| without_binding(&answer)),
            }
            match setting {
                "off" => two.everybody_is_known("A-1").await,
                _ => two.nobody_is_known("A-1", &ana, side).await,
            }
            two.proxy.behave();
            two.everybody_is_known("A-1").await;
        }
    }
}
