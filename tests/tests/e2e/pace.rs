//! A scanner that keeps its pace over a slow network and a slow processor: number, command, number, command.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::browser::{self, Browser, Screen};
use crate::place::Place;
use crate::server::Server;

/// Passes connections on to `upstream`; what comes back arrives `latency` later.
async fn delaying_proxy(upstream: SocketAddr, latency: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((browser, _)) = listener.accept().await {
            let server = TcpStream::connect(upstream).await.unwrap();
            let ((mut requests, mut to_browser), (mut answers, mut to_server)) =
                (browser.into_split(), server.into_split());
            tokio::spawn(async move { drop(tokio::io::copy(&mut requests, &mut to_server).await) });
            let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
            tokio::spawn(async move {
                let mut part = vec![0; 16_384];
                while let Ok(length @ 1..) = answers.read(&mut part).await {
                    let _ = late.send((Instant::now() + latency, part[..length].to_vec()));
                }
            });
            tokio::spawn(async move {
                while let Some((at, part)) = due.recv().await {
                    sleep_until(at).await;
                    if to_browser.write_all(&part).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Scans `orders` orders and their commands, and expects each of them to have moved once, by its own command.
async fn every_order_moves_once(orders: usize, latency: Duration, slow_down: Option<u32>) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    let numbers: Vec<String> = (1..=orders).map(|number| format!("ORD-{number:03}")).collect();
    for number in &numbers {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let proxy = delaying_proxy(server.address, latency).await;
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&format!("http://{proxy}/orders/")).await;
    if let Some(factor) = slow_down {
        browser.slow_down(factor).await;
    }
    // Nobody scans before the page is there.
    sleep(Duration::from_secs(1)).await;
    let scans: Vec<String> = numbers.iter().flat_map(|number| [number.clone(), "CMD:NEXT".to_owned()]).collect();
    browser.scan_at_a_pace(&scans, Duration::from_millis(700)).await;

    let is_done = async || {
        let last = server.get(&format!("/api/orders/{}", numbers[orders - 1])).await;
        last["data"]["status"] == "picking"
    };
    let until = Instant::now() + Duration::from_secs(90);
    while !is_done().await && Instant::now() < until {
        sleep(Duration::from_millis(200)).await;
    }
    for number in &numbers {
        let history = server.get(&format!("/api/orders/{number}/history")).await;
        let events: Vec<&Value> =
            history["data"].as_array().expect("events").iter().map(|event| &event["type"]).collect();
        assert_eq!(events, ["created", "status_changed"], "{number}");
    }
    assert!(!browser.has("main [role=alert]").await, "nothing was refused");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_moves_once_over_a_slow_network() {
    every_order_moves_once(10, Duration::from_millis(1_200), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_moves_once_on_a_slow_processor() {
    every_order_moves_once(20, Duration::ZERO, Some(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_moves_once_over_a_slow_network_on_a_slow_processor() {
    every_order_moves_once(20, Duration::from_millis(700), Some(6)).await;
}

/// A page that is being loaded loses keys. Here the scan of the second order comes while it loads, and its command after.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_number_was_lost_while_a_page_was_loading_moves_nothing_and_says_so() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Handheld).await;
    browser.goto(&format!("http://{}/orders/lookup/?q=ORD-1", server.address)).await;
    browser.wait_until("performance.now() > 1000").await;
    browser.scan_at_a_pace(&["CMD:NEXT".to_owned()], Duration::ZERO).await;
    browser.wait_until("document.querySelector('main [role=alert]')?.textContent.includes('pudo perderse')").await;
    browser.picture("command-refused").await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.get(&format!("/api/orders/{number}")).await["data"]["status"], "received");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_after_a_scan_without_an_answer_moves_nothing() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&format!("http://{}/orders/", server.address)).await;
    browser.wait_until("performance.now() > 1000").await;
    browser.scan_at_a_pace(&["ORD-1".to_owned()], Duration::ZERO).await;
    browser.wait_until("document.querySelector('[name=scanned]')?.value === 'ORD-1'").await;
    // The next request gets no answer; those after it do.
    browser
        .evaluate("(() => { const send = window.fetch; window.fetch = async () => { window.fetch = send; throw new Error(); }; })()")
        .await;
    browser.scan_at_a_pace(&["ORD-2".to_owned()], Duration::ZERO).await;
    browser.wait_until("document.querySelector('main [role=alert]')?.textContent.includes('No hubo respuesta')").await;
    browser.scan_at_a_pace(&["CMD:NEXT".to_owned()], Duration::ZERO).await;
    browser.wait_until("document.querySelector('main [role=alert]')?.textContent.includes('No se movió')").await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.get(&format!("/api/orders/{number}")).await["data"]["status"], "received");
    }
    browser.close().await;
}
