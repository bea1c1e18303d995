//! The OpenAPI document and the page that shows it.

use std::collections::HashSet;

use provesi_http::HttpOptions;
use serde_json::Value;

use crate::support::Bench;

#[tokio::test]
async fn the_document_describes_every_route() {
    let bench = Bench::new();
    let answer = bench.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(provesi_http::openapi_json().as_bytes(), answer.bytes);
    for (path, methods) in [
        ("/api/clients/", &["get", "post"][..]),
        ("/api/clients/{id}", &["get", "put", "delete"]),
        ("/api/clients/health/status", &["get"]),
        ("/api/orders/", &["get", "post"]),
        ("/api/orders/returns", &["get"]),
        ("/api/orders/{number}", &["get", "put", "delete"]),
        ("/api/orders/{number}/history", &["get"]),
        ("/api/orders/health/status", &["get"]),
        ("/api/audit", &["get"]),
        ("/api/orders/by-id/{id}", &["get", "put", "delete"]),
        ("/api/health", &["get"]),
        ("/livez", &["get"]),
        ("/readyz", &["get"]),
    ] {
        let item = document["paths"][path].as_object().unwrap_or_else(|| panic!("{path}"));
        assert_eq!(item.len(), methods.len(), "{path}");
        for method in methods {
            assert!(item[*method]["responses"]["200"].is_object() || item[*method]["responses"]["201"].is_object());
        }
    }
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 13);
    let operations: Vec<_> = paths.values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let names: HashSet<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len());
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&provesi_http::openapi_json()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_and_all_that_it_needs_come_from_us() {
    let bench = Bench::new();
    for path in ["/api/docs", "/api/redoc"] {
        let page = bench.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        let text = String::from_utf8(page.bytes.to_vec()).unwrap();
        assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
        let assets: Vec<_> = ["href=\"", "src=\""]
            .iter()
            .flat_map(|attribute| text.split(attribute).skip(1))
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert!(assets.len() >= 6, "{text}");
        for asset in assets {
            assert_eq!(bench.get(&format!("/api/{asset}")).await.status, 200, "{asset}");
        }
        assert!(text.contains("name=\"viewport\""));
    }
    for path in ["/api/docs", "/api/redoc", "/api/docs/swagger-ui.css", "/api/docs/swagger-ui-bundle.js"] {
        let answer = bench.get(path).await;
        let csp = answer.header("content-security-policy");
        assert!(csp.starts_with("default-src 'self';") && !csp.contains("unsafe"), "{path}: {csp}");
        assert!(csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
        let others = ["x-frame-options", "referrer-policy"].map(|name| answer.header(name));
        assert_eq!(others, ["DENY", "same-origin"], "{path}");
    }
    let script = bench.get("/api/docs/swagger-initializer.js").await;
    let script = String::from_utf8(script.bytes.to_vec()).unwrap();
    assert!(script.contains("../openapi.json"), "{script}");
}

#[tokio::test]
async fn the_documents_can_be_left_out() {
    let mut options = HttpOptions::default();
    options.docs = false;
    let bench = Bench::with(options);
    for path in ["/api/docs", "/api/redoc", "/openapi.json", "/api/docs/swagger-ui.css"] {
        assert_eq!(bench.get(path).await.status, 404, "{path}");
    }
    assert_eq!(bench.get("/api/orders/").await.status, 200);
}
