//! `GET /api/audit`, and what a day of work leaves there.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use provesi_core::{Actor, ActorName, App, AuditPolicy, AuditRecord};
use provesi_http::HttpOptions;
use provesi_testkit::{Fault, Faults, FaultyStore, MemoryStore};
use serde_json::{Value, json};

use crate::support::{Answer, Bench};

/// A bench whose audit records are in `store`; `auditor` may read them.
fn audited(policy: AuditPolicy) -> (Bench, MemoryStore, Faults) {
    let store = MemoryStore::new();
    let (sink, faults) = FaultyStore::new(store.clone());
    let mut options = HttpOptions::default();
    options.audit_readers = vec![ActorName::parse("auditor").unwrap()];
    options.hosts = "bodega.test".parse().unwrap();
    let kept = Arc::new(store.clone());
    let audit = |app: App| app.with_audit(Arc::new(sink), policy).with_audit_store(kept);
    (Bench::over(options, audit), store, faults)
}

async fn ask_as(bench: &Bench, service: &str, path: &str) -> Answer {
    let mut request = Request::get(path).header("x-request-id", "req-1").body(Body::empty()).unwrap();
    // As the layer does that knows services by their tokens.
    request.extensions_mut().insert(Actor::Service(ActorName::parse(service).unwrap()));
    bench.send(request).await
}

async fn ask(bench: &Bench, query: &str) -> Answer {
    ask_as(bench, "auditor", &format!("/api/audit?{query}")).await
}

/// Action, outcome, fields and subjects of a record, as one line.
fn told(record: &AuditRecord) -> String {
    let words = |words: Vec<String>| words.join(" ");
    let fields = words(record.fields.iter().map(ToString::to_string).collect());
    let subjects = words(record.subjects.iter().map(ToString::to_string).collect());
    format!("{} {} [{fields}] {subjects}", record.action.as_str(), record.outcome.as_str()).trim_end().to_owned()
}

/// What was recorded since the last time.
fn taken(store: &MemoryStore) -> Vec<String> {
    let mut records = Vec::new();
    store.tamper_with_audit(|kept| records = kept.drain(..).map(|stored| told(&stored.record)).collect());
    records
}

#[tokio::test]
async fn who_saw_a_client_is_told_page_by_page_the_latest_first() {
    let (bench, _, _) = audited(AuditPolicy::Strict);
    let id = bench.client("Ana", "ana@example.com").await;
    bench.client("Luz", "luz@example.com").await;
    let seen = ask_as(&bench, "billing", &format!("/api/clients/{id}")).await;
    bench.get("/api/clients/").await;
    let path = format!("subject=client:{}&limit=2", id.to_uppercase());
    let first = ask(&bench, &path).await.json();
    let actions = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|record| record["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (&first["status"], actions(&first)),
        (&json!("success"), vec!["client_list".into(), "client_read".into()])
    );
    let read = &first["data"][1];
    assert_eq!((&read["actor"], &read["request_id"]), (&json!("service:billing"), &json!(seen.header("x-request-id"))));
    assert_eq!((&read["outcome"], &read["subjects"]), (&json!("done"), &json!([format!("client:{id}")])));
    assert_eq!((&read["sequence"], read["hash"].as_str().unwrap().len()), (&json!(3), 64));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ask(&bench, &format!("{path}&cursor={cursor}")).await.json();
    assert_eq!((actions(&second), &second["next_cursor"]), (vec!["client_create".to_owned()], &Value::Null));
    assert_eq!(second["data"][0]["fields"], json!(["name", "email", "phone", "address"]));
    // A page is what comes where nobody says; the questions above are on record as well.
    let all = ask(&bench, "").await.json();
    assert_eq!(
        actions(&all),
        ["audit_read", "audit_read", "client_list", "client_read", "client_create", "client_create"]
    );
    let since = all["data"][0]["at"].as_str().unwrap();
    assert_eq!(actions(&ask(&bench, &format!("since={since}&until=2030-01-01T00:00:00Z")).await.json()).len(), 2);
    assert_eq!(ask(&bench, &format!("cursor={cursor}")).await.error(), (400, "cursor.invalid".to_owned()));
}

