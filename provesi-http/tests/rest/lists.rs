//! Lists: whole and by pages, filtered, and what happens when a store fails under them.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http_body_util::BodyExt;
use provesi_core::ClientListing;
use provesi_testkit::data::client_row;
use provesi_testkit::{Call, Fault, Faults};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::log;
use crate::support::{Answer, Bench};

fn numbers(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|order| order["order_number"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn clients_are_listed_by_name_with_the_numbers_of_their_orders() {
    let bench = Bench::new();
    for (name, email) in [("Óscar", "o@example.com"), ("ana", "a@example.com"), ("Nube", "n@example.com")] {
        bench.client(name, email).await;
    }
    let nandu = bench.client("Ñandú", "nandu@example.com").await;
    bench.order("A-1", Some(&nandu)).await;
    let list = bench.get("/api/clients/").await.json();
    let rows: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|row| (&row["name"], &row["orders_count"])).collect();
    let expected =
        [("ana", 0), ("Nube", 0), ("Ñandú", 1), ("Óscar", 0)].map(|(name, count)| (json!(name), json!(count)));
    assert_eq!(rows, expected.iter().map(|(name, count)| (name, count)).collect::<Vec<_>>());

    let found = bench.get("/api/clients/?q=nandu").await.json();
    assert_eq!(found["data"][0]["name"], "Ñandú");
    let first = bench.get("/api/clients/?limit=3&q=+").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bench.get(&format!("/api/clients/?limit=3&cursor={cursor}")).await.json();
    assert_eq!((&second["data"][0]["name"], &second["next_cursor"]), (&json!("Óscar"), &Value::Null));

    bench.orders.fail_all();
    for path in ["/api/clients/", "/api/clients/?limit=9"] {
        let list = bench.get(path).await.json();
        assert_eq!(list["data"][0]["orders_count"], Value::Null);
        assert_eq!(list["warnings"], json!(["orders_unavailable"]), "{path}");
    }
}

/// A text that is base64, with what its parts are if they are base64 too.
fn decoded(text: &str) -> String {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let parts = bytes.split(|byte| *byte == b':').map(|part| BASE64_STANDARD.decode(part).unwrap_or_default());
    let parts: Vec<u8> = parts.flatten().collect();
    format!("{}{}", String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&parts))
}

