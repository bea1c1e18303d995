use std::borrow::ToOwned;
use std::string::ToString;
use std::sync::Mutex;
use std::vec::Vec;
use std::{format, vec};

use serde_json::{Value, json};

use super::*;
use crate::keys::Keys;

#[derive(Debug)]
struct FixedClock(Mutex<Timestamp>);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Keeps what it was asked, and answers as it was told.
#[derive(Debug)]
struct TestGuard {
    asked: Mutex<Vec<(MessageId, Timestamp, Timestamp)>>,
    answer: Result<(), ReplayRefusal>,
}

impl ReplayGuard for TestGuard {
    fn enter(&self, message: &MessageId, until: Timestamp, now: Timestamp) -> Result<(), ReplayRefusal> {
        self.asked.lock().unwrap().push((message.clone(), until, now));
        self.answer
    }
}

struct Bench {
    messages: SecureMessages,
    keys: Arc<KeyRing>,
    clock: Arc<FixedClock>,
    guard: Arc<TestGuard>,
}

const NOW: &str = "2026-11-24T04:04:10.239263";

impl Bench {
    fn new() -> Self {
        Self::answering(Ok(()))
    }

    fn answering(answer: Result<(), ReplayRefusal>) -> Self {
        let clock = Arc::new(FixedClock(Mutex::new(NOW.parse().unwrap())));
        let guard = Arc::new(TestGuard { asked: Mutex::default(), answer });
        let keys = Arc::new(KeyRing::new(Keys::generate().unwrap()));
        let messages =
            SecureMessages::new(Arc::clone(&keys), Arc::<FixedClock>::clone(&clock), Arc::<TestGuard>::clone(&guard));
        Self { messages, keys, clock, guard }
    }

    fn set_clock(&self, to: &str) {
        *self.clock.0.lock().unwrap() = to.parse().unwrap();
    }

    fn seal(&self, data: &Value) -> Result<String, SealError> {
        self.messages.seal(&Seal { source: &name("orders"), destination: &name("clients"), data })
    }

    /// Opens this JSON as if somebody with the keys had sent it.
    fn open_json(&self, json: &Value) -> Result<Message, OpenError> {
        self.open_text(&json.to_string())
    }

    fn open_text(&self, text: &str) -> Result<Message, OpenError> {
        self.messages.open(&self.keys.encrypt(text).unwrap(), &Expected::at(&name("clients")))
    }

