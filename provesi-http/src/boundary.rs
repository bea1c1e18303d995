//! The boundary between services: who calls is proved by a token, and what passes can be secure messages
//! ([`provesi_crypto`]).
//!
//! [`Boundary`] is a [`tower::Layer`] of three steps:
//!
//! 1. `X-Microservice-Source: NAME` makes a request internal, and needs that service's token in `X-Service-Token`. From there
//!    on the request's extensions hold [`Actor::Service`].
//! 2. An internal request with `X-Encrypt-Response: true` gets its answer as `{"encrypted": MESSAGE}`, a refusal of the next
//!    step included. The boundary must be inside of compression: the length of what is compressed tells what it says.
//! 3. With `X-Encrypted-Payload: true` the body is a secure message, and goes on decrypted.
//!
//! Inside of it, around single routes: [`require_service`], [`require_encrypted`] and [`require_encrypted_response`].
//!
//! [`router_with`](crate::router_with) has one around every path of its own
//! ([`HttpOptions::boundary`](crate::HttpOptions::boundary)). What one boundary has done, another one inside of it leaves alone.
//!
//! ```
//! use axum::{Router, routing::post};
//! use provesi_crypto::{KeyRing, Keys};
//! use provesi_http::boundary::{Boundary, ServiceTokens, require_encrypted, require_service};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = ServiceTokens::default().with("orders".parse()?, "a token of 16 bytes or more")?;
//! let boundary = Boundary::new(tokens)
//!     .with_keys(KeyRing::new(Keys::generate()?))
//!     .with_destination("/inventory", "inventory".parse()?);
//! let router: Router = Router::new()
//!     .route("/inventory/reserve", post(async || "reserved"))
//!     .layer(require_encrypted())
//!     .layer(require_service(["orders".parse()?]))
//!     .layer(boundary);
//! # Ok(())
//! # }
//! ```
//!
//! # What services ask in batches
//!
//! By `POST`, of authenticated services alone, and with keys in secure messages alone, both ways.
//!
//! | path | question | answer |
//! | --- | --- | --- |
//! | `/clients/api/v1/lookup/` | `{"ids": […]}`, at most 1,000 | `{"clients": […], "missing": […], "unreadable": […]}`; an unreadable record is among the missing unless it is asked for alone |
//! | `/clients/api/v1/search/` | `{"q", "descending", "limit", "cursor"}` | `{"clients": […], "next_cursor", "stopped_early", "asked"}` |
//!
//! # What is decided where the contract is silent
//!
//! | a request | is answered |
//! | --- | --- |
//! | internal, with two tokens, two sources, or a name that no service can have | 401 |
//! | with an encrypted body and no source, or without keys here | 400 |
//! | with an encrypted body, on a path that belongs to no service | 400 |
//! | with an encrypted body over the body limit (the token counts, not what is in it) | 413 |
//! | with an encrypted body that does not arrive in time | 408 |
//! | that wants its answer encrypted and is not internal | in clear, as if it had not said so |
//! | that wants its answer encrypted, without keys here | 501, and nothing is done |
//! | that wants an answer encrypted that is over 1 MiB or no text | 406: ask for less, such as `?limit=200` |
//! | that is answered without a body (HEAD, 204, 304) | as it is |

mod attempts;
mod authenticate;
mod decrypt;
mod encrypt_response;
mod layer;
mod places;
mod refusal;
mod require;
mod tokens;

pub use layer::BoundaryService;
pub(crate) use require::{refuse_if, require_any_service};
pub use require::{require_encrypted, require_encrypted_response, require_service};
pub use tokens::{ServiceTokens, WeakToken};

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Extensions, HeaderMap, HeaderName};
use provesi_core::{Actor, ActorName};
use provesi_crypto::{
    Clock, Expected, KeyRing, MemoryReplayGuard, ReplayGuard, Seal, SecureMessages, ServiceName, SystemClock,
};

use attempts::FailedAttempts;
use places::Places;

/// Who sends an internal request.
pub(crate) const SOURCE: HeaderName = HeaderName::from_static("x-microservice-source");
/// The token that proves it.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-service-token");
/// `true`: the body is a secure message.
pub(crate) const ENCRYPTED_PAYLOAD: HeaderName = HeaderName::from_static("x-encrypted-payload");
/// `true`: the answer is to be one.
pub(crate) const ENCRYPT_RESPONSE: HeaderName = HeaderName::from_static("x-encrypt-response");
/// `true`: it is one.
pub(crate) const ENCRYPTED_RESPONSE: HeaderName = HeaderName::from_static("x-encrypted-response");

/// How many messages are remembered unless another guard is given: 300 a second for as long as each could be repeated, at
/// about 200 bytes each.
const REPLAY_CAPACITY: usize = 100_000;

