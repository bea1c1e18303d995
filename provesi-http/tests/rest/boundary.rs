//! Between services: tokens, bodies and answers that are secure messages.

mod answers;
mod batches;
#[cfg(feature = "client")]
mod binding;
mod layers;
mod messages;
mod sites;
mod tokens;

use std::sync::Arc;

use provesi_crypto::{
    Expected, KeyRing, Keys, MemoryReplayGuard, Seal, SecureMessages, ServiceName, SystemClock, Timestamp,
};
use provesi_http::HttpOptions;
use provesi_http::boundary::{Boundary, ServiceTokens};
use serde_json::{Value, json};

use crate::support::{Answer, Bench};

pub(crate) const TOKEN: &str = "token-of-the-orders-service";
const OTHER: &str = "token-of-another-service";

pub(crate) const NOT_OPENED: &str = r#"{"error":"Error al descifrar mensaje"}"#;
pub(crate) const NO_TOKEN: &str = r#"{"error":"Token de servicio inválido"}"#;

pub(crate) fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// A clock that stands still.
#[derive(Debug)]
struct At(Timestamp);

impl provesi_crypto::Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Another service, with a pair of keys.
pub(crate) struct Peer {
    aes: String,
    hmac: String,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let keys = Keys::generate().unwrap();
        Self { aes: keys.aes_key_base64().to_string(), hmac: keys.hmac_key_base64().to_string() }
    }

    pub(crate) fn keys(&self) -> KeyRing {
        KeyRing::new(self.pair())
    }

    pub(crate) fn pair(&self) -> Keys {
        Keys::from_base64(&self.aes, &self.hmac).unwrap()
    }

    pub(crate) fn boundary(&self) -> Boundary {
        let tokens = ServiceTokens::parse(&format!("orders={TOKEN},other={OTHER}")).unwrap();
        Boundary::new(tokens).with_keys(self.keys())
    }

    pub(crate) fn bench(&self) -> Bench {
        self.bench_with(|_| {})
    }

    pub(crate) fn bench_with(&self, choose: impl Fn(&mut HttpOptions)) -> Bench {
        let mut options = HttpOptions::default();
        options.boundary = self.boundary();
        choose(&mut options);
        Bench::with(options)
    }

    /// A message from `source` to `destination`.
    pub(crate) fn sealed(&self, source: &str, destination: &str, data: &Value) -> String {
        self.sealed_at(source, destination, data, 0)
    }

    /// The same by a clock that is so many seconds ahead.
    pub(crate) fn sealed_at(&self, source: &str, destination: &str, data: &Value, seconds: i64) -> String {
        let now = provesi_crypto::Clock::now(&SystemClock).unix_micros();
        let clock = Arc::new(At(Timestamp::from_unix_micros(now + seconds * 1_000_000).unwrap()));
        let messages = SecureMessages::new(Arc::new(self.keys()), clock, Arc::new(MemoryReplayGuard::new(1)));
        messages.seal(&Seal { source: &name(source), destination: &name(destination), data }).unwrap()
    }

    /// Opens an encrypted answer to `orders`, and gives the text in it.
    pub(crate) fn opened(&self, answer: &Answer, source: &str) -> String {
        assert_eq!(answer.header("x-encrypted-response"), "true", "{:?}", answer.bytes);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("content-length"), answer.bytes.len().to_string());
        let envelope = answer.json();
        assert_eq!(envelope.as_object().unwrap().len(), 1);
        let token = envelope["encrypted"].as_str().unwrap();
        let guard = Arc::new(MemoryReplayGuard::new(1));
        let messages = SecureMessages::new(Arc::new(self.keys()), Arc::new(SystemClock), guard);
        let message = messages.open(token, &Expected::at(&name("orders")).sent_by(&name(source))).unwrap();
        let data: Value = message.data().unwrap();
        assert_eq!(data.as_object().unwrap().len(), 1);
        data["response"].as_str().unwrap().to_owned()
    }
}

pub(crate) const INTERNAL: [(&str, &str); 2] = [("x-microservice-source", "orders"), ("x-service-token", TOKEN)];

impl Bench {
    /// A request of the service `orders`.
    pub(crate) async fn internal(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        self.call(method, path, &[&INTERNAL, more].concat(), body.to_owned()).await
    }

    /// One with an encrypted body.
    pub(crate) async fn encrypted(&self, method: &str, path: &str, token: &str) -> Answer {
        self.internal(method, path, &[("x-encrypted-payload", "true")], token).await
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), std::str::from_utf8(&self.bytes).unwrap()), (status, body));
    }
}

pub(crate) fn order(number: &str) -> Value {
    json!({ "order_number": number })
}
