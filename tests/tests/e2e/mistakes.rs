//! An operator's single mistake about the stores: no order loses its client, and the server says what it sees.

use mongodb::bson::{Document, doc};
use provesi_core::{Caller, Expected, OrderRepository, OrderRepositoryExt, OrderState, OrderStatus, Stamp};
use provesi_store_pg::PgStore;
use provesi_store_sqlite::SqliteStore;
use provesi_testkit::servers::{self, TestDatabase, wanted};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::place::{Place, on_every_arrangement};
use crate::server::{Server, run_in};

const ORDERS: usize = 12;

on_every_arrangement!(undo_sweep_gives_orders_their_clients_back_and_leaves_others_alone);

/// A client of each name, and orders of them by turns.
async fn fill(server: &Server) -> Vec<String> {
    let mut clients = Vec::new();
    for name in ["ana", "bea", "caro"] {
        clients.push(server.client(&format!("{name}@example.com")).await);
    }
    for number in 0..ORDERS {
        let order = json!({"order_number": format!("A-{number}"), "client_id": clients[number % clients.len()]});
        assert_eq!(server.post("/api/orders/", &order).await.0, StatusCode::CREATED);
    }
    clients
}

/// How many orders have which client: the store's own word, not what is shown of it.
async fn owned(server: &Server) -> usize {
    let list = server.get("/api/orders/?limit=1000").await;
    let orders = list["data"].as_array().unwrap();
    orders.iter().filter(|order| !order["client_id"].is_null()).count()
}

/// Serves until the sweep after the start has reported, and asserts that it reported all orders as dangling and that none
/// lost its client.
async fn a_sweep_reports_and_changes_nothing(server: Server) -> Server {
    let server = server.kill_and_restart_with(&["--log", "info"]).await;
    let line = server.logged("orders name clients that do not exist").await;
    assert!(line.contains(&format!("dangling_orders={ORDERS}")) && line.contains("WARN"), "{line}");
    assert_eq!(server.logged_so_far("orders name clients").len(), 1, "one line a run");
    assert_eq!(owned(&server).await, ORDERS);
    let (code, text) = server.run(&["check"]).await;
    assert!(code == Some(1) && text.contains(&format!("{ORDERS} of {ORDERS} orders are dangling")), "{text}");
    let (code, text) = server.run(&["check", "--repair", "--confirm", &ORDERS.to_string()]).await;
    assert!(code == Some(1) && text.contains("the client store holds no clients"), "{text}");
    assert_eq!(owned(&server).await, ORDERS);
    server
}

