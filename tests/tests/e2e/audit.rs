//! Audit records over the real server: none is lost that was answered for, and with their store away reads are
//! refused or go on, as was asked for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use provesi_testkit::servers::{OwnServer, wanted};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

/// The longest that a request may wait for a store that is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// How soon what waited must be in the store once it is back.
const RECOVERY: Duration = Duration::from_secs(10);

const STRICT: &[&str] = &["--audit", "strict"];

on_every_arrangement!(a_kill_amid_strict_reads_loses_no_record_of_what_was_answered);

async fn a_kill_amid_strict_reads_loses_no_record_of_what_was_answered(place: Place) {
    let server = Arc::new(Server::start_with(place, STRICT).await);
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let readers: Vec<_> = (0..8)
        .map(|reader| {
            let (server, answered) = (Arc::clone(&server), Arc::clone(&answered));
            tokio::spawn(async move {
                for count in 0.. {
                    let number = format!("k-{reader}-{count}");
                    match server.try_call(Method::GET, &format!("/api/orders/{number}"), &Value::Null).await {
                        Ok((StatusCode::NOT_FOUND, _)) => answered.lock().unwrap().insert(format!("order:{number}")),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => return,
                    };
                }
            })
        })
        .collect();
    while answered.lock().unwrap().len() < 300 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let id = server.process.id().expect("the process runs");
    assert!(std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
    for reader in readers {
        reader.await.unwrap();
    }
    let (code, told) = server.run(&["audit", "verify"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (_, shown) = server.run(&["audit", "show"]).await;
    let recorded: BTreeSet<_> = shown.lines().filter_map(|line| line.split('\t').nth(7)).collect();
    let answered = std::mem::take(&mut *answered.lock().unwrap());
    let lost: Vec<_> = answered.iter().filter(|subject| !recorded.contains(subject.as_str())).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", answered.len());
}

/// The answer, in time.
async fn in_time(server: &Server, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let start = Instant::now();
    let answer = server.call(method.clone(), path, &body).await;
    assert!(start.elapsed() < PATIENCE, "{method} {path} took {:?}: {answer:?}", start.elapsed());
    answer
}

/// Waits until the records tell of this.
async fn is_shown(server: &Server, arguments: &[&str], told: &str) {
    let start = Instant::now();
    loop {
        let (_, shown) = server.run(&[&["audit", "show"], arguments].concat()).await;
        if shown.contains(told) {
            return;
        }
        assert!(start.elapsed() < RECOVERY, "no {told}: {shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_store_away_a_strict_audit_refuses_reads_and_keeps_the_records_of_writes() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let (postgres, mongodb) = tokio::join!(OwnServer::postgres().start(), OwnServer::mongodb().start());
    let server = Server::start_with(Place::own_pair(&postgres, &mongodb).await, STRICT).await;
    let ana = server.client("ana@example.com").await;
    postgres.crash().await;
    // Clients are in MongoDB, which answers; their records would be beside the orders.
    let of_ana = format!("/api/clients/{ana}");
    for path in [&*of_ana, "/api/clients/"] {
        let (status, body) = in_time(&server, Method::GET, path, Value::Null).await;
        assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("store.unavailable")), "{path}");
        assert!(!body.to_string().contains("ana@"), "{body}");
    }
    // A record that is on its way to the store when its read is refused may arrive yet; until then nothing can.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (status, changed) = in_time(&server, Method::PUT, &of_ana, json!({"phone": "300"})).await;
    assert_eq!((status, &changed["data"]["phone"]), (StatusCode::OK, &json!("300")), "{changed}");
    postgres.start().await;
    is_shown(&server, &["--subject", &format!("client:{ana}")], "client_update\tdone\tphone").await;
    let (_, shown) = server.run(&["audit", "show"]).await;
    assert!(!shown.contains("client_read") && !shown.contains("client_list"), "nobody was shown anything: {shown}");
    assert_eq!(server.run(&["audit", "verify"]).await.0, Some(0));
    assert_eq!(server.get(&of_ana).await["data"]["email"], "ana@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_store_away_an_audit_of_best_effort_lets_reads_go_on_and_keeps_their_records() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let mongodb = OwnServer::mongodb().start().await;
    let (database, place) = (mongodb.database().await, Place::sqlite().await);
    let own = ["--audit-store", database.url()];
    let server = Server::start(place).await;
    assert_eq!(server.run(&[&["migrate"][..], &own].concat()).await.0, Some(0));
    let server = server.kill_and_restart_with(&[&["--audit", "store"][..], &own].concat()).await;
    mongodb.stop().await;
    for number in 0..20 {
        let (status, _) = in_time(&server, Method::GET, &format!("/api/orders/N-{number}"), Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    mongodb.start().await;
    for number in [0, 19] {
        is_shown(&server, &own, &format!("order:n-{number}")).await;
    }
    let (code, told) = server.run(&[&["audit", "verify"][..], &own].concat()).await;
    assert_eq!(code, Some(0), "{told}");
}
