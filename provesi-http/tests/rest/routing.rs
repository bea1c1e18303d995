//! Paths and methods.

use axum::Router;
use axum::http::Request;
use axum::routing::get;
use provesi_http::HttpOptions;
use tower::ServiceExt;

use crate::support::Bench;

#[tokio::test]
async fn the_other_spelling_of_a_path_leads_to_the_right_one() {
    let bench = Bench::new();
    for (path, location) in [
        ("/api/clients", "/api/clients/"),
        ("/api/clients?q=a%20b&x", "/api/clients/?q=a%20b&x"),
        ("/api/clients//", "/api/clients/"),
        ("/api/clients/abc/", "/api/clients/abc"),
        ("/api/clients/%C3%B1/?y=1", "/api/clients/%C3%B1?y=1"),
        ("/api/clients/health/status/", "/api/clients/health/status"),
        ("/api/orders", "/api/orders/"),
        ("/api/orders/A-1/", "/api/orders/A-1"),
        ("/api/orders/returns/", "/api/orders/returns"),
        ("/api/orders/A-1/history/", "/api/orders/A-1/history"),
        ("/api/orders/health/status/", "/api/orders/health/status"),
        ("/api/health/", "/api/health"),
        ("/api/docs/", "/api/docs"),
        ("/api/redoc/", "/api/redoc"),
        ("/openapi.json/", "/openapi.json"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"] {
            let answer = bench.call(method, path, &[], "").await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (307, location), "{method} {path}");
            assert!(answer.bytes.is_empty());
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let bench = Bench::new();
    assert_eq!(bench.post("/api/x", "{}").await.error(), (404, "route.not_found".to_owned()));
    for path in [
        "/api",
        "/api/",
        "/api/x",
        "/api/clients/a/b",
        "/api/clients/a%2Fb",
        "/api/orders/a%2fb",
        "/api/orders/a%2fb/history",
        "/api/orders/a/b/c",
        "/api/docs/../x",
        "/api/docs/nothing.js",
        "/api/docs/%ff",
        "/api/%ff",
    ] {
        let answer = bench.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["detail"], "Not Found", "{path}");
    }
}

#[tokio::test]
async fn what_the_path_cannot_hold_is_answered_by_us() {
    let bench = Bench::new();
    for id in ["%ff", "%00", "abc", "%C3%B1", "%20", "health"] {
        let answer = bench.get(&format!("/api/clients/{id}")).await;
        assert_eq!(answer.error(), (400, "client.invalid_id".to_owned()), "{id}");
    }
    for number in ["%ff", "%00", "a_b", "%C3%B1", "%20", "health", &"x".repeat(33)] {
        for path in [format!("/api/orders/{number}"), format!("/api/orders/{number}/history")] {
            let answer = bench.get(&path).await;
            assert_eq!(answer.error(), (404, "order.not_found".to_owned()), "{number}");
            assert_eq!(answer.json()["detail"], "Orden no encontrada");
        }
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let bench = Bench::new();
    for (path, allowed) in [
        ("/api/clients/", "GET,HEAD,POST"),
        ("/api/clients/abc", "DELETE,GET,HEAD,PUT"),
        ("/api/clients/health/status", "GET,HEAD"),
        ("/api/orders/", "GET,HEAD,POST"),
        ("/api/orders/A-1", "DELETE,GET,HEAD,PUT"),
        ("/api/orders/returns", "DELETE,GET,HEAD,PUT"),
        ("/api/orders/A-1/history", "GET,HEAD"),
        ("/api/orders/health/status", "GET,HEAD"),
        ("/api/health", "GET,HEAD"),
        ("/api/docs", "GET,HEAD"),
        ("/openapi.json", "GET,HEAD"),
    ] {
        let allow = |answer: &crate::support::Answer| {
            let mut methods: Vec<_> = answer.header("allow").split(',').map(|m| m.trim().to_owned()).collect();
            methods.sort();
            methods.join(",")
        };
        for method in ["PATCH", "OPTIONS"] {
            let refused = bench.call(method, path, &[], "").await;
            assert_eq!((refused.status.as_u16(), allow(&refused)), (405, allowed.to_owned()), "{method} {path}");
            assert_eq!(refused.json()["detail"], "Method Not Allowed");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    for path in [
        "/api/clients/",
        &format!("/api/clients/{id}"),
        "/api/clients/abc",
        "/api/orders/",
        "/api/orders/A-1",
        "/api/orders/returns",
        "/api/orders/A-1/history",
        "/api/health",
        "/api/docs",
        "/openapi.json",
    ] {
        let (get, head) = (bench.get(path).await, bench.call("HEAD", path, &[], "").await);
        assert_eq!(get.status, head.status, "{path}");
        assert!(!get.bytes.is_empty() && head.bytes.is_empty(), "{path}");
        for header in ["etag", "content-type", "content-length"] {
            assert_eq!(get.header(header), head.header(header), "{path} {header}");
        }
    }
}

#[tokio::test]
async fn an_order_whose_number_is_a_path_of_ours_can_be_edited() {
    let bench = Bench::new();
    bench.order("returns", None).await;
    assert_eq!(bench.put("/api/orders/returns", r#"{"status":"packing"}"#).await.status, 200);
    assert_eq!(bench.get("/api/orders/RETURNS").await.json()["data"]["status"], "packing");
    assert_eq!(bench.call("DELETE", "/api/orders/returns", &[], "").await.status, 200);
}

#[tokio::test]
async fn the_router_leaves_other_paths_to_the_embedder() {
    let mut options = HttpOptions::default();
    options.pages = None;
    let bench = Bench::with(options);
    let site = Router::new()
        .route("/", get(|| async { "home" }))
        .merge(bench.router.clone())
        .fallback(|| async { "embedder" });
    let text = async |site: &Router, path: &str| {
        let request = Request::get(path).header("host", "localhost").body(axum::body::Body::empty()).unwrap();
        let answer = site.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert_eq!(text(&site, "/").await, "home");
    assert_eq!(text(&site, "/elsewhere").await, "embedder");
    assert!(text(&site, "/api/elsewhere").await.contains("Not Found"));
    assert!(text(&site, "/api/orders/").await.contains("success"));

    let nested = Bench { router: Router::new().nest("/bodega", bench.router.clone()), ..bench };
    assert_eq!(nested.get("/bodega/api/orders/").await.status, 200);
    assert_eq!(nested.get("/bodega/api/orders?q=1").await.header("location"), "/bodega/api/orders/?q=1");
    let document = nested.get("/bodega/openapi.json").await.json();
    assert_eq!(document["servers"], serde_json::json!([{"url": "/bodega"}]));
    assert_eq!(nested.put("/bodega/api/orders/returns", "{}").await.error().0, 404);
}
