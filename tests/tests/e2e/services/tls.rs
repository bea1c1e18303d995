//! The clients behind TLS, which the orders speak to by `https://`.

use std::net::SocketAddr;
use std::sync::Arc;

use provesi_testkit::servers::wanted;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};

use super::{KEYS, TOKEN};
use crate::place::Place;
use crate::server::Server;

/// A certificate of this machine, which nobody knows yet.
fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Speaks TLS by this certificate, and passes on what is said.
async fn front(own: &rcgen::CertifiedKey<rcgen::KeyPair>, upstream: SocketAddr) -> u16 {
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust the certificate hangs up.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Ok(mut upstream) = TcpStream::connect(upstream).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_certificate_that_is_trusted_is_spoken_to() {
    if !wanted("sqlite") {
        return;
    }
    let named = format!("orders={TOKEN}");
    let place = Place::sqlite().await.with_variables(&KEYS).with_variables(&[("PROVESI_SERVICE_TOKENS", &named)]);
    let clients = Server::start(place).await;
    let ana = clients.client("ana@example.com").await;
    let (own, other) = (certificate(), certificate());
    let port = front(&own, clients.address).await;
    let dir = TempDir::new().unwrap();
    for (trusted, known) in [(&own, true), (&other, false)] {
        let file = dir.path().join("trusted.pem");
        std::fs::write(&file, trusted.cert.pem()).unwrap();
        let variables = [("PROVESI_CLIENTS_TOKEN", TOKEN), ("SSL_CERT_FILE", file.to_str().unwrap())];
        let mut place = Place::sqlite().await.with_variables(&KEYS).with_variables(&variables);
        place.clients = format!("https://localhost:{port}");
        let orders = Server::start(place).await;
        let made = orders.post("/api/orders/", &json!({"order_number": "A-1", "client_id": ana})).await;
        if known {
            assert_eq!(made.0, StatusCode::CREATED, "{made:?}");
            assert_eq!(orders.get("/api/orders/A-1").await["data"]["client"]["name"], "Ana");
        } else {
            assert_eq!((made.0, &made.1["data"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::Null), "{made:?}");
        }
    }
}