#[tokio::test]
async fn a_cursor_of_clients_shows_no_name_and_goes_on_at_another_process() {
    let bench = Bench::new();
    for (name, email) in [("Ana", "a@example.com"), ("Bea", "b@example.com"), ("Caro", "c@example.com")] {
        bench.client(name, email).await;
    }
    let next = |answer: &Answer| answer.json()["next_cursor"].as_str().unwrap().to_owned();
    let cursor = next(&bench.get("/api/clients/?limit=1").await);
    assert!(cursor.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{cursor}");
    assert!(!decoded(&cursor).contains("Ana") && !decoded(&cursor).contains("\"p\""), "{cursor}");
    let path = format!("/api/clients/?limit=1&cursor={cursor}");
    assert_eq!(bench.get(&path).await.json()["data"][0]["name"], "Bea");
    let elsewhere = Bench::on(bench.memory.clone());
    let page = elsewhere.get(&path).await;
    assert_eq!(page.json()["data"][0]["name"], "Bea");
    assert_eq!(bench.get(&format!("/api/clients/?cursor={}", next(&page))).await.json()["data"][0]["name"], "Caro");
    // One that was changed, that nobody sealed, or that is much too long.
    let changed = if cursor.ends_with('A') { "Q" } else { "A" };
    let plain = ClientListing::default().cursor_at(&client_row(1, "Ana")).to_string();
    for cursor in [format!("{}{changed}", &cursor[..cursor.len() - 1]), plain, "A".repeat(6_000), String::new()] {
        let refused = bench.get(&format!("/api/clients/?cursor={cursor}")).await;
        assert_eq!(refused.error(), (400, "cursor.invalid".to_owned()), "{cursor}");
    }
    // With the store of orders down, where the shared key is, this process uses its own.
    let alone = Bench::on(bench.memory.clone());
    alone.orders.fail_all();
    let own = next(&alone.get("/api/clients/?limit=1").await);
    let path = format!("/api/clients/?limit=1&cursor={own}");
    assert_eq!(alone.get(&path).await.json()["data"][0]["name"], "Bea");
    alone.orders.clear();
    assert_eq!(alone.get(&path).await.json()["data"][0]["name"], "Bea");
    assert_eq!(bench.get(&path).await.error(), (400, "cursor.invalid".to_owned()));
}

#[tokio::test]
async fn a_search_that_stopped_early_says_so_and_goes_on() {
    let bench = Bench::new();
    for (name, email) in [("Ana", "a@example.com"), ("Anabel", "b@example.com"), ("Juana", "c@example.com")] {
        bench.client(name, email).await;
    }
    bench.clients.arm(Call::Page, Fault::StopEarly, 1);
    let first = bench.get("/api/clients/?limit=9&q=ana").await;
    let first = (first.status.as_u16(), first.json());
    assert_eq!((first.0, &first.1["status"]), (200, &json!("success")), "what was found is no error");
    let names = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((names(&first.1), &first.1["warnings"]), (vec!["Ana".to_owned()], &json!(["search_stopped_early"])));
    let cursor = first.1["next_cursor"].as_str().unwrap();
    let second = bench.get(&format!("/api/clients/?limit=9&q=ana&cursor={cursor}")).await.json();
    assert_eq!(names(&second), ["Anabel", "Juana"]);
    assert_eq!((&second["next_cursor"], second.get("warnings")), (&Value::Null, None));

    // Together with what else an answer may lack.
    bench.clients.arm(Call::Page, Fault::StopEarly, 1);
    bench.orders.fail_all();
    let list = bench.get("/api/clients/?limit=9&q=ana").await.json();
    assert_eq!(list["warnings"], json!(["orders_unavailable", "search_stopped_early"]));
}

#[tokio::test]
async fn orders_are_listed_latest_change_first_and_filtered() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&client)).await;
    bench.order("A-2", None).await;
    bench.order("B-1", Some(&client)).await;
    bench.put("/api/orders/A-1", r#"{"status":"packing"}"#).await;
    let get = async |query: &str| bench.get(&format!("/api/orders/{query}")).await.json();
    let all = get("").await;
    assert_eq!(numbers(&all), ["A-1", "B-1", "A-2"]);
    assert_eq!(all.get("next_cursor"), None);
    assert_eq!((all["data"][0]["client"]["name"].as_str(), all["data"][2].get("client")), (Some("Ana"), None));
    assert_eq!(numbers(&get("?q=a-").await), ["A-1", "A-2"]);
    assert_eq!(numbers(&get("?status=packing&status=shipped").await), ["A-1"]);
    assert_eq!(numbers(&get("?status=packing&status=received&q=1").await), ["A-1", "B-1"]);
    assert_eq!(numbers(&get(&format!("?client_id={}&unknown=1", client.to_uppercase())).await), ["A-1", "B-1"]);
    assert_eq!(numbers(&get("?q=zzz&q=b").await), ["B-1"]);
    assert_eq!(get("?q=zzz").await, json!({"status": "success", "data": []}));

    let mut seen = Vec::new();
    let mut path = "?limit=1".to_owned();
    loop {
        let page = get(&path).await;
        seen.extend(numbers(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, ["A-1", "B-1", "A-2"]);
    let cursor = get("?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&get(&format!("?cursor={cursor}")).await), ["B-1", "A-2"]);
    for query in [format!("?cursor={cursor}&q=a"), "?cursor=x".to_owned(), "?cursor=".to_owned()] {
        let answer = bench.get(&format!("/api/orders/{query}")).await;
        assert_eq!(answer.error(), (400, "cursor.invalid".to_owned()), "{query}");
    }
    let answer = bench.get(&format!("/api/clients/?cursor={cursor}")).await;
    assert_eq!(answer.error(), (400, "cursor.invalid".to_owned()));
}

#[tokio::test]
async fn a_parameter_that_cannot_be_is_refused() {
    let bench = Bench::new();
    for (query, faults) in [
        ("status=lost", &["enum query.status"][..]),
        ("status=packing&status=", &["enum query.status"]),
        ("client_id=abc", &["value_error query.client_id"]),
        ("q=a_b", &["value_error query.q"]),
        ("limit=", &["int_parsing query.limit"]),
        ("limit=x", &["int_parsing query.limit"]),
        ("limit=1.5", &["int_parsing query.limit"]),
        ("limit=0", &["greater_than_equal query.limit"]),
        ("limit=-99999999999999999999", &["greater_than_equal query.limit"]),
        ("limit=1001", &["less_than_equal query.limit"]),
        ("limit=99999999999999999999", &["less_than_equal query.limit"]),
        (
            "limit=0&client_id=x&status=x&q=%00&cursor=x",
            &[
                "value_error query.q",
                "enum query.status",
                "value_error query.client_id",
                "greater_than_equal query.limit",
            ],
        ),
    ] {
        assert_eq!(bench.get(&format!("/api/orders/?{query}")).await.faults(), faults, "{query}");
    }
    let answer = bench.get(&format!("/api/clients/?q={}", "x".repeat(101))).await;
    assert_eq!(answer.faults(), ["string_too_long query.q"]);
    assert_eq!(bench.get("/api/orders/?limit=x&limit=+7+&%ff=%ff&&=").await.status, 200);
}

#[tokio::test]
async fn returns_come_with_their_total() {
    let bench = Bench::new();
    for number in ["R-1", "R-2", "R-3"] {
        bench.order(number, None).await;
        bench.put(&format!("/api/orders/{number}"), r#"{"status":"returned","return_reason":"roto"}"#).await;
    }
    bench.put("/api/orders/R-1", r#"{"return_reason":"mojado"}"#).await;
    bench.order("X-1", None).await;
    let list = bench.get("/api/orders/returns").await.json();
    assert_eq!(numbers(&list), ["R-3", "R-2", "R-1"]);
    assert_eq!((&list["total"], &list["data"][2]["return_reason"]), (&json!(3), &json!("mojado")));
}

const MANY: usize = 2_500;

async fn many_orders(bench: &Bench, client: Option<&str>) {
    for number in 0..MANY {
        bench.order(&format!("M-{number}"), client).await;
    }
}

async fn body_of(bench: &Bench, path: &str) -> Body {
    let answer = bench
        .router
        .clone()
        .oneshot(Request::get(path).header("host", "localhost").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("content-length"));
    answer.into_body()
}

#[tokio::test]
async fn a_long_list_is_one_document_that_comes_in_pieces() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    many_orders(&bench, Some(&client)).await;
    for (path, orders) in [("/api/orders/", "/data"), (&*format!("/api/clients/{client}"), "/data/orders")] {
        let mut body = body_of(&bench, path).await;
        let (mut text, mut frames) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            text.extend_from_slice(frame.unwrap().data_ref().unwrap());
            frames += 1;
        }
        let document: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document.pointer(orders).unwrap().as_array().unwrap().len(), MANY);
        assert!(frames > 2, "{path}: {frames}");
    }
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_breaks_the_transfer_off() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    many_orders(&bench, Some(&client)).await;
    for path in ["/api/orders/", &format!("/api/clients/{client}")] {
        bench.orders.clear();
        bench.orders.arm_after(Call::Page, Fault::FailBefore, 1);
        let mut body = body_of(&bench, path).await;
        let mut last = None;
        while let Some(frame) = body.frame().await {
            last = Some(frame);
        }
        assert!(last.unwrap().is_err(), "{path}");
    }
}

#[tokio::test]
async fn with_the_clients_down_a_list_ends_with_a_warning() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&client)).await;
    bench.put("/api/orders/A-1", r#"{"status":"returned","return_reason":"roto"}"#).await;
    bench.clients.fail_all();
    for path in ["/api/orders/", "/api/orders/?limit=5", "/api/orders/returns"] {
        let list = bench.get(path).await.json();
        assert_eq!(list["warnings"], json!(["clients_unavailable"]), "{path}");
        assert_eq!(list["data"][0]["client"], Value::Null);
    }
    // Each time the cause is in the log, in the span of its request.
    let told = log::captured();
    let told: Vec<_> = told.lines().filter(|line| line.contains(Faults::CAUSE)).collect();
    assert!(
        told.len() == 3 && told.iter().all(|line| line.contains("WARN") && line.contains("request_id")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_reader_at_the_other_end_of_a_socket_sees_that_a_transfer_broke_off() {
    let bench = Bench::new();
    many_orders(&bench, None).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, bench.router.clone()).into_future());
    for complete in [true, false] {
        if !complete {
            bench.orders.arm_after(Call::Page, Fault::FailBefore, 1);
        }
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /api/orders/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good a sign as a missing end.
        let _ = socket.read_to_end(&mut answer).await;
        // What was written just before may be lost with the connection, the status line included.
        let ends = answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n0\r\n\r\n");
        assert_eq!(ends, complete, "{} bytes", answer.len());
    }
    server.abort();
}

#[tokio::test]
async fn an_answer_holds_a_hundred_faults_at_most_and_says_how_many_more_there_are() {
    let bench = Bench::new();
    let query = |count: usize| format!("/api/orders/?{}", "status&".repeat(count));
    let all = bench.get(&query(100)).await;
    assert_eq!((all.faults().len(), all.json().get("omitted").cloned()), (100, None));
    let some = bench.get(&query(9_000)).await;
    assert_eq!((some.faults().len(), &some.json()["omitted"]), (100, &json!(8_900)));
    assert!(some.bytes.len() < 64 * 1024, "{}", some.bytes.len());
    // A fault of another parameter counts as well.
    assert_eq!(bench.get(&format!("{}limit=0", query(100))).await.json()["omitted"], 1);
}

#[tokio::test]
async fn a_long_input_is_cut_in_the_answer() {
    let bench = Bench::new();
    let input = |answer: &crate::support::Answer| answer.json()["detail"][0]["input"].clone();
    let text = "ñ".repeat(2_000);
    let whole = bench.call("GET", &format!("/api/orders/?status={}", "x".repeat(4_096)), &[], "").await;
    assert_eq!(input(&whole), "x".repeat(4_096));
    let cut = bench.post("/api/clients/", &json!({"name": "Ana", "email": text.repeat(2)}).to_string()).await;
    assert_eq!(input(&cut), format!("{}…", "ñ".repeat(2_048)));
    let members: serde_json::Map<_, _> = (0..4_000).map(|number| (format!("k{number}"), json!([number]))).collect();
    let short = bench.post("/api/clients/", &Value::Object(members).to_string()).await;
    assert_eq!(short.faults(), ["missing body.name", "missing body.email"]);
    assert!(short.bytes.len() < 16 * 1024 && input(&short)["k0"] == json!([0]), "{}", short.bytes.len());
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(bench.post("/api/clients/", &deep).await.faults()[0], "string_type body.name");
}
