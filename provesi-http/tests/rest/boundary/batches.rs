//! What services ask in batches.

use serde_json::{Value, json};

use super::{NO_TOKEN, Peer};
use crate::support::Bench;

const LOOKUP: &str = "/clients/api/v1/lookup/";
const SEARCH: &str = "/clients/api/v1/search/";
const NOBODY: &str = "6b050af58b3059b0f61239f2";

const BOTH: [(&str, &str); 2] = [("x-encrypted-payload", "true"), ("x-encrypt-response", "true")];

async fn asked(peer: &Peer, bench: &Bench, path: &str, question: &Value) -> (u16, Value) {
    let answer = bench.internal("POST", path, &BOTH, &peer.sealed("orders", "clients", question)).await;
    (answer.status.as_u16(), serde_json::from_str(&peer.opened(&answer, "clients")).unwrap())
}

#[tokio::test]
async fn clients_are_told_with_all_that_was_asked() {
    let peer = Peer::new();
    let bench = peer.bench();
    let (ana, luz) = (bench.client("Ana", "ana@example.com").await, bench.client("Luz", "luz@example.com").await);
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
}

#[tokio::test]
async fn clients_are_searched_page_by_page_with_the_question() {
    let peer = Peer::new();
    let bench = peer.bench();
    for (name, email) in [("Ana", "ana@example.com"), ("Beto", "beto@example.com"), ("Carla", "carla@other.test")] {
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
    for wrong in [json!({"limit": 0}), json!({"limit": 1_001}), json!({"cursor": "x"})] {
        let mut question = json!({"limit": 1});
        question.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(asked(&peer, &bench, SEARCH, &question).await.0, 422, "{question}");
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
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": ids(1_000)})).await.0, 200);
    for wrong in [json!({"ids": ids(1_001)}), json!({"ids": ["abc"]}), json!({"ids": NOBODY}), json!({})] {
        assert_eq!(asked(&peer, &bench, LOOKUP, &wrong).await.0, 422);
    }
}

#[tokio::test]
async fn only_services_ask_and_with_keys_only_in_messages() {
    let peer = Peer::new();
    let bench = peer.bench_with(|options| options.pages = None);
    let body = json!({"ids": []});
    bench.post(LOOKUP, &body.to_string()).await.is(401, NO_TOKEN);
    let clear = bench.internal("POST", LOOKUP, &[], &body.to_string()).await;
    assert_eq!(clear.status, 400);
    let answered_in_clear = bench.encrypted("POST", LOOKUP, &peer.sealed("orders", "clients", &body)).await;
    answered_in_clear.is(400, r#"{"error":"Se requiere una respuesta cifrada"}"#);
    let asked_in_clear = bench.internal("POST", LOOKUP, &BOTH[1..], &body.to_string()).await;
    assert_eq!(asked_in_clear.status, 400);
    assert_eq!(peer.opened(&asked_in_clear, "clients"), r#"{"error":"Se requiere un mensaje cifrado"}"#);
    assert_eq!(asked(&peer, &bench, LOOKUP, &body).await.0, 200);
    let other = bench.internal("DELETE", LOOKUP, &BOTH, &peer.sealed("orders", "clients", &body)).await;
    assert_eq!(other.status, 405);
}

#[tokio::test]
async fn a_store_that_is_down_is_told_as_one() {
    let peer = Peer::new();
    let bench = peer.bench();
    bench.clients.fail_all();
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": [NOBODY]})).await.0, 503);
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": [NOBODY, NOBODY]})).await.0, 503);
    assert_eq!(asked(&peer, &bench, LOOKUP, &json!({"ids": []})).await.0, 503);
}
