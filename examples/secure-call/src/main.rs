//! Two services in one file: one has clients, the other has orders and asks the first one whose they are.
//!
//! `cargo run -p secure-call`. What passes between the two is encrypted both ways, each question is taken once, and who asks
//! is proved by a token. Two processes of `provesi-server` do the same with `--clients https://…`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Router, routing::get};
use provesi_core::{App, Caller, ClientDraft, ClientLink, ClientName, Email, OrderDraft};
use provesi_crypto::{KeyRing, Keys};
use provesi_http::boundary::{Boundary, ServiceTokens, require_service};
use provesi_http::client::{SecureServiceClient, ServiceError};
use provesi_http::{HttpOptions, router_with};
use provesi_testkit::MemoryStore;
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

/// What both sides are given by whoever runs them, here made up: a token that stands for one service, and a pair of keys.
struct Given {
    token: String,
    aes_key: String,
    hmac_key: String,
}

impl Given {
    fn keys(&self) -> Result<KeyRing, Failure> {
        Ok(KeyRing::new(Keys::from_base64(&self.aes_key, &self.hmac_key)?))
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let keys = Keys::generate()?;
    let given = Given {
        token: Keys::generate()?.hmac_key_base64().to_string(),
        aes_key: keys.aes_key_base64().to_string(),
        hmac_key: keys.hmac_key_base64().to_string(),
    };

    let clients = App::new(Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let ana = ClientDraft::builder().name(ClientName::parse("Ana")?).email(Email::parse("ana@example.com")?).build();
    let ana = clients.create_client(&Caller::default(), ana).await?;
    let address = serve_clients(clients, &given).await?;

    let orders = orders_over(address, &given.token, given.keys()?)?;
    let draft = OrderDraft::builder().number("ORD-1").client_id(ana.id.to_string()).build();
    let made = orders.create_order(&Caller::default(), &draft).await?;
    let ClientLink::Known(client) = made.client else { return Err("the order has no client".into()) };
    println!("{} is an order of {}", made.order.row.number, client.row.name);

    // Without the token, or with other keys, nothing is to be had.
    let stranger = client_at(address, "somebody-elses-token", given.keys()?)?;
    assert!(matches!(stranger.get_client(ana.id).await, Err(ServiceError::Refused)), "a stranger was let in");
    let spy = client_at(address, &given.token, KeyRing::new(Keys::generate()?))?;
    assert!(spy.get_client(ana.id).await.is_err(), "other keys were taken");
    println!("a wrong token and wrong keys are refused");
    Ok(())
}

/// The service of the clients: the router with a boundary, and a route of its own that only `orders` may call.
async fn serve_clients(app: App, given: &Given) -> Result<SocketAddr, Failure> {
    let tokens = ServiceTokens::default().with("orders".parse()?, &given.token)?;
    let boundary = Boundary::new(tokens).with_keys(given.keys()?);
    let mut options = HttpOptions::default();
    options.boundary = boundary.clone();
    let own = Router::new().route("/motto", get(async || "Nada se pierde")).layer(require_service(["orders".parse()?]));
    let router = router_with(app, options).merge(own.layer(boundary));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// The service of the orders: its clients are the other one's.
fn orders_over(clients: SocketAddr, token: &str, keys: KeyRing) -> Result<App, Failure> {
    Ok(App::new(Arc::new(client_at(clients, token, keys)?), Arc::new(MemoryStore::new())))
}

/// In clear on this machine alone; anywhere else the address must be `https://`.
fn client_at(clients: SocketAddr, token: &str, keys: KeyRing) -> Result<SecureServiceClient, Failure> {
    Ok(SecureServiceClient::new(&format!("http://{clients}"), "orders".parse()?, "clients".parse()?, token, keys)?)
}
