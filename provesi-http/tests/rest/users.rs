//! The header in which a proxy says who asks.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use provesi_core::App;
use provesi_http::HttpOptions;
use provesi_testkit::MemoryStore;
use std::sync::Arc;
use tower::ServiceExt;

/// Who made an order, as its history tells, where these headers came with it.
async fn maker(header: Option<&'static str>, given: &[(&str, &[u8])]) -> String {
    let store = Arc::new(MemoryStore::new());
    let mut options = HttpOptions::default();
    options.user_header = header.map(|name| name.parse().unwrap());
    let router = provesi_http::router_with(App::new(Arc::clone(&store) as _, store), options);
    let mut request = Request::post("/api/orders/").header("content-type", "application/json");
    for (name, value) in given {
        request = request.header(*name, *value);
    }
    let made = router.clone().oneshot(request.body(Body::from(r#"{"order_number":"A-1"}"#)).unwrap()).await.unwrap();
    assert_eq!(made.status(), 201);
    let history = Request::get("/api/orders/A-1/history").body(Body::empty()).unwrap();
    let history = router.oneshot(history).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let history: serde_json::Value = serde_json::from_slice(&history).unwrap();
    history["data"][0]["actor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_is_who_the_proxys_header_names_and_nobody_without_it() {
    let header = Some("x-forwarded-user");
    assert_eq!(maker(header, &[("x-forwarded-user", "Ana Núñez".as_bytes())]).await, "user:Ana Núñez");
    assert_eq!(maker(header, &[]).await, "anonymous");
    // Without the setting anybody could say so.
    assert_eq!(maker(None, &[("x-forwarded-user", b"Ana")]).await, "anonymous");
    assert_eq!(maker(header, &[("remote-user", b"Ana")]).await, "anonymous");
}

#[tokio::test]
async fn a_name_that_cannot_be_or_is_given_twice_is_nobodys() {
    let header = Some("x-forwarded-user");
    let long = "x".repeat(65);
    for value in [&b""[..], b"  ", b"\xff\xfe", long.as_bytes()] {
        assert_eq!(maker(header, &[("x-forwarded-user", value)]).await, "anonymous", "{value:?}");
    }
    assert_eq!(maker(header, &[("x-forwarded-user", b"Ana"), ("x-forwarded-user", b"Eva")]).await, "anonymous");
}
