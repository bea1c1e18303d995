//! How bodies are read and refused.

use serde_json::{Value, json};

use crate::support::Bench;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

#[tokio::test]
async fn content_types_count_as_pythons_email_parser_reads_them() {
    let bench = Bench::new();
    for (number, content_type) in [
        "",
        "application/json",
        "Application/JSON",
        " application/json ; charset=x",
        "application/vnd.api+json",
        "application/problem+json;x=y",
    ]
    .iter()
    .enumerate()
    {
        let body = format!(r#"{{"order_number":"CT-{number}"}}"#);
        let answer = bench.call("POST", "/api/orders/", &[("content-type", content_type)], body).await;
        assert_eq!(answer.status, 201, "{content_type:?}");
    }
    for content_type in ["text/json", "text/plain", "json", "application/jsonx", "application/x/json", "application/"] {
        let answer = bench.call("POST", "/api/orders/", &[("content-type", content_type)], "{}").await;
        assert_eq!(answer.faults(), ["model_attributes_type body"], "{content_type:?}");
        assert_eq!(answer.json()["detail"][0]["input"], "{}");
    }
}

#[tokio::test]
async fn no_body_is_missing_whatever_its_type() {
    let bench = Bench::new();
    for headers in [JSON, &[], &[("content-type", "text/plain")]] {
        let answer = bench.call("POST", "/api/clients/", headers, "").await;
        assert_eq!(answer.faults(), ["missing body"]);
    }
}

#[tokio::test]
async fn every_encoding_of_json_is_read() {
    let bench = Bench::new();
    let bodies = |number: &str| {
        let text = format!(r#"{{"order_number":"{number}"}}"#);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        [text.clone().into_bytes(), [b"\xef\xbb\xbf", text.as_bytes()].concat(), little, big]
    };
    for (at, body) in bodies("E-0").into_iter().enumerate() {
        let expected = if at == 0 { 201 } else { 400 };
        let answer = bench.call("POST", "/api/orders/", JSON, body).await;
        assert_eq!(answer.status, expected, "{at}: {:?}", answer.bytes);
    }
    for body in [&b"{\"order_number\":\"\xff\"}"[..], b"{\0\"\0x", b"\xfe\xff\0"] {
        let answer = bench.call("POST", "/api/orders/", JSON, body).await;
        assert_eq!(answer.error(), (400, "request.unreadable".to_owned()));
        assert_eq!(answer.json()["detail"], "There was an error parsing the body");
    }
}

#[tokio::test]
async fn a_fault_of_syntax_is_told_with_its_place_in_characters() {
    let bench = Bench::new();
    let answer = bench.post("/api/clients/", "{\"name\": \"🚚ñ\", x").await;
    let expected = json!({"detail": [{
        "type": "json_invalid",
        "loc": ["body", 15],
        "msg": "JSON decode error",
        "input": {},
        "ctx": {"error": "Expecting property name enclosed in double quotes"},
    }]});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn all_faults_of_the_fields_are_told_in_field_order() {
    let bench = Bench::new();
    let long = |count: usize| "x".repeat(count);
    let text = json!({
        "address": long(1_001), "phone": long(21), "email": "a@b", "name": long(101), "vip": 1,
    });
    let answer = bench.post("/api/clients/", &text.to_string()).await;
    let expected = [
        "string_too_long body.name",
        "value_error body.email",
        "string_too_long body.phone",
        "string_too_long body.address",
    ];
    assert_eq!(answer.faults(), expected);
    let first = &answer.json()["detail"][0];
    assert_eq!(first["msg"], "String should have at most 100 characters");
    assert_eq!((&first["ctx"], &first["input"]), (&json!({"max_length": 100}), &Value::from(long(101))));

    let text = json!({"order_number": long(33), "client_id": 1, "status": [], "return_reason": long(2_001)});
    let expected = [
        "string_too_long body.order_number",
        "string_type body.client_id",
        "enum body.status",
        "string_too_long body.return_reason",
    ];
    bench.order("A-1", None).await;
    for answer in
        [bench.post("/api/orders/", &text.to_string()).await, bench.put("/api/orders/A-1", &text.to_string()).await]
    {
        assert_eq!(answer.faults(), expected);
    }
}

#[tokio::test]
async fn texts_that_no_field_may_hold_are_refused_at_the_field() {
    let bench = Bench::new();
    for (name, fault) in [
        (r#""a\u0000b""#, "value_error"),
        (r#""a\nb""#, "value_error"),
        (r#"" \u00a0 ""#, "value_error"),
        (r#""\ud800""#, "string_unicode"),
        ("NaN", "string_type"),
        ("-Infinity", "string_type"),
        ("1e999", "string_type"),
        ("null", "string_type"),
        ("{\"a\":[1.5,true,\"x\"]}", "string_type"),
    ] {
        let body = format!(r#"{{"name":{name},"email":"a@example.com"}}"#);
        let answer = bench.post("/api/clients/", &body).await;
        assert_eq!(answer.faults(), [format!("{fault} body.name")], "{name}");
    }
    let answer = bench.post("/api/clients/", r#"{"name":{"a":[1.5,true,"x"]},"email":"a@example.com"}"#).await;
    assert_eq!(answer.json()["detail"][0]["input"], json!({"a": [1.5, true, "x"]}));
}

#[tokio::test]
async fn line_breaks_in_an_address_and_a_half_of_an_escaped_pair_elsewhere_are_fine() {
    let bench = Bench::new();
    let body = r#"{"name":"\ud83d\ude9a","email":"a@example.com","address":"x\r\n\ty","other":"\ud800"}"#;
    let answer = bench.post("/api/clients/", body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.bytes);
    assert_eq!(answer.json()["data"]["name"], "🚚");
    assert_eq!(answer.json()["data"]["address"], "x\r\n\ty");
}

#[tokio::test]
async fn what_is_nested_too_deep_is_unreadable_and_harms_nobody() {
    let bench = Bench::new();
    for depth in [600, 30_000] {
        let body = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(bench.post("/api/clients/", &body).await.error().0, 400, "{depth}");
    }
    let answer = bench.post("/api/clients/", &("[".repeat(400) + &"]".repeat(400))).await;
    // What was sent is told back, deeper than this test's reader reads.
    assert_eq!(answer.status, 422);
}

#[tokio::test]
async fn a_body_of_many_members_is_read_in_time_that_does_not_explode() {
    let bench = Bench::new();
    let members: String = (0..6_000).map(|at| format!("\"k{at}\":0,")).collect();
    let body = format!("{{{members}\"order_number\":\"M-1\"}}");
    let answer = bench.post("/api/orders/", &body).await;
    assert_eq!(answer.status, 201);
}
