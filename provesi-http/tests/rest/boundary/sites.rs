//! Writes that a web page of another site has a browser send.

use axum::http::Method;
use provesi_http::{CorsOptions, HttpOptions};

use super::{INTERNAL, Peer, order};
use crate::support::Bench;

const HOSTS: &str = "bodega.test";

const FOREIGN: [&[(&str, &str)]; 5] = [
    &[("sec-fetch-site", "cross-site"), ("origin", "http://otra.test"), ("host", "bodega.test")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://otra.bodega.test"), ("host", "bodega.test")],
    &[("sec-fetch-site", "cross-site")],
    &[("origin", "http://otra.test"), ("host", "bodega.test")],
    &[("origin", "null"), ("host", "bodega.test")],
];

#[tokio::test]
async fn another_site_changes_nothing_unless_cors_lets_it() {
    let mut options = HttpOptions::default();
    options.hosts = HOSTS.parse().unwrap();
    let bench = Bench::with(options);
    bench.order("B-1", None).await;
    for headers in FOREIGN {
        for (method, path) in [("POST", "/api/orders/"), ("PUT", "/api/orders/B-1"), ("DELETE", "/api/orders/B-1")] {
            let answer = bench.call(method, path, headers, order("A-1").to_string()).await;
            assert_eq!(answer.error(), (403, "request.cross_site".to_owned()), "{headers:?}");
        }
        assert_eq!(bench.call("GET", "/api/orders/", headers, "").await.status, 200);
    }
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
    let mut options = HttpOptions::default();
    options.hosts = HOSTS.parse().unwrap();
    options.cors = CorsOptions::origins(["http://otra.test".parse().unwrap()], [Method::POST]);
    let bench = Bench::with(options);
    assert_eq!(bench.call("POST", "/api/orders/", FOREIGN[0], order("A-1").to_string()).await.status, 201);
    assert_eq!(bench.call("POST", "/api/orders/", FOREIGN[1], order("A-2").to_string()).await.status, 403);
    assert_eq!(bench.call("DELETE", "/api/orders/A-1", FOREIGN[0], "").await.status, 403);
}

#[tokio::test]
async fn ones_own_pages_programs_and_services_go_on() {
    let bench = Peer::new().bench_with(|options| options.hosts = HOSTS.parse().unwrap());
    for (number, headers) in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://bodega.test"), ("host", "127.0.0.1:8000")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://bodega.test"), ("host", "bodega.test")],
        &[INTERNAL[0], INTERNAL[1], ("sec-fetch-site", "cross-site")],
    ]
    .into_iter()
    .enumerate()
    {
        let body = order(&format!("A-{number}")).to_string();
        assert_eq!(bench.call("POST", "/api/orders/", headers, body).await.status, 201, "{headers:?}");
    }
}
