//! Which hosts the pages answer to, directly and behind a proxy.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::http::request::Builder;
use provesi_core::StatusFlow;

use crate::support::{Bench, Browser};

/// Opens the form of a new order and sends it, as a browser does from a page of `origin`.
async fn create(browser: &Browser, number: &str, origin: &str, dress: impl Fn(Builder) -> Builder) -> u16 {
    let form = browser.send(dress(Request::get("/orders/create/")), "").await;
    if form.status != 200 {
        return form.status.as_u16();
    }
    let token = form.hidden("csrfmiddlewaretoken");
    let body = format!("csrfmiddlewaretoken={token}&order_number={number}&status=received");
    let request = Request::post("/orders/create/").header("content-type", "application/x-www-form-urlencoded");
    browser.send(dress(request).header("origin", origin), body).await.status.as_u16()
}

fn from(peer: [u8; 4]) -> ConnectInfo<SocketAddr> {
    ConnectInfo(SocketAddr::from((peer, 4711)))
}

#[tokio::test]
async fn a_page_of_a_rebound_domain_sees_and_sends_nothing() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    let token = browser.token("/orders/A-1/delete/").await;
    let evil = |request: Builder| request.header("host", "evil:8000");
    for path in
        ["/", "/clients/", &format!("/clients/{id}/"), "/orders/", "/orders/A-1/", "/orders/create/", "/nothing"]
    {
        let page = browser.send(evil(Request::get(path)), "").await;
        assert_eq!(page.status, 421, "{path}");
        page.has("<html lang=\"es\">").has("--hosts").lacks("csrfmiddlewaretoken").lacks("Ana").lacks("evil");
        assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
        assert_eq!((page.header("set-cookie"), page.header("cache-control")), ("", "no-store"));
    }
    // Even with a token and a session of ours.
    for path in ["/orders/A-1/delete/", "/orders/create/", &format!("/clients/{id}/delete/")] {
        let request = evil(Request::post(path))
            .header("origin", "http://evil:8000")
            .header("content-type", "application/x-www-form-urlencoded");
        let body = format!("csrfmiddlewaretoken={token}&order_number=EVIL-1");
        assert_eq!(browser.send(request, body).await.status, 421, "{path}");
    }
    assert_eq!((bench.count("/api/orders/").await, bench.count("/api/clients/").await), (1, 1));
}

#[tokio::test]
async fn without_a_clear_host_there_is_no_page() {
    let bench = Bench::new();
    let twice = Request::get("/orders/").header("host", "bodega.test").header("host", "bodega.test");
    for request in [Request::get("/orders/"), twice] {
        let page = bench.browser().send(request, "").await;
        assert_eq!((page.status.as_u16(), page.header("set-cookie")), (400, ""));
        page.has("encabezado Host");
    }
}

#[tokio::test]
async fn forms_work_behind_a_trusted_proxy_whatever_it_says_about_the_port() {
    let bench = Bench::with(StatusFlow::any(), |options| options.trusted_proxies = "10.0.0.0/8".parse().unwrap());
    for (number, (host, forwarded, proto, origin)) in [
        ("bodega.test:443", None, "https", "https://bodega.test"),
        ("bodega.test", None, "https", "https://bodega.test"),
        ("bodega.test:80", None, "http", "http://bodega.test"),
        ("127.0.0.1:8000", Some("bodega.test:443"), "https", "https://bodega.test"),
        ("127.0.0.1:8000", Some("bodega.test, 127.0.0.1:8000"), "https, http", "https://bodega.test"),
        ("bodega.test:8443", None, "https", "https://bodega.test:8443"),
    ]
    .into_iter()
    .enumerate()
    {
        let dress = |request: Builder| {
            let request =
                request.extension(from([10, 0, 0, 1])).header("host", host).header("x-forwarded-proto", proto);
            forwarded.into_iter().fold(request, |request, host| request.header("x-forwarded-host", host))
        };
        let number = format!("A-{number}");
        assert_eq!(create(&bench.browser(), &number, origin, dress).await, 302, "{host} {forwarded:?} {origin}");
        for foreign in ["https://otra.test", "https://bodega.test:444", "null"] {
            assert_eq!(create(&bench.browser(), "EVIL-1", foreign, dress).await, 403, "{host} {foreign}");
        }
    }
    assert_eq!(bench.count("/api/orders/").await, 6);
}

#[tokio::test]
async fn what_a_proxy_forwards_counts_only_where_it_is_trusted() {
    let bench = Bench::with(StatusFlow::any(), |options| options.trusted_proxies = "10.0.0.1".parse().unwrap());
    let page = async |peer, proto: &str, host: &str| {
        let request = Request::get("/").extension(from(peer)).header("host", "bodega.test");
        let request = request.header("x-forwarded-proto", proto).header("x-forwarded-host", host);
        let page = bench.browser().send(request, "").await;
        (page.status.as_u16(), page.header("set-cookie").ends_with("; Secure"))
    };
    assert_eq!(page([10, 0, 0, 1], "https", "bodega.test").await, (200, true));
    assert_eq!(page([10, 0, 0, 1], "http", "bodega.test").await, (200, false));
    assert_eq!(page([10, 0, 0, 1], "https", "evil").await, (421, false));
    assert_eq!(page([10, 0, 0, 2], "https", "evil").await, (200, false));
    // A page cannot make up for its own name by a forwarded one.
    let dress = |request: Builder| {
        request.extension(from([10, 0, 0, 2])).header("host", "bodega.test").header("x-forwarded-host", "otra.test")
    };
    assert_eq!(create(&bench.browser(), "A-1", "http://otra.test", dress).await, 403);
}

#[tokio::test]
async fn a_cookie_of_another_application_is_in_nobodys_way() {
    let bench = Bench::new();
    let browser = bench.browser();
    let form = browser.get("/orders/create/").await;
    let token = form.hidden("csrfmiddlewaretoken");
    let session = browser.cookies()["provesi_session"].clone();
    for (number, (before, after)) in [
        (&b"usuario=Mu\xf1oz; "[..], &b""[..]),
        ("usuario=Muñoz; ".as_bytes(), b"; x=\xff\xfe"),
        (b"\xf1;;=; ", b"; \xf1=1"),
    ]
    .into_iter()
    .enumerate()
    {
        let cookie = [before, b"provesi_session=", session.as_bytes(), after].concat();
        let request = Request::post("/orders/create/")
            .header("host", "bodega.test")
            .header("origin", "http://bodega.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie);
        let body = format!("csrfmiddlewaretoken={token}&order_number=A-{number}&status=received");
        assert_eq!(bench.browser().send(request, body).await.status, 302, "{number}");
    }
    assert_eq!(bench.count("/api/orders/").await, 3);
}
