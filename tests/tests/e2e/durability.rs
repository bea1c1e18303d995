//! Every write that the server acknowledged survives the sudden end of its process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

on_every_arrangement!(a_kill_amid_writes_loses_no_acknowledged_order_and_no_event);

async fn a_kill_amid_writes_loses_no_acknowledged_order_and_no_event(place: Place) {
    let mut server = Server::start(place).await;
    for round in 0..3 {
        let shared = Arc::new(server);
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (server, acknowledged) = (Arc::clone(&shared), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for count in 0.. {
                        let number = format!("K-{round}-{writer}-{count}");
                        let order = json!({"order_number": number});
                        match server.try_call(Method::POST, "/api/orders/", &order).await {
                            Ok((StatusCode::CREATED, _)) => acknowledged.lock().unwrap().insert(number),
                            Ok(other) => panic!("{other:?}"),
                            Err(_) => return,
                        };
                    }
                })
            })
            .collect();
        while acknowledged.lock().unwrap().len() < 300 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The writers hold the server until they find it gone, so the process is ended by its id.
        let id = shared.process.id().expect("the process runs");
        let killed = std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
        assert!(killed.success());
        for writer in writers {
            writer.await.unwrap();
        }
        server = Arc::into_inner(shared).expect("the writers are done").kill_and_restart().await;
        let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
        assert!(acknowledged.len() >= 300);
        for number in &acknowledged {
            let history = server.get(&format!("/api/orders/{number}/history")).await;
            assert_eq!(history["data"][0]["type"], "created", "{number}: {history}");
        }
        let orders = server.get("/api/orders/").await;
        let there: BTreeSet<_> =
            orders["data"].as_array().unwrap().iter().map(|order| order["order_number"].as_str().unwrap()).collect();
        assert!(acknowledged.iter().all(|number| there.contains(number.as_str())));
    }
}
