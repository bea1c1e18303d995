//! What services ask in batches.

use serde_json::{Value, json};

use super::{NO_TOKEN, Peer};
use crate::support::Bench;

const LOOKUP: &str = "/clients/api/v1/lookup/";
const COUNTS: &str = "/orders/api/v1/counts/";
const SEARCH: &str = "/clients/api/v1/search/";
const OF_CLIENT: &str = "/orders/api/v1/of-client/";
const NOBODY: &str = "6b050af58b3059b0f61239f2";

const BOTH: [(&str, &str); 2] = [("x-encrypted-payload", "true"), ("x-encrypt-response", "true")];

async fn asked(peer: &Peer, bench: &Bench, path: &str, question: &Value) -> (u16, Value) {
    let service = if path.starts_with("/clients/") { "clients" } else { "orders" };
    let answer = bench.internal("POST", path, &BOTH, &peer.sealed("orders", service, question)).await;
    (answer.status.as_u16(), serde_json::from_str(&peer.opened(&answer, service)).unwrap())
}

#[tokio::test]
async fn clients_and_counts_are_told_with_all_that_was_asked() {
    let peer = Peer::new();
    let bench = peer.bench();
    let (ana, luz) = (bench.client("Ana", "ana@example.com").await, bench.client("Luz", "luz@example.com").await);
    bench.order("A-1", Some(&ana)).await;
    bench.order("A-2", Some(&ana)).await;
    let ids = json!({"ids": [ana, luz.to_uppercase(), ana, NOBODY]});
    let (status, told) = asked(&peer, &bench, LOOKUP, &ids).await;
    let mut names: Vec<_> = told["clients"].as_array().unwrap().iter().map(|client| &client["email"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!((status, names), (200, vec![&json!("ana@example.com"), &json!("luz@example.com")]));
    assert_eq!((&told["missing"], &told["unreadable"]), (&json!([NOBODY]), &json!([])));
    let (_, alone) = asked(&peer, &bench, LOOKUP, &json!({"ids": [luz]})).await;
    let client = bench.get(&format!("/api/clients/{luz}")).await.json()["data"].clone();
    assert_eq!((&alone["clients"][0]["updated_at"], &alone["missing"]), (&client["updated_at"], &json!([])));
    let (_, none) = asked(&peer, &bench, LOOKUP, &json!({"ids": [NOBODY]})).await;
    assert_eq!(none, json!({"clients": [], "missing": [NOBODY], "unreadable": []}));
    let counts = asked(&peer, &bench, COUNTS, &json!({"client_ids": [ana, luz, NOBODY]})).await;
    assert_eq!(counts, (200, json!({"counts": {ana: 2, luz: 0, NOBODY: 0}})));
    assert_eq!(asked(&peer, &bench, COUNTS, &json!({"client_ids": []})).await, (200, json!({"counts": {}})));
}

#[tokio::test]
async fn clients_are_searched_and_orders_told_page_by_page_with_the_question() {
    let peer = Peer::new();
    let bench = peer.bench();
    let ana = bench.client("Ana", "ana@example.com").await;
    for (name, email) in [("Beto", "beto@example.com"), ("Carla", "carla@other.test")] {
        bench.client(name, email).await;
    }
    let mut question = json!({"q": "example.com", "descending": true, "limit": 1, "cursor": null});
    let mut names = Vec::new();
    loop {
        let (status, told) = asked(&peer, &bench, SEARCH, &question).await;
        assert_eq!((status, &told["asked"], &told["stopped_early"]), (200, &question, &json!(false)));
        names.push(told["clients"][0]["name"].clone());
        question["cursor"] = told["next_cursor"].clone();
        if question["cursor"].is_null() {
            break;
        }
    }
    assert_eq!(names, ["Beto", "Ana"]);
    for number in ["A-1", "A-2", "A-3"] {
        bench.order(number, Some(&ana)).await;
    }
    bench.order("B-1", None).await;
    let mut question = json!({"client_id": ana, "limit": 2, "cursor": null});
    let (_, first) = asked(&peer, &bench, OF_CLIENT, &question).await;
    question["cursor"] = first["next_cursor"].clone();
    let (_, second) = asked(&peer, &bench, OF_CLIENT, &question).await;
    assert_eq!((&second["asked"], &second["next_cursor"]), (&question, &Value::Null));
    let numbers =
        |told: &Value| told["orders"].as_array().unwrap().iter().map(|o| o["order_number"].clone()).collect::<Vec<_>>();
    assert_eq!([numbers(&first), numbers(&second)].concat(), ["A-3", "A-2", "A-1"]);
    for wrong in [json!({"limit": 0}), json!({"limit": 1_001}), json!({"cursor": "x"})] {
        for (path, mut question) in [(SEARCH, json!({"limit": 1})), (OF_CLIENT, json!({"limit": 1, "client_id": ana}))]
        {
            question.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            assert_eq!(asked(&peer, &bench, path, &question).await.0, 422, "{path} {question}");
        }
    }
    // The cursor of one list is none of another.
    let other = json!({"q": null, "limit": 1, "cursor": null});
    let (_, told) = asked(&peer, &bench, SEARCH, &other).await;
    let mixed = json!({"q": "example.com", "limit": 1, "cursor": told["next_cursor"]});
    assert_eq!(asked(&peer, &bench, SEARCH, &mixed).await.0, 400);
}

#[tokio::test]
async fn a_thousand_are_enough() {
    let peer = Peer::new();
    let bench = peer.bench();
    let ids = |count: usize| (0..count).map(|number| format!("{number:024x}")).collect::<Vec<_>>();
    for (path, member) in [(LOOKUP, "ids"), (COUNTS, "client_ids")] {
        assert_eq!(asked(&peer, &bench, path, &json!({ member: ids(1_000) })).await.0, 200);
        for wrong in [json!({ member: ids(1_001) }), json!({ member: ["abc"] }), json!({ member: NOBODY }), json!({})] {
            assert_eq!(asked(&peer, &bench, path, &wrong).await.0, 422, "{path}");
        }
    }
}

#[tokio::test]
async fn only_services_ask_and_with_keys_only_in_messages() {
    let peer = Peer::new();
    let bench = peer.bench_with(|options| options.pages = None);
    let body = json!({"ids": [], "client_ids": []});
    for (path, service) in [(LOOKUP, "clients"), (COUNTS, "orders")] {
        bench.post(path, &body.to_string()).await.is(401, NO_TOKEN);
        let clear = bench.internal("POST", path, &[], &body.to_string()).await;
        assert_eq!(clear.status, 400, "{path}");
        let answered_in_clear = bench.encrypted("POST", path, &peer.sealed("orders", service, &body)).await;
        answered_in_clear.is(400, r#"{"error":"Se requiere una respuesta cifrada"}"#);
        let asked_in_clear = bench.internal("POST", path, &BOTH[1..], &body.to_string()).await;
        assert_eq!(asked_in_clear.status, 400);
        assert_eq!(peer.opened(&asked_in_clear, service), r#"{"error":"Se requiere un mensaje cifrado"}"#);
        assert_eq!(asked(&peer, &bench, path, &body).await.0, 200);
        let other = bench.internal("DELETE", path, &BOTH, &peer.sealed("orders", service, &body)).await;
        assert_eq!(other.status, 405);
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_told_as_one() {
    let peer = Peer::new();
    let bench = peer.bench();
    bench.clients.fail_all();
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": [NOBODY]})).await.0, 503);
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": [NOBODY, NOBODY]})).await.0, 503);
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": []})).await.0, 503);
    bench.orders.fail_all();
    assert_eq!(asked(&peer, &bench, COUNTS, &json!({"client_ids": [NOBODY]})).await.0, 503);
}
