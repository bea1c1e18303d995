//! The header in which a proxy names the user.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use provesi_http::HttpOptions;
use tower::ServiceExt;

use crate::log;
use crate::support::{Answer, Bench};

const HEADER: &str = "x-forwarded-user";

fn bench(header: Option<&str>, proxies: &str) -> Bench {
    let mut options = HttpOptions::default();
    options.user_header = header.map(|name| name.parse().unwrap());
    options.trusted_proxies = proxies.parse().unwrap();
    Bench::with(options)
}

/// Makes an order from `peer` with these headers.
async fn create(bench: &Bench, peer: &str, path: &str, headers: &[(&str, &[u8])]) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut request = request.body(Body::from(r#"{"order_number":"A-1"}"#)).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
    bench.send(request).await
}

/// Who made the order, and from where, as its history tells.
async fn maker(bench: &Bench, peer: &str, headers: &[(&str, &[u8])]) -> (String, String) {
    assert_eq!(create(bench, peer, "/api/orders/", headers).await.status, 201);
    let event = bench.get("/api/orders/A-1/history").await.json()["data"][0].clone();
    assert_eq!(bench.call("DELETE", "/api/orders/A-1", &[], "").await.status, 200);
    (event["actor"].as_str().unwrap().to_owned(), event["address"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_user_is_who_the_proxys_header_names_and_nobody_without_it() {
    let on_this_machine =
        async |header, headers: &[(&str, &[u8])]| maker(&bench(header, ""), "127.0.0.1", headers).await.0;
    let header = Some(HEADER);
    assert_eq!(on_this_machine(header, &[(HEADER, "Ana Núñez".as_bytes())]).await, "user:Ana Núñez");
    // ISO-8859-1, as many proxies send it.
    assert_eq!(on_this_machine(header, &[(HEADER, b"Ana N\xfa\xf1ez")]).await, "user:Ana Núñez");
    assert_eq!(on_this_machine(header, &[]).await, "anonymous");
    assert_eq!(on_this_machine(None, &[(HEADER, b"Ana")]).await, "anonymous");
    assert_eq!(on_this_machine(header, &[("remote-user", b"Ana")]).await, "anonymous");
}

#[tokio::test]
async fn only_a_trusted_proxy_names_users_and_addresses() {
    let headers: [(&str, &[u8]); 2] = [(HEADER, b"Ana"), ("x-forwarded-for", b"6.6.6.6, 198.51.100.7")];
    let told = |actor: &str, address: &str| (actor.to_owned(), address.to_owned());
    let trusting = bench(Some(HEADER), "10.0.0.0/8");
    assert_eq!(maker(&trusting, "10.0.0.1", &headers).await, told("user:Ana", "198.51.100.7"));
    for peer in ["192.0.2.1", "127.0.0.1"] {
        assert_eq!(maker(&trusting, peer, &headers).await, told("anonymous", peer));
    }
    let default = bench(Some(HEADER), "");
    assert_eq!(maker(&default, "127.0.0.1", &headers).await, told("user:Ana", "127.0.0.1"));
    assert_eq!(maker(&default, "10.0.0.1", &headers).await, told("anonymous", "10.0.0.1"));
    let log = log::captured();
    assert!(log.lines().any(|line| line.contains("the user header is ignored") && line.contains("10.0.0.1")), "{log}");
    // The server of an embedder may not know the peer.
    let unusable = || Request::get("/api/orders/").header("host", "localhost").header(HEADER, "");
    let unknown = unusable().body(Body::empty()).unwrap();
    assert_eq!(default.router.clone().oneshot(unknown).await.unwrap().status(), 200);
    let known = unusable().extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1)))).body(Body::empty()).unwrap();
    assert_eq!(default.router.clone().oneshot(known).await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_header_that_names_nobody_is_refused() {
    let bench = bench(Some(HEADER), "");
    let long = "ñ".repeat(65);
    let ana: (&str, &[u8]) = (HEADER, b"Ana");
    for (headers, why) in [
        (&[(HEADER, &b""[..])][..], "vacío"),
        (&[(HEADER, b"  ")], "vacío"),
        (&[(HEADER, long.as_bytes())], "más de 64 caracteres"),
        (&[(HEADER, b"Ana\tactor=service:orders")], "caracteres de control"),
        (&[(HEADER, b"Ana\x85\xff")], "caracteres de control"),
        (&[ana, ana], "más de una vez"),
        (&[ana, (HEADER, b"Eva")], "más de una vez"),
    ] {
        let refused = create(&bench, "127.0.0.1", "/api/orders/", headers).await;
        assert_eq!(refused.error(), (400, "request.invalid_user".to_owned()), "{headers:?}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(why), "{detail}");
        let page = create(&bench, "127.0.0.1", "/orders/create/", headers).await;
        let text = String::from_utf8(page.bytes.to_vec()).unwrap();
        assert!(page.status == 400 && text.contains("No sabemos quién es usted") && text.contains(why), "{text}");
    }
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
    assert_eq!(create(&bench, "127.0.0.1", "/api/orders/", &[(HEADER, "ñ".repeat(64).as_bytes())]).await.status, 201);
}
