//! How many queries a request is, counted on their way from the server to its two databases: whatever a list is long, it
//! is one query for its records and one for what belongs to them.

use std::time::{Duration, Instant};

use provesi_testkit::servers::{self, Statements, wanted};
use serde_json::json;

use crate::place::Place;
use crate::server::Server;

/// A server whose clients are in one PostgreSQL database and whose orders are in another.
struct Counted {
    server: Server,
    orders: Statements,
    clients: Statements,
}

impl Counted {
    async fn start() -> Self {
        let (orders, clients) = (servers::postgres().await, servers::postgres().await);
        let (to_orders, to_clients) = (Statements::to(orders.url()).await, Statements::to(clients.url()).await);
        let place = Place::behind(to_clients.url(), to_orders.url(), vec![orders, clients]);
        Self { server: server(place).await, orders: to_orders, clients: to_clients }
    }

    /// What was asked of the orders and of the clients since it was last looked.
    fn asked(&self) -> [usize; 2] {
        let (orders, clients) = (self.orders.take(), self.clients.take());
        println!("orders: {orders:#?}\nclients: {clients:#?}");
        [orders.len(), clients.len()]
    }
}

/// With one connection to each database: a pool may open another one at any time, which costs statements too.
async fn server(place: Place) -> Server {
    Server::start_with(place, &["--pool", "1"]).await
}

/// Waits until what a server does by itself after its start is over.
async fn settle<const N: usize>(asked: [&Statements; N]) {
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < Duration::from_millis(500) {
        // Not `any`, which would leave the others as they are.
        if asked.iter().filter(|asked| !asked.take().is_empty()).count() > 0 {
            quiet_since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_as_many_queries_as_it_must_be_and_no_more() {
    if !wanted("postgres") {
        return;
    }
    let counted = Counted::start().await;
    let mut ids = Vec::new();
    for number in 0..30 {
        let id = counted.server.client(&format!("c{number}@example.com")).await;
        let order = json!({"order_number": format!("A-{number}"), "client_id": id});
        assert_eq!(counted.server.post("/api/orders/", &order).await.0, 201);
        ids.push(id);
    }
    // A process asks once for the key of cursors.
    counted.server.get("/api/clients/?limit=1").await;
    settle([&counted.orders, &counted.clients]).await;
    for (path, expected) in [
        ("/api/orders/".to_owned(), [1, 1]),
        ("/api/orders/?limit=25".to_owned(), [1, 1]),
        ("/api/orders/?limit=25&q=a-1&status=received&status=packing".to_owned(), [1, 1]),
        (format!("/api/orders/?limit=25&client_id={}", ids[3]), [1, 1]),
        ("/api/orders/?q=nothing".to_owned(), [1, 0]),
        ("/api/orders/a-7".to_owned(), [1, 1]),
        ("/api/clients/".to_owned(), [1, 1]),
        ("/api/clients/?limit=25".to_owned(), [1, 1]),
        ("/api/clients/?q=ana".to_owned(), [1, 1]),
        (format!("/api/clients/{}", ids[3]), [1, 1]),
    ] {
        counted.server.get(&path).await;
        assert_eq!(counted.asked(), expected, "of orders and of clients: {path}");
    }
    let order = json!({"order_number": "B-1", "client_id": ids[0]});
    assert_eq!(counted.server.post("/api/orders/", &order).await.0, 201);
    assert_eq!(counted.asked(), [1, 1], "the order with its event; the client");
    assert_eq!(counted.server.post("/api/orders/", &json!({"order_number": "B-2"})).await.0, 201);
    assert_eq!(counted.asked(), [1, 0], "the order with its event");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_its_client_are_one_query_where_both_are_in_one_database() {
    if !wanted("postgres") {
        return;
    }
    let both = servers::postgres().await;
    let counted = Statements::to(both.url()).await;
    let server = server(Place::behind(counted.url(), counted.url(), vec![both])).await;
    let id = server.client("ana@example.com").await;
    let order = json!({"order_number": "A-1", "client_id": id});
    assert_eq!(server.post("/api/orders/", &order).await.0, 201);
    settle([&counted]).await;
    assert_eq!(server.get("/api/orders/a-1").await["data"]["client"]["email"], "ana@example.com");
    let asked = counted.take();
    assert_eq!(asked.len(), 1, "{asked:#?}");
}