/// The tokens and keys by which services are known, and what their requests go through. Cheap to clone; `Debug` shows no
/// secret. The default has neither: it refuses every internal request.
#[derive(Clone, Debug, Default)]
pub struct Boundary(Arc<Inner>);

/// Behind one `Arc`: axum clones what a request goes through for each request, several times.
#[derive(Clone, Debug, Default)]
struct Inner {
    tokens: ServiceTokens,
    keys: Option<Keyed>,
    places: Places,
    limits: Limits,
    failed: Arc<FailedAttempts>,
    /// Whether an encrypted body must say for which request it was made.
    strict_messages: bool,
}

/// The keys, and what messages under them are judged by.
#[derive(Clone, Debug)]
struct Keyed {
    ring: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    messages: SecureMessages,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The most bytes of an encrypted body.
    body: usize,
    /// How long a body may take to arrive, and an answer to be there as a whole.
    time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 * 1024, time: Duration::from_secs(30) }
    }
}

impl Keyed {
    fn new(ring: Arc<KeyRing>, clock: Arc<dyn Clock>, guard: Arc<dyn ReplayGuard>) -> Self {
        let messages = SecureMessages::new(Arc::clone(&ring), Arc::clone(&clock), guard);
        Self { ring, clock, messages }
    }
}

impl Boundary {
    /// A boundary that knows services by these tokens, and has no keys.
    #[must_use]
    pub fn new(tokens: ServiceTokens) -> Self {
        Self(Arc::new(Inner { tokens, ..Inner::default() }))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// With keys for secure messages, the system's clock, and a guard in memory that remembers 100,000 messages: 300 a
    /// second. Messages beyond are refused until others are too old to be repeated.
    #[must_use]
    pub fn with_keys(self, keys: KeyRing) -> Self {
        self.with_messages(Arc::new(keys), Arc::new(SystemClock), Arc::new(MemoryReplayGuard::new(REPLAY_CAPACITY)))
    }

    /// With keys for secure messages, and a clock and a guard of yours: one with more room, or one that several processes
    /// share.
    #[must_use]
    pub fn with_messages(self, keys: Arc<KeyRing>, clock: Arc<dyn Clock>, guard: Arc<dyn ReplayGuard>) -> Self {
        self.change(|inner| inner.keys = Some(Keyed::new(keys, clock, guard)))
    }

    /// With a further service: messages to `prefix` itself and to paths below it are for it. `/clients`, `/api/clients`,
    /// `/orders` and `/api/orders` are known. Of several that fit, the one that was added last counts.
    #[must_use]
    pub fn with_destination(self, prefix: &str, service: ServiceName) -> Self {
        self.change(|inner| inner.places.add(prefix, service))
    }

    /// With another limit of encrypted bodies than 64 KiB. No message has more than
    /// [`MAX_TOKEN_LEN`](provesi_crypto::MAX_TOKEN_LEN).
    #[must_use]
    pub fn with_body_limit(self, bytes: usize) -> Self {
        self.change(|inner| inner.limits.body = bytes)
    }

    /// With another limit than 30 seconds for how long an encrypted body may take to arrive, and an answer that is to be
    /// encrypted to be there as a whole.
    #[must_use]
    pub fn with_timeout(self, time: Duration) -> Self {
        self.change(|inner| inner.limits.time = time)
    }

    /// Refuses encrypted bodies that do not say for which request they were made, as those of the Python system. Without
    /// this they are accepted; one that says so must always be at its own method and path.
    #[must_use]
    pub fn with_strict_messages(self, strict: bool) -> Self {
        self.change(|inner| inner.strict_messages = strict)
    }

    /// Whether there are keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.0.keys.is_some()
    }

    /// Whether a message that is sealed under the keys opens; `None` without keys.
    #[must_use]
    pub fn works(&self) -> Option<bool> {
        let Keyed { ring, clock, .. } = self.0.keys.as_ref()?;
        // A guard of its own: the other one's room is for the messages of others.
        let guard = Arc::new(MemoryReplayGuard::new(1));
        let messages = SecureMessages::new(Arc::clone(ring), Arc::clone(clock), guard);
        let own = &self.0.places.own;
        let data = serde_json::json!({});
        let opened = messages
            .seal(&Seal { source: own, destination: own, data: &data })
            .map(|token| messages.open(&token, &Expected::at(own)));
        Some(matches!(opened, Ok(Ok(_))))
    }
}

/// Whether a header says `true`, in any letter case.
fn says_true(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The service that sent an internal request.
pub(crate) fn service(extensions: &Extensions) -> Option<&ActorName> {
    match extensions.get::<Actor>() {
        Some(Actor::Service(name)) => Some(name),
        _ => None,
    }
}

/// As the name that messages know it by.
fn service_name(extensions: &Extensions) -> Option<ServiceName> {
    service(extensions)?.as_str().parse().ok()
}
