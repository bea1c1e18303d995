//! The exchanges recorded from the Python system (`recorded/api.json`), replayed against the running server.

use std::collections::HashMap;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use provesi_testkit::servers::wanted;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::place::{Place, on_every_arrangement};
use crate::python::{Python, is_left_behind};
use crate::server::Server;

/// What is answered differently on purpose: the exchange, our status, and the reason. Nothing but the status of these
/// is compared.
const DIFFERENCES: &[(&str, u16, &str)] = &[
    ("clients/create-dup-email-upper-local", 400, "one e-mail address whatever the letter case"),
    ("clients/create-name-empty", 422, "a blank name is refused"),
    ("clients/create-name-blank", 422, "a blank name is refused"),
    ("clients/create-name-101", 422, "422 for 500: a name over 100"),
    ("clients/create-phone-21", 422, "422 for 500: a phone over 20"),
    ("clients/create-nul-name", 422, "422: NUL in a text"),
    ("clients/create-lone-surrogate", 422, "422 for 500: no Unicode text"),
    ("clients/create-nan", 422, "422 for 500: no text"),
    ("orders/create-status-returned", 400, "a return needs a reason"),
    ("orders/create-status-returned-with-reason", 201, "a return is made with its reason and date"),
    ("orders/create-status-null", 201, "201 for 500: null is the default"),
    ("orders/put-number-new", 200, "its reason of 5,000 characters came from an exchange that is not recorded"),
    ("orders/put-number-newline", 400, "a line break at the end of a number is refused"),
    ("orders/put-number-newline-back", 404, "a line break at the end of a number is refused"),
    ("clients/get-with-orders-upper-hex", 200, "ids are lower case always, so no order gets lost"),
];

/// What must have been sent between the recorded exchanges: before which one, and what.
const UNRECORDED: &[(&str, &str, &str, &str)] = &[
    (
        "clients/get-with-orders",
        "POST",
        "/api/orders/",
        r#"{"order_number":"DEL-1","client_id":"6b050af88b3059b0f6123a0e"}"#,
    ),
    (
        "clients/get-with-orders",
        "POST",
        "/api/orders/",
        r#"{"order_number":"DEL-2","client_id":"6b050af88b3059b0f6123a0e"}"#,
    ),
    ("clients/get-deleted", "DELETE", "/api/clients/6b050af88b3059b0f6123a0e", ""),
];

/// The ids of clients as they were recorded, and as they are here.
#[derive(Default)]
struct Ids(HashMap<String, String>);

impl Ids {
    fn learn(&mut self, recorded: &Value, ours: &Value) {
        if let (Some(recorded), Some(ours)) = (recorded["data"]["id"].as_str(), ours["data"]["id"].as_str()) {
            self.0.insert(recorded.to_owned(), ours.to_owned());
        }
    }

    fn translate(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (recorded, ours)| {
            text.replace(recorded, ours).replace(&recorded.to_uppercase(), &ours.to_uppercase())
        })
    }
}

/// The body's bytes: what is no text is spelled `\xNN`.
fn bytes(body: &str) -> Vec<u8> {
    let mut parts = body.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// Leaves out what may differ: instants, the ids of orders, and what we say besides.
fn comparable(value: &Value, ids: &Ids) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !["code", "next_statuses"].contains(&name.as_str()))
            .map(|(name, value)| {
                let loose = name.ends_with("_at") || (name == "id" && value.is_number());
                (name.clone(), if loose { Value::from("any") } else { comparable(value, ids) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| comparable(item, ids)).collect(),
        Value::String(text) => ids.translate(text).into(),
        other => other.clone(),
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request with its path and its body as they are, on a connection of its own.
async fn call(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let stream = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header(header::HOST, server.address.to_string());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = sender.send_request(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    Answer { status: parts.status, headers: parts.headers, bytes: body.collect().await.unwrap().to_bytes() }
}

async fn send(server: &Server, request: &Value, ids: &Ids) -> Answer {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let headers = request["headers"].as_object();
    let headers: Vec<_> =
        headers.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let body = match text("body") {
        raw if raw.contains("\\x") => bytes(raw),
        plain => ids.translate(plain).into_bytes(),
    };
    call(server, text("method"), &ids.translate(text("path")), &headers, body).await
}

on_every_arrangement!(the_recorded_exchanges_are_answered_alike);

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_exchanges_are_answered_alike_on_what_the_python_system_left() {
    if wanted("postgres") && wanted("mongodb") {
        let place = Place::pair().await;
        Python::leave_behind(&place).await;
        the_recorded_exchanges_are_answered_alike(place).await;
    }
}

/// Takes what was there before out of an answer with a list, which was recorded of a system that was empty.
fn without_leftovers(mut answer: Value) -> Value {
    let Some(items) = answer.get_mut("data").and_then(Value::as_array_mut) else { return answer };
    let before = items.len();
    items.retain(|item| !is_left_behind(item));
    let left_behind = before - items.len();
    if let Some(total) = answer["total"].as_u64() {
        answer["total"] = Value::from(total - left_behind as u64);
    }
    answer
}

async fn the_recorded_exchanges_are_answered_alike(place: Place) {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("../../recorded/api.json")).unwrap();
    let server = Server::start(place).await;
    let mut ids = Ids::default();
    let mut faults = Vec::new();
    for exchange in &recorded {
        let name = exchange["name"].as_str().unwrap();
        for (_, method, path, body) in UNRECORDED.iter().filter(|(before, ..)| *before == name) {
            let answer = call(&server, method, &ids.translate(path), &[], ids.translate(body).into_bytes()).await;
            assert!(answer.status.is_success(), "{name}: {:?}", answer.bytes);
        }
        let answer = send(&server, &exchange["request"], &ids).await;
        let body = without_leftovers(serde_json::from_slice(&answer.bytes).unwrap_or(Value::from("")));
        if answer.status == 201 {
            ids.learn(&exchange["body"], &body);
        }
        let difference = DIFFERENCES.iter().find(|(exchange, ..)| *exchange == name);
        let status =
            difference.map_or_else(|| exchange["status"].as_u64().unwrap(), |(_, status, _)| u64::from(*status));
        if u64::from(answer.status.as_u16()) != status {
            faults.push(format!("{name}: {} for {status}: {body}", answer.status));
        } else if difference.is_none() {
            let (expected, got) = (comparable(&exchange["body"], &ids), comparable(&body, &Ids::default()));
            if expected != got {
                faults.push(format!("{name}:\n  expected {expected}\n  got      {got}"));
            }
            for header in ["location", "allow"] {
                let expected = ids.translate(exchange[header].as_str().unwrap_or_default());
                if expected != answer.header(header) {
                    faults.push(format!("{name}: {header} {:?} for {expected:?}", answer.header(header)));
                }
            }
            let content_type = exchange["content_type"].as_str().unwrap_or_default();
            if content_type != answer.header("content-type") {
                faults.push(format!("{name}: {:?} for {content_type:?}", answer.header("content-type")));
            }
        }
    }
    assert!(recorded.len() > 100, "{} exchanges", recorded.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