    fn times_asked(&self) -> usize {
        self.guard.asked.lock().unwrap().len()
    }
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn good() -> Value {
    json!({
        "data": {"x": 1},
        "source": "orders",
        "destination": "clients",
        "timestamp": NOW,
        "nonce": "lZHfXtKoT0yJdDpfzZmbSQ==",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut message = good();
    message[field] = value;
    message
}

#[test]
fn a_sealed_message_opens_as_it_was_sealed() {
    let bench = Bench::new();
    let data = json!({"name": "Ñandú 漢 🚚", "n": 1, "none": null});
    let token = bench.seal(&data).unwrap();
    let message = bench.messages.open(&token, &Expected::at(&name("clients")).sent_by(&name("orders"))).unwrap();
    assert_eq!((message.source(), message.destination()), (&name("orders"), &name("clients")));
    assert_eq!(message.timestamp().to_string(), NOW);
    assert_eq!(message.data::<Value>().unwrap(), data);
    assert_eq!(message.data_json(), data.to_string());
    assert_eq!(message.into_data_json(), data.to_string());
}

#[test]
fn the_json_inside_is_what_the_python_system_reads() {
    let bench = Bench::new();
    let text = bench.keys.decrypt(&bench.seal(&json!({"x": 1})).unwrap()).unwrap();
    let nonce = serde_json::from_str::<Value>(&text).unwrap()["nonce"].as_str().unwrap().to_owned();
    assert_eq!((nonce.len(), nonce.ends_with("==")), (24, true));
    let rest = format!(r#""destination":"clients","timestamp":"{NOW}","nonce":"{nonce}""#);
    assert_eq!(text, format!(r#"{{"data":{{"x":1}},"source":"orders",{rest}}}"#));
    // Each message has a nonce of its own.
    let other = bench.keys.decrypt(&bench.seal(&json!({"x": 1})).unwrap()).unwrap();
    assert!(!other.contains(&nonce));
}

#[test]
fn data_that_is_no_object_is_neither_sealed_nor_opened() {
    let bench = Bench::new();
    for data in [json!(null), json!(1), json!("text"), json!([{}]), json!(true)] {
        assert!(matches!(bench.seal(&data), Err(SealError::NotAnObject)), "{data}");
        assert_eq!(bench.open_json(&with("data", data)).unwrap_err(), OpenError::Malformed);
    }
    bench.seal(&json!({})).unwrap();
    bench.open_json(&with("data", json!({}))).unwrap();
}

#[test]
fn data_that_is_too_long_is_not_sealed() {
    let error = Bench::new().seal(&json!({"x": "x".repeat(MAX_PLAINTEXT_LEN)})).unwrap_err();
    assert!(matches!(error, SealError::TooLong { len } if len > MAX_PLAINTEXT_LEN), "{error:?}");
}

#[test]
fn what_is_no_message_is_malformed() {
    let bench = Bench::new();
    let mut bad = vec![json!(null), json!([1]), json!("x"), json!({})];
    for field in ["data", "source", "destination", "timestamp", "nonce"] {
        let mut message = good();
        message.as_object_mut().unwrap().remove(field);
        bad.push(message);
        bad.extend([json!(null), json!(1), json!(["x"]), json!("")].map(|value| with(field, value)));
    }
    for nonce in ["x", "AAAA", "lZHfXtKoT0yJdDpfzZmbSQ", "lZHfXtKoT0yJdDpfzZmbSR==", "lZHfXtKoT0yJdDpfzZmbSQ==\n"] {
        bad.push(with("nonce", json!(nonce)));
    }
    bad.push(with("nonce", json!("A".repeat(24))));
    for timestamp in ["2026-11-24T04:04:10.239263Z", "2026-11-24T04:04:10+00:00", "2026-11-24", "now"] {
        bad.push(with("timestamp", json!(timestamp)));
    }
    for service in ["órdenes", "a b", &"a".repeat(65)] {
        bad.extend([with("source", json!(service)), with("destination", json!(service))]);
    }
    for message in bad {
        assert_eq!(bench.open_json(&message).unwrap_err(), OpenError::Malformed, "{message}");
    }
    let good = good().to_string();
    for text in ["", "x", "{", &good[1..], &format!("{good} x"), &good.replacen('{', r#"{"nonce":"x","#, 1)] {
        assert_eq!(bench.open_text(text).unwrap_err(), OpenError::Malformed, "{text}");
    }
    assert_eq!(bench.times_asked(), 0);
    bench.open_text(&format!(" {} ", good.replacen('{', "{ \"other\": [1, {}], ", 1))).unwrap();
}

#[test]
fn deep_nesting_is_no_danger() {
    let bench = Bench::new();
    let deep = |depth: usize| {
        good().to_string().replace("{\"x\":1}", &format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth)))
    };
    bench.open_text(&deep(100)).unwrap();
    // What is inside of the data is the business of who reads it, and they may have limits.
    assert!(bench.open_text(&deep(200_000)).unwrap().data::<Value>().is_err());
}

#[test]
fn a_message_is_for_its_destination_only() {
    let bench = Bench::new();
    let token = bench.seal(&json!({})).unwrap();
    for other in ["orders", "Clients", "client"] {
        let opened = bench.messages.open(&token, &Expected::at(&name(other)).sent_by(&name("orders")));
        assert_eq!(opened.unwrap_err(), OpenError::WrongDestination, "{other}");
    }
    assert_eq!(bench.times_asked(), 0);
}

#[test]
fn a_message_from_another_than_expected_is_refused() {
    let bench = Bench::new();
    let token = bench.seal(&json!({})).unwrap();
    let opened = bench.messages.open(&token, &Expected::at(&name("clients")).sent_by(&name("billing")));
    assert_eq!((opened.unwrap_err(), bench.times_asked()), (OpenError::WrongSource, 0));
}

#[test]
fn age_ends_after_300_seconds_and_the_future_begins_after_30() {
    for (now, outcome) in [
        ("2026-11-24T04:04:10.239263", None),
        ("2026-11-24T04:09:10.239263", None),
        ("2026-11-24T04:09:10.239264", Some(OpenError::Expired)),
        ("9999-12-31T23:59:59", Some(OpenError::Expired)),
        ("2026-11-24T04:03:40.239263", None),
        ("2026-11-24T04:03:40.239262", Some(OpenError::FromTheFuture)),
        ("0001-01-01T00:00:00", Some(OpenError::FromTheFuture)),
    ] {
        let bench = Bench::new();
        let token = bench.seal(&json!({})).unwrap();
        bench.set_clock(now);
        let opened = bench.messages.open(&token, &Expected::at(&name("clients")));
        assert_eq!(opened.err(), outcome, "{now}");
        assert_eq!(bench.times_asked(), usize::from(outcome.is_none()), "{now}");
    }
}

#[test]
fn the_guard_is_told_who_what_and_for_how_long() {
    let bench = Bench::new();
    bench.set_clock("2026-11-24T04:04:40.239263");
    let message = bench.open_json(&good()).unwrap();
    let id = MessageId { source: name("orders"), nonce: message.nonce() };
    let until = "2026-11-24T04:09:10.239263".parse().unwrap();
    assert_eq!(*bench.guard.asked.lock().unwrap(), [(id, until, bench.clock.now())]);
}

#[test]
fn what_the_guard_refuses_is_not_opened() {
    for (refusal, error) in [
        (ReplayRefusal::Seen, OpenError::Replayed),
        (ReplayRefusal::Full, OpenError::ReplayGuardFull),
        (ReplayRefusal::Unavailable, OpenError::ReplayGuardUnavailable),
    ] {
        assert_eq!(Bench::answering(Err(refusal)).open_json(&good()).unwrap_err(), error);
    }
}

#[test]
fn debug_shows_no_data_and_no_key() {
    let bench = Bench::new();
    let message = bench.open_json(&with("data", json!({"email": "ana@example.com"}))).unwrap();
    let shown = format!("{message:?} {:?}", bench.messages);
    assert!(shown.contains("orders") && shown.contains("27 bytes") && !shown.contains("ana"), "{shown}");
}

#[test]
fn what_the_python_system_recorded_opens_or_not_as_it_did_there() {
    let recorded: Value = serde_json::from_str(include_str!("../../tests/data/python.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vectors = recorded["messages"].as_array().unwrap();
    let keys = Keys::from_base64(&text(&vectors[0]["aes_key_b64"]), &text(&vectors[0]["hmac_key_b64"])).unwrap();
    let mut bench = Bench::new();
    bench.keys = Arc::new(keys.into());
    bench.messages.keys = Arc::clone(&bench.keys);
    for vector in vectors {
        let (source, destination) = (name(&text(&vector["source"])), name(&text(&vector["destination"])));
        let message =
            bench.messages.open(&text(&vector["token"]), &Expected::at(&destination).sent_by(&source)).unwrap();
        assert_eq!(message.data::<Value>().unwrap(), vector["data"]);
        assert_eq!(message.timestamp().to_string(), text(&vector["timestamp"]));
        assert_eq!(message.nonce().to_string(), text(&vector["nonce"]));
        let elsewhere = bench.messages.open(&text(&vector["token"]), &Expected::at(&name("elsewhere")));
        assert_eq!(elsewhere.unwrap_err(), OpenError::WrongDestination);
        // The other way: sealed with the same nonce at the same time, it says the same.
        let seal = Seal { source: &source, destination: &destination, data: &vector["data"] };
        let ours = envelope::write(&seal, None, message.timestamp(), message.nonce()).unwrap();
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(json(&ours), json(&text(&vector["json_plaintext"])));
    }
    let negative = recorded["negative"].as_array().unwrap().iter().filter(|vector| vector["kind"] == "message");
    let mut outcomes = vec![];
    for vector in negative {
        bench.set_clock(vector["verified_at_utc"].as_str().unwrap_or(NOW));
        let opened = bench.messages.open(&text(&vector["token"]), &Expected::at(&name("clients")));
        assert_eq!(opened.is_ok(), !vector["outcome"]["result"].is_null(), "{vector}");
        outcomes.push((text(&vector["name"]), opened.map(|_| ())));
    }
    let malformed = |name: &str| (name.to_owned(), Err(OpenError::Malformed));
    assert_eq!(
        outcomes,
        [
            ("298 s old (accepted)".to_owned(), Ok(())),
            ("29 s in the future (accepted)".to_owned(), Ok(())),
            ("32 s in the future".to_owned(), Err(OpenError::FromTheFuture)),
            malformed("no data"),
            malformed("bad timestamp"),
            malformed("numeric timestamp"),
            malformed("Z timestamp"),
            // It has no nonce; the Python system found it expired.
            malformed("date only"),
            malformed("a list"),
            malformed("plaintext is not JSON"),
        ]
    );
}

const LOOKUP: Binding<'static> = Binding::Request { method: "POST", path: "/clients/api/v1/lookup/?a=b" };

impl Bench {
    fn seal_bound(&self, binding: &Binding<'_>) -> SealedMessage {
        let data = json!({"x": 1});
        let seal = Seal { source: &name("orders"), destination: &name("clients"), data: &data };
        self.messages.seal_bound(&seal, binding).unwrap()
    }

    fn open_bound(&self, token: &str, binding: Binding<'_>, strict: bool) -> Result<Message, OpenError> {
        self.messages.open(token, &Expected::at(&name("clients")).bound_to(binding).strict(strict))
    }
}

#[test]
fn a_message_opens_at_the_request_that_it_was_made_for_and_at_no_other() {
    let bench = Bench::new();
    let response = Binding::Response { in_reply_to: None };
    for strict in [false, true] {
        let sealed = bench.seal_bound(&LOOKUP);
        let opened = bench.open_bound(&sealed.token, LOOKUP, strict).unwrap();
        assert_eq!(opened.nonce(), sealed.nonce);
        for other in [
            Binding::Request { method: "PUT", path: "/clients/api/v1/lookup/?a=b" },
            Binding::Request { method: "post", path: "/clients/api/v1/lookup/?a=b" },
            Binding::Request { method: "POST", path: "/clients/api/v1/lookup/" },
            Binding::Request { method: "POST", path: "/clients/api/v1/search/?a=b" },
            response,
            Binding::Response { in_reply_to: Some(sealed.nonce) },
        ] {
            let opened = bench.open_bound(&sealed.token, other, strict);
            assert_eq!(opened.unwrap_err(), OpenError::WrongBinding, "{other:?}");
        }
        // A receiver that expects nothing of the kind opens it, as the Python system does.
        bench.messages.open(&sealed.token, &Expected::at(&name("clients"))).unwrap();
    }
}

#[test]
fn a_response_opens_as_the_one_to_its_request_and_as_no_request() {
    let bench = Bench::new();
    let [asked, other] = [(); 2].map(|()| bench.seal_bound(&LOOKUP).nonce);
    let (to_asked, to_none) = (Binding::Response { in_reply_to: Some(asked) }, Binding::Response { in_reply_to: None });
    for (made_for, expected, strict, outcome) in [
        (to_asked, to_asked, true, Ok(())),
        (to_asked, Binding::Response { in_reply_to: Some(other) }, false, Err(OpenError::WrongBinding)),
        (to_asked, to_none, false, Err(OpenError::WrongBinding)),
        // A refusal of a message that could not be opened names none.
        (to_none, to_asked, false, Ok(())),
        (to_none, to_asked, true, Err(OpenError::WrongBinding)),
        (to_none, to_none, true, Ok(())),
        (to_asked, LOOKUP, false, Err(OpenError::WrongBinding)),
        (to_none, LOOKUP, false, Err(OpenError::WrongBinding)),
        (LOOKUP, to_asked, false, Err(OpenError::WrongBinding)),
    ] {
        let token = bench.seal_bound(&made_for).token;
        let opened = bench.open_bound(&token, expected, strict).map(drop);
        assert_eq!(opened, outcome, "{made_for:?} as {expected:?}");
    }
}

#[test]
fn a_message_that_names_no_request_opens_unless_it_must() {
    let bench = Bench::new();
    let token = bench.seal(&json!({})).unwrap();
    for binding in [LOOKUP, Binding::Response { in_reply_to: None }] {
        assert_eq!(bench.open_bound(&token, binding, true).unwrap_err(), OpenError::Unbound);
        bench.open_bound(&token, binding, false).unwrap();
    }
}

#[test]
fn a_binding_comes_after_the_fields_that_the_python_system_reads() {
    let bench = Bench::new();
    let sealed = bench.seal_bound(&LOOKUP);
    let text = bench.keys.decrypt(&sealed.token).unwrap();
    let start = format!(
        r#"{{"data":{{"x":1}},"source":"orders","destination":"clients","timestamp":"{NOW}","nonce":"{}","#,
        sealed.nonce
    );
    assert_eq!(
        text.strip_prefix(&start).unwrap(),
        r#""direction":"request","method":"POST","path":"/clients/api/v1/lookup/?a=b"}"#
    );
    let answer = bench.seal_bound(&Binding::Response { in_reply_to: Some(sealed.nonce) });
    let text = bench.keys.decrypt(&answer.token).unwrap();
    assert!(text.ends_with(&format!(r#","direction":"response","in_reply_to":"{}"}}"#, sealed.nonce)), "{text}");
}

#[test]
fn a_binding_that_is_not_of_its_form_is_malformed() {
    let bench = Bench::new();
    for direction in [json!("reply"), json!("request"), json!(""), json!(1)] {
        assert_eq!(bench.open_json(&with("direction", direction)).unwrap_err(), OpenError::Malformed);
    }
    let mut answer = with("direction", json!("response"));
    answer["in_reply_to"] = json!("no nonce");
    assert_eq!(bench.open_json(&answer).unwrap_err(), OpenError::Malformed);
}