#[tokio::test]
async fn only_a_service_that_may_is_shown_records_and_every_question_is_one() {
    let (bench, store, _) = audited(AuditPolicy::Strict);
    let unauthenticated = bench.get("/api/audit?subject=order:A-1").await;
    assert_eq!(unauthenticated.error(), (401, "audit.unauthenticated".to_owned()));
    let forbidden = ask_as(&bench, "billing", "/api/audit?limit=x").await;
    assert_eq!(forbidden.error(), (403, "audit.forbidden".to_owned()));
    ask(&bench, "subject=order:A-1").await;
    let expected =
        ["audit_read refused [] order:a-1", "audit_read refused []", "audit_read done [] order:a-1"].map(str::to_owned);
    assert_eq!(taken(&store), expected);
    // Somebody with the name of the service is not the service.
    let mut request = Request::get("/api/audit").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Actor::User(ActorName::parse("auditor").unwrap()));
    assert_eq!(bench.send(request).await.error(), (403, "audit.forbidden".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_and_so_is_that_there_is_nothing_to_ask() {
    let (bench, _, _) = audited(AuditPolicy::Strict);
    let refused = ask(&bench, "subject=ana&since=yesterday&until=x&limit=0").await;
    let expected = ["value_error query.subject", "value_error query.since", "value_error query.until"];
    assert_eq!(refused.faults(), [&expected[..], &["greater_than_equal query.limit"]].concat());
    let mut options = HttpOptions::default();
    options.audit_readers = vec![ActorName::parse("auditor").unwrap()];
    let without = Bench::with(options);
    assert_eq!(ask(&without, "").await.error(), (404, "audit.not_kept".to_owned()));
}

#[tokio::test]
async fn with_the_audit_down_strict_reads_are_refused_and_others_are_not() {
    for (policy, status) in [(AuditPolicy::Strict, 503), (AuditPolicy::BestEffort, 200)] {
        let (bench, _, faults) = audited(policy);
        let id = bench.client("Ana", "ana@example.com").await;
        bench.order("Ord-1", Some(&id)).await;
        faults.arm_all(Fault::FailBefore);
        let of_ana = format!("/api/clients/{id}");
        for path in [&*of_ana, "/api/clients/", "/api/orders/?limit=5", "/api/audit", "/clients/", "/orders/Ord-1/"] {
            let answer = ask_as(&bench, "auditor", path).await;
            assert_eq!(answer.status, status, "{policy:?} {path}");
            assert!(status == 200 || !String::from_utf8_lossy(&answer.bytes).contains("Ana"));
        }
        // The home page is there without what it may not show.
        let home = bench.get("/").await;
        assert_eq!(home.status, 200);
        assert_eq!(String::from_utf8_lossy(&home.bytes).contains("Ord-1"), status == 200, "{policy:?}");
        // A write that is done stays done, and is told as done.
        assert_eq!(bench.put(&format!("/api/clients/{id}"), r#"{"phone":"300"}"#).await.status, 200);
    }
}

/// Each way in leaves exactly these records, in this order.
#[tokio::test]
async fn a_scripted_day_leaves_these_records_and_no_others() {
    let (bench, store, _) = audited(AuditPolicy::Strict);
    let ana = bench.client("Ana", "ana@example.com").await;
    let luz = bench.client("Luz", "luz@example.com").await;
    assert_eq!(
        taken(&store),
        [&ana, &luz].map(|id| format!("client_create done [name email phone address] client:{id}"))
    );
    let made = "[order_number client_id status return_reason]";
    let etag = bench.order("Ord-1", Some(&ana)).await;
    bench.order("Ord-2", None).await;
    assert_eq!(
        taken(&store),
        [format!("order_create done {made} client:{ana} order:ord-1"), format!("order_create done {made} order:ord-2")]
    );

    let both = format!("client:{ana} client:{luz}");
    let with_ana = format!("client:{ana} order:ord-1");
    let lists = format!("order_list done [] {with_ana} order:ord-2");
    let read = |path: String, status: u16, records: Vec<String>| (path, status, records);
    for (path, status, records) in [
        read(
            format!("/api/clients/{ana}"),
            200,
            vec![format!("client_read done [] client:{ana}"), format!("order_list done [] {with_ana}")],
        ),
        read(format!("/api/clients/{luz}"), 200, vec![format!("client_read done [] client:{luz}")]),
        read(
            format!("/api/clients/{}", "9".repeat(24)),
            404,
            vec![format!("client_read refused [] client:{}", "9".repeat(24))],
        ),
        read("/api/clients/".into(), 200, vec![format!("client_list done [] {both}")]),
        read("/api/clients/?limit=1".into(), 200, vec![format!("client_list done [] client:{ana}")]),
        read("/api/clients/?q=luz".into(), 200, vec![format!("client_list done [] client:{luz}")]),
        read("/api/clients/?q=nadie".into(), 200, vec!["client_list done []".into()]),
        read("/api/orders/".into(), 200, vec![lists.clone()]),
        read("/api/orders/?limit=50&q=ord".into(), 200, vec![lists.clone()]),
        read("/api/orders/returns".into(), 200, vec!["order_list done []".into()]),
        read("/api/orders/ORD-1".into(), 200, vec![format!("order_read done [] {with_ana}")]),
        read("/api/orders/nope".into(), 404, vec!["order_read refused [] order:nope".into()]),
        read("/api/orders/ord-1/history".into(), 200, vec!["order_history done [] order:ord-1".into()]),
        // The pages, and the JSON beside them.
        read("/".into(), 200, vec![lists.clone()]),
        read("/clients/".into(), 200, vec![format!("client_list done [] {both}")]),
        read("/clients/search/?q=an".into(), 200, vec![format!("client_list done [] client:{ana}")]),
        read(
            format!("/clients/{ana}/"),
            200,
            vec![format!("client_read done [] client:{ana}"), format!("order_list done [] {with_ana}")],
        ),
        read(format!("/clients/{ana}/edit/"), 200, vec![format!("client_read done [] client:{ana}")]),
        read(format!("/clients/{ana}/delete/"), 200, vec![format!("client_read done [] client:{ana}")]),
        read(format!("/clients/api/v1/{ana}/"), 200, vec![format!("client_read done [] client:{ana}")]),
        read("/orders/".into(), 200, vec![lists]),
        read("/orders/returns/".into(), 200, vec!["order_list done []".into()]),
        read(
            "/orders/Ord-1/".into(),
            200,
            vec![format!("order_read done [] {with_ana}"), "order_history done [] order:ord-1".into()],
        ),
        read(
            "/orders/lookup/?q=ORD-1".into(),
            200,
            vec![format!("order_read done [] {with_ana}"), "order_history done [] order:ord-1".into()],
        ),
        read("/orders/lookup/?q=nope".into(), 302, vec!["order_read refused [] order:nope".into()]),
        read("/orders/returns/?q=roto".into(), 200, vec!["order_list done []".into()]),
        read(
            "/orders/print/labels/?order=ORD-1&order=nope".into(),
            200,
            vec![format!("order_list done [] {with_ana}")],
        ),
        read("/orders/print/picks/?order=Ord-2".into(), 200, vec!["order_list done [] order:ord-2".into()]),
        read("/orders/Ord-1/edit/".into(), 200, vec![format!("order_read done [] {with_ana}")]),
        read("/orders/Ord-1/delete/".into(), 200, vec![format!("order_read done [] {with_ana}")]),
        read(format!("/orders/create/?client={ana}"), 200, vec![format!("client_read done [] client:{ana}")]),
        read("/orders/api/v1/orders/ORD-1/status".into(), 200, vec![format!("order_read done [] {with_ana}")]),
        // What shows nobody's data, or names nobody's, is no access.
        read("/api/health".into(), 200, Vec::new()),
        read("/clients/create/".into(), 200, Vec::new()),
        read("/orders/create/".into(), 200, Vec::new()),
        read("/orders/print/commands/".into(), 200, Vec::new()),
        read("/orders/lookup/?q=".into(), 302, Vec::new()),
        read("/api/clients/abc".into(), 400, Vec::new()),
        read("/api/orders/?status=x".into(), 422, Vec::new()),
        read("/api/nothing".into(), 404, Vec::new()),
    ] {
        assert_eq!(bench.get(&path).await.status, status, "{path}");
        assert_eq!(taken(&store), records, "{path}");
    }

    let write = async |method: &str, path: &str, if_match: &str, body: &str, status: u16, records: &[&str]| {
        let headers = [("content-type", "application/json"), ("if-match", if_match)];
        let headers = if if_match.is_empty() { &headers[..1] } else { &headers };
        let answer = bench.call(method, path, headers, body.to_owned()).await;
        assert_eq!(answer.status, status, "{method} {path}: {:?}", answer.bytes);
        assert_eq!(taken(&store), records, "{method} {path}");
    };
    let of_ana = format!("/api/clients/{ana}");
    let update = format!("client_update done [phone] client:{ana}");
    write("PUT", &of_ana, "", r#"{"phone":"300"}"#, 200, &[&update]).await;
    let refused = format!("client_update refused [email] client:{ana}");
    write("PUT", &of_ana, "", r#"{"email":"LUZ@example.com"}"#, 400, &[&refused]).await;
    let stale = format!("client_update refused [name] client:{ana}");
    for versions in ["\"1\"", "\"1\", \"2\"", "\"x\""] {
        write("PUT", &of_ana, versions, r#"{"name":"Eva"}"#, 412, &[&stale]).await;
    }
    let moved = format!("order_update done [status] {with_ana}");
    write("PUT", "/api/orders/ORD-1", &format!("\"1\", {etag}"), r#"{"status":"picking"}"#, 200, &[&moved]).await;
    let no_reason = "order_update refused [status] order:ord-1";
    write("PUT", "/api/orders/ORD-1", "", r#"{"status":"returned"}"#, 400, &[no_reason]).await;
    let taken_number = format!("order_create refused {made} order:ord-1");
    write("POST", "/api/orders/", "", r#"{"order_number":"ORD-1"}"#, 400, &[&taken_number]).await;
    let no_client = format!("order_create refused {made} order:a-9");
    write("POST", "/api/orders/", "", r#"{"order_number":"A-9","client_id":"x"}"#, 400, &[&no_client]).await;
    let twice = "client_create refused [name email phone address]";
    write("POST", "/api/clients/", "", r#"{"name":"Ana","email":"ana@example.com"}"#, 400, &[twice]).await;
    write("POST", "/api/clients/", "", r#"{"name":"Ana"}"#, 422, &[]).await;
    write("DELETE", "/api/orders/ord-2", "\"1\"", "", 412, &["order_delete refused [] order:ord-2"]).await;
    write("DELETE", "/api/orders/ord-2", "", "", 200, &["order_delete done [] order:ord-2"]).await;
    write("DELETE", "/api/orders/ord-2", "", "", 404, &["order_delete refused [] order:ord-2"]).await;
    let deleted = format!("client_delete done [] client:{ana}");
    write("DELETE", &of_ana, "", "", 200, &[&deleted]).await;

    bench.clients.fail_all();
    let failed = format!("client_read failed [] client:{luz}");
    assert_eq!(bench.get(&format!("/api/clients/{luz}")).await.status, 503);
    assert_eq!(taken(&store), [failed]);
    assert_eq!(bench.get("/api/clients/").await.status, 503);
    assert_eq!(taken(&store), ["client_list failed []"]);
}

#[tokio::test]
async fn a_whole_list_leaves_a_record_for_each_page_that_was_read() {
    let (bench, store, _) = audited(AuditPolicy::Strict);
    for number in 0..1_001 {
        bench.order(&format!("M-{number}"), None).await;
    }
    taken(&store);
    bench.get("/api/orders/").await;
    let subjects: Vec<_> = taken(&store).iter().map(|record| record.matches("order:").count()).collect();
    assert_eq!(subjects, [1_000, 1]);
}

/// What a form was written with: the cookies of the browser, and the hidden fields.
async fn open(bench: &Bench, path: &str) -> (String, Vec<(&'static str, String)>) {
    let answer = bench.call("GET", path, &[("host", "bodega.test")], "").await;
    let cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    let page = String::from_utf8(answer.bytes.to_vec()).unwrap();
    let hidden = |name| {
        let rest = page.split_once(&format!("name=\"{name}\" value=\""))?.1;
        Some((name, rest.split('"').next().unwrap().to_owned()))
    };
    (cookie, ["csrfmiddlewaretoken", "version"].into_iter().filter_map(hidden).collect())
}

/// Opens the form at `path`, and sends it to `to` with these fields.
async fn fill(bench: &Bench, path: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
    let (cookie, hidden) = open(bench, path).await;
    let hidden = hidden.iter().map(|(name, value)| (*name, value.as_str()));
    let all: Vec<String> =
        hidden.chain(fields.iter().copied()).map(|(name, value)| format!("{name}={value}")).collect();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("host", "bodega.test"), ("origin", "http://bodega.test"), ("cookie", &*cookie), kind];
    bench.call("POST", to, &headers, all.join("&")).await
}

/// A form is a use case more than REST: what it was filled in over is read again before it is written.
#[tokio::test]
async fn forms_leave_what_they_show_and_what_they_do() {
    let (bench, store, _) = audited(AuditPolicy::Strict);
    let id = bench.client("Ana", "ana@example.com").await;
    let version = bench.order("Ord-1", Some(&id)).await;
    let second = bench.order("Ord-2", None).await;
    let chosen = |number, version: &str| format!("{number}+{}", version.trim_matches('"'));
    let (chosen, second) = (chosen("Ord-1", &version), chosen("Ord-2", &second));
    taken(&store);
    let (client, both) = (format!("client:{id}"), format!("client:{id} order:ord-1"));
    let (read, shown) = (format!("client_read done [] {client}"), format!("order_read done [] {both}"));
    let history = "order_history done [] order:ord-1".to_owned();
    let of_client = format!("/clients/{id}");
    for (path, to, fields, status, records) in [
        (
            "/clients/create/".to_owned(),
            "/clients/create/".to_owned(),
            &[("name", "Ana"), ("email", "ana@example.com")][..],
            422,
            vec!["client_create refused [name email phone address]".to_owned()],
        ),
        (
            format!("{of_client}/edit/"),
            format!("{of_client}/edit/"),
            &[("name", "Eva"), ("email", "ana@example.com")],
            302,
            vec![read.clone(), read.clone(), format!("client_update done [name email phone address] {client}")],
        ),
        // Several at once are as many changes; one that changed meanwhile is refused, and is in the list no more.
        (
            "/orders/".to_owned(),
            "/orders/".to_owned(),
            &[("order", &*chosen), ("order", "Ord-2+1-00000000"), ("status", "picking"), ("action", "move")],
            200,
            vec![
                format!("order_list done [] {both} order:ord-2"),
                format!("order_update done [status] {both}"),
                "order_update refused [status] order:ord-2".to_owned(),
            ],
        ),
        (
            "/orders/".to_owned(),
            "/orders/".to_owned(),
            &[("order", &*second), ("action", "labels")],
            302,
            vec![format!("order_list done [] {both} order:ord-2")],
        ),
        (
            "/orders/Ord-1/".to_owned(),
            "/orders/Ord-1/status/".to_owned(),
            &[("status", "packing")],
            302,
            vec![shown.clone(), history.clone(), format!("order_update done [status] {both}")],
        ),
        (
            "/orders/Ord-1/".to_owned(),
            "/orders/Ord-1/scan/".to_owned(),
            &[("q", "CMD:NEXT"), ("scanned", "Ord-1")],
            302,
            vec![shown.clone(), history, shown.clone(), format!("order_update done [status] {both}")],
        ),
        (
            "/orders/Ord-1/delete/".to_owned(),
            "/orders/Ord-1/delete/".to_owned(),
            &[],
            302,
            vec![shown, "order_delete done [] order:ord-1".to_owned()],
        ),
        (
            format!("{of_client}/delete/"),
            format!("{of_client}/delete/"),
            &[],
            302,
            vec![read, format!("client_delete done [] {client}")],
        ),
    ] {
        let answer = fill(&bench, &path, &to, fields).await;
        assert_eq!(answer.status, status, "{to}: {}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(taken(&store), records, "{to}");
    }
    // One that is not ours is no access.
    let forged = bench.call("POST", "/clients/create/", &[("host", "bodega.test")], "name=x").await;
    assert_eq!((forged.status.as_u16(), taken(&store)), (403, Vec::new()));
}