/// The new store of clients is not the one of these orders: nothing runs on the two until the operator says that they belong
/// together.
async fn is_refused_until_it_is_wanted(server: &Server) {
    for (command, told) in [
        (&["migrate"][..], "do not belong together"),
        (&["pair"], "belongs to other clients"),
        (&["check"], ""),
        (&["check", "--repair", "--confirm", "12"], ""),
    ] {
        let (code, text) = server.run(command).await;
        assert!(code == Some(1) && text.contains(told), "{command:?}: {text}");
    }
    assert_eq!(server.run(&["pair", "--change", "--confirm", &ORDERS.to_string()]).await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_wrong_database_of_mongodb_cost_no_order_its_client() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let mut server = Server::start(Place::pair().await).await;
    fill(&server).await;
    // A typo in the name.
    let other = servers::mongodb().await;
    server.place_mut().clients = other.url().to_owned();
    is_refused_until_it_is_wanted(&server).await;
    a_sweep_reports_and_changes_nothing(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_an_empty_postgresql_cost_no_order_its_client() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let mut server = Server::start(Place::pair().await).await;
    fill(&server).await;
    let other = servers::postgres().await;
    server.place_mut().clients = other.url().to_owned();
    is_refused_until_it_is_wanted(&server).await;
    a_sweep_reports_and_changes_nothing(server).await;
}

async fn collection(database: &TestDatabase) -> mongodb::Collection<Document> {
    let client = mongodb::Client::with_uri_str(database.url()).await.unwrap();
    client.default_database().unwrap().collection("clients")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_emptied_while_serving_costs_no_order_its_client() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let (orders, clients) = (servers::postgres().await, servers::mongodb().await);
    let server = Server::start(Place::behind(clients.url(), orders.url(), vec![])).await;
    fill(&server).await;
    collection(&clients).await.delete_many(doc! {}).await.unwrap();
    assert_eq!(owned(&server).await, ORDERS);
    a_sweep_reports_and_changes_nothing(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_of_clients_costs_no_order_its_client() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let (orders, clients) = (servers::postgres().await, servers::mongodb().await);
    let server = Server::start(Place::behind(clients.url(), orders.url(), vec![])).await;
    let ids = fill(&server).await;
    // The backup was made before the last client.
    let last = mongodb::bson::oid::ObjectId::parse_str(&ids[2]).unwrap();
    let collection = collection(&clients).await;
    let lost = collection.find_one_and_delete(doc! {"_id": last}).await.unwrap().unwrap();
    let server = server.kill_and_restart_with(&["--log", "info"]).await;
    let line = server.logged("orders name clients that do not exist").await;
    assert!(line.contains("dangling_clients=1") && line.contains("dangling_orders=4"), "{line}");
    assert_eq!(owned(&server).await, ORDERS);
    let (code, text) = server.run(&["check", "--repair", "--confirm", "5"]).await;
    assert!(code == Some(1) && text.contains("4 orders would be changed, not 5; nothing was changed"), "{text}");
    assert_eq!(owned(&server).await, ORDERS);
    // The client comes back, and all is well.
    collection.insert_one(lost).await.unwrap();
    assert_eq!(server.run(&["check"]).await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_url_alone_and_an_empty_url_are_refused_before_anything_is_opened() {
    if !wanted("sqlite") {
        return;
    }
    let mut server = Server::start(Place::sqlite().await).await;
    fill(&server).await;
    let clients = std::mem::take(&mut server.place_mut().clients);
    for command in ["serve", "migrate", "check"] {
        let (code, text) = server.run(&[command]).await;
        assert!(code == Some(2) && text.starts_with("provesi-server: PROVESI_CLIENTS_URL: is empty"), "{text}");
    }
    for command in ["serve", "migrate", "check"] {
        let (code, text) = server.run_without("PROVESI_CLIENTS_URL", &[command]).await;
        let told = "provesi-server: PROVESI_ORDERS_URL: is set without --clients or PROVESI_CLIENTS_URL; set both";
        assert!(code == Some(2) && text.starts_with(told), "{text}");
    }
    server.place_mut().clients = clients;
    assert_eq!(server.run(&["check"]).await.0, Some(0));
    assert_eq!(owned(&server).await, ORDERS);
}

/// The orders' store, as the sweep of earlier versions had it.
async fn orders_of(place: &Place) -> Box<dyn OrderRepository> {
    match place.orders.strip_prefix("sqlite:") {
        Some(path) => Box::new(SqliteStore::open(path, 1).await.unwrap()),
        None => Box::new(PgStore::open(&place.orders, 2).unwrap()),
    }
}

async fn undo_sweep_gives_orders_their_clients_back_and_leaves_others_alone(place: Place) {
    let mut server = Server::start(place).await;
    let clients = fill(&server).await;
    // The last client is really gone.
    assert_eq!(server.delete(&format!("/api/clients/{}", clients[2])).await.0, StatusCode::OK);
    let store = orders_of(server.place_mut()).await;
    let stamp = Stamp::new("2026-11-20T08:00:00Z".parse().unwrap(), &Caller::system("integrity").unwrap());
    for client in &clients[..2] {
        assert_eq!(store.detach_client(client.parse().unwrap(), &stamp).await.unwrap(), 4);
    }
    assert_eq!(owned(&server).await, 0);
    // Somebody gave one to another client since.
    let given = server.put("/api/orders/A-0", &json!({"client_id": clients[1]})).await;
    assert_eq!(given.0, StatusCode::OK);
    let undo = async |args: &[&str]| server.run(&[&["check", "--undo-sweep"], args].concat()).await;
    let (code, text) = undo(&["--confirm", "8"]).await;
    assert!(code == Some(1) && text.contains("7 orders would be changed, not 8; nothing was changed"), "{text}");
    assert!(text.contains(" 7 can get it back, 0 cannot because the client does not exist, 1 changed"), "{text}");
    assert_eq!(owned(&server).await, 1);
    let (code, text) = undo(&["--confirm", "7"]).await;
    assert!(code == Some(0) && text.contains("gave 7 orders their client back"), "{text}");
    for number in 0..ORDERS {
        let order = server.get(&format!("/api/orders/A-{number}")).await;
        let expected = match number {
            0 => json!(clients[1]),
            number if number % 3 == 2 => Value::Null,
            number => json!(clients[number % 3]),
        };
        assert_eq!(order["data"]["client_id"], expected, "A-{number}");
    }
    let history = server.get("/api/orders/A-3/history").await;
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["actor"], &last["to"]), (&json!("system:check"), &json!(clients[0])), "{last}");
    // A second time there is nothing to do.
    let (code, text) = undo(&[]).await;
    assert!(code == Some(0) && text.contains(" 0 can get it back"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_leaves_the_database_of_another_program_alone() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let (orders, clients) = (servers::postgres().await, servers::mongodb().await);
    let mut postgres = PgConnection::connect(orders.url()).await.unwrap();
    let place = Place::behind(clients.url(), orders.url(), vec![]);
    let migrate = async |args: &[&str]| run_in(&place, &[&["migrate"], args].concat()).await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    sqlx::query("CREATE TABLE invoices (id bigint)").execute(&mut postgres).await.unwrap();
    for args in [&[][..], &["--dry-run"]] {
        let (code, text) = migrate(args).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("provesi-server: PROVESI_ORDERS_URL: PostgreSQL "), "{text}");
        assert!(text.contains("holds tables of another program (invoices) and none of Provesi's"), "{text}");
        assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut postgres).await.unwrap(), 1);
    }
    sqlx::query("DROP TABLE invoices").execute(&mut postgres).await.unwrap();
    let others = collection(&clients).await;
    let others = others.client().database(&others.namespace().db);
    others.collection::<Document>("invoices").insert_one(doc! {"a": 1}).await.unwrap();
    let (code, text) = migrate(&[]).await;
    assert!(code == Some(1) && text.contains("PROVESI_CLIENTS_URL: MongoDB "), "{text}");
    assert!(text.contains("another program (invoices)"), "{text}");
    // Neither database was changed: what is wrong with one is found before the other is migrated.
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut postgres).await.unwrap(), 0);
    assert_eq!(others.list_collection_names().await.unwrap(), ["invoices"]);
    let (code, text) = migrate(&["--shared-database"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(migrate(&[]).await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_are_dated_years_ahead_are_logged_at_the_start() {
    if !wanted("sqlite") {
        return;
    }
    let mut server = Server::start(Place::sqlite().await).await;
    assert_eq!(server.post("/api/orders/", &json!({"order_number": "A-1"})).await.0, StatusCode::CREATED);
    server.logged("integrity checked").await;
    assert_eq!(server.logged_so_far("in the future").len(), 0);
    // Somebody moved it while the clock was ahead.
    let store = orders_of(server.place_mut()).await;
    let mut moved = store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().unwrap();
    moved.state = OrderState::new(OrderStatus::Packing, None, moved.updated_at).unwrap();
    let ahead = Stamp::new("2099-01-01T00:00:00Z".parse().unwrap(), &Caller::default());
    store.update(&moved, Expected::Any, &ahead).await.unwrap();
    let server = server.kill_and_restart().await;
    let line = server.logged("the latest change of an order is in the future").await;
    assert!(line.contains("ERROR") && line.contains("latest_change=2099-01-01T00:00:00.000Z"), "{line}");
}
