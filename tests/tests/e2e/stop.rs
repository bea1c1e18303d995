//! A stop lets requests in flight end and refuses new ones.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_ends_and_a_new_one_is_refused() {
    let mut server = Server::start().await;
    let body = json!({"order_number": "SLOW-1"}).to_string();
    let head = format!(
        "POST /api/orders/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (half, rest) = body.split_at(5);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all((head + half).as_bytes()).await.unwrap();
    // The server has to have read the head before the stop is asked for.
    tokio::time::sleep(Duration::from_millis(200)).await;

    let id = server.process.id().expect("the process runs").to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refused).await.expect("new connections are refused");

    slow.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let status = tokio::time::timeout(Duration::from_secs(5), server.process.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));

    let server = server.kill_and_restart().await;
    assert_eq!(server.get("/api/orders/slow-1").await["data"]["order_number"], "SLOW-1");
}
