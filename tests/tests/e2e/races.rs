//! What went wrong in the Python system when requests overlapped, over the real server, many rounds each.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

const ROUNDS: usize = 30;

on_every_arrangement!(
    one_number_in_four_letter_cases_at_once_makes_one_order,
    a_status_change_beside_a_client_change_loses_neither,
    an_order_made_while_its_client_is_deleted_points_at_nobody_afterwards,
    a_client_edited_while_it_is_deleted_is_gone_as_a_whole,
    a_hundred_edits_of_one_order_at_once_all_happen,
);

async fn one_number_in_four_letter_cases_at_once_makes_one_order(place: Place) {
    let server = Arc::new(Server::start(place).await);
    for round in 0..ROUNDS {
        let spellings = ["race", "RACE", "Race", "rAcE"].map(|text| format!("{text}-{round}"));
        let tries: Vec<_> = spellings
            .map(|number| {
                let server = Arc::clone(&server);
                tokio::spawn(async move { server.post("/api/orders/", &json!({"order_number": number})).await })
            })
            .into();
        let mut made = 0;
        for attempt in tries {
            let (status, body) = attempt.await.unwrap();
            match status {
                StatusCode::CREATED => made += 1,
                _ => assert_eq!(
                    (status, &body["detail"]),
                    (StatusCode::BAD_REQUEST, &json!("El número de orden ya existe"))
                ),
            }
        }
        assert_eq!(made, 1, "round {round}");
        let found = server.get(&format!("/api/orders/?q=race-{round}&limit=1000")).await;
        let same = |order: &&Value| {
            order["order_number"].as_str().is_some_and(|number| number.eq_ignore_ascii_case(&format!("race-{round}")))
        };
        assert_eq!(found["data"].as_array().unwrap().iter().filter(same).count(), 1);
    }
}

async fn a_status_change_beside_a_client_change_loses_neither(place: Place) {
    let server = Server::start(place).await;
    let client = server.client("ana@example.com").await;
    for round in 0..ROUNDS {
        let path = format!("/api/orders/LOST-{round}");
        server.post("/api/orders/", &json!({"order_number": format!("LOST-{round}")})).await;
        let (status_change, client_change) = (json!({"status": "packing"}), json!({"client_id": client}));
        let (one, other) = tokio::join!(server.put(&path, &status_change), server.put(&path, &client_change));
        assert_eq!((one.0, other.0), (StatusCode::OK, StatusCode::OK));
        let order = server.get(&path).await;
        assert_eq!((&order["data"]["status"], &order["data"]["client_id"]), (&json!("packing"), &json!(client)));
        let history = server.get(&format!("{path}/history")).await;
        assert_eq!(history["data"].as_array().unwrap().len(), 3, "{history}");
    }
}

async fn an_order_made_while_its_client_is_deleted_points_at_nobody_afterwards(place: Place) {
    let server = Server::start(place).await;
    for round in 0..ROUNDS {
        let client = server.client(&format!("gone-{round}@example.com")).await;
        let order = json!({"order_number": format!("GONE-{round}"), "client_id": client});
        let path = format!("/api/clients/{client}");
        let (made, deleted) = tokio::join!(server.post("/api/orders/", &order), server.delete(&path));
        assert_eq!(deleted.0, StatusCode::OK);
        let found = server.get(&format!("/api/orders/?client_id={client}&limit=10")).await;
        assert_eq!(found["data"], json!([]), "round {round}, {made:?}");
        if made.0 == StatusCode::CREATED {
            let order = server.get(&format!("/api/orders/GONE-{round}")).await;
            assert_eq!(order["data"]["client_id"], Value::Null);
        } else {
            assert_eq!((made.0, &made.1["detail"]), (StatusCode::BAD_REQUEST, &json!("Cliente no encontrado")));
        }
    }
    assert_eq!(server.run(&["check"]).await.0, Some(0));
}

async fn a_client_edited_while_it_is_deleted_is_gone_as_a_whole(place: Place) {
    let server = Server::start(place).await;
    for round in 0..ROUNDS {
        let path = format!("/api/clients/{}", server.client(&format!("half-{round}@example.com")).await);
        let change = json!({"name": "Otra"});
        let (edited, deleted) = tokio::join!(server.put(&path, &change), server.delete(&path));
        assert_eq!(deleted.0, StatusCode::OK);
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&edited.0), "{edited:?}");
    }
    assert_eq!(server.get("/api/clients/").await["data"], json!([]));
}

async fn a_hundred_edits_of_one_order_at_once_all_happen(place: Place) {
    let server = Arc::new(Server::start(place).await);
    server.post("/api/orders/", &json!({"order_number": "HOT", "status": "returned", "return_reason": "0"})).await;
    let edits: Vec<_> = (1..=100)
        .map(|count| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let change = json!({"return_reason": count.to_string()});
                // Who is overtaken too often is asked to come back, and does.
                loop {
                    match server.put("/api/orders/HOT", &change).await {
                        (StatusCode::OK, _) => break,
                        (status, body) => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}"),
                    }
                }
            })
        })
        .collect();
    for edit in edits {
        edit.await.unwrap();
    }
    let history = server.get("/api/orders/HOT/history?limit=1000").await;
    assert_eq!(history["data"].as_array().unwrap().len(), 101);
}
