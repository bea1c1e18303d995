//! What an embedder may choose.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use provesi_core::ActorName;

use crate::boundary::Boundary;
use crate::hosts::{AllowedHosts, TrustedProxies};
use crate::idempotency;
use crate::layers::REQUEST_ID;
use crate::lifecycle::Lifecycle;
use crate::pages::SecretKey;

/// What an embedder may choose of the HTTP face.
///
/// ```
/// use std::time::Duration;
/// use axum::http::Method;
/// use provesi_http::{CorsOptions, HttpOptions};
///
/// let mut options = HttpOptions::default();
/// options.hosts = "bodega.example.com".parse()?;
/// options.timeout = Duration::from_secs(10);
/// options.cors = CorsOptions::origins(["https://tablero.example.com".parse()?], [Method::GET]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The host names that are answered to; loopback names and IP literals by default.
    pub hosts: AllowedHosts,
    /// The proxies whose `X-Forwarded-…` headers count; none by default.
    pub trusted_proxies: TrustedProxies,
    /// The most bytes that a request's body may have; 64 KiB by default. Longer ones are answered 413.
    pub body_limit: usize,
    /// How long a request may take until its answer begins, its body's arrival included; 30 seconds by default. After
    /// that a read is answered 503; a write 408 while its body is arriving, 503 if it was not yet handed to its use case
    /// (nothing was done), and 504 (`outcome_unknown`) if it was. What is streamed afterwards may take as long as it takes.
    pub timeout: Duration,
    /// How long a store may take to answer a health check; 2 seconds by default. `/readyz` answers within half a second
    /// whatever this is.
    pub ping_timeout: Duration,
    /// Which web pages of other origins may use the API; none by default.
    pub cors: CorsOptions,
    /// Whether answers are compressed (gzip) for those who take that; they are by default.
    pub compression: bool,
    /// Whether `/api/docs`, `/api/redoc` and `/openapi.json` are there; they are by default.
    pub docs: bool,
    /// By which tokens and keys other services are known; by default there are none, and their requests are refused. Body
    /// limit and time-out are those of these options.
    pub boundary: Boundary,
    /// The services that may read the audit records at `/api/audit`; none by default. Who a caller is says the
    /// [`Actor`](provesi_core::Actor) in the extensions of its request.
    pub audit_readers: Vec<ActorName>,
    /// The request header in which a proxy in front says which person asks (`Actor::User`); none by default. The proxy must
    /// strip this header from incoming requests. It counts when the peer is one of
    /// [`trusted_proxies`](Self::trusted_proxies), or, where none are named, on the loopback interface, and is ignored
    /// otherwise. A name that is empty, repeated, over 64 characters or holds control characters is answered 400.
    pub user_header: Option<HeaderName>,
    /// The stage of the server, for `/readyz`, and the writes that are running in it. By default it is ready.
    pub lifecycle: Lifecycle,
    /// The pages; `None` leaves them out, and their paths to the embedder.
    pub pages: Option<PageOptions>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            hosts: AllowedHosts::default(),
            trusted_proxies: TrustedProxies::default(),
            body_limit: 64 * 1024,
            timeout: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(2),
            cors: CorsOptions::default(),
            compression: true,
            docs: true,
            boundary: Boundary::default(),
            audit_readers: Vec::new(),
            user_header: None,
            lifecycle: Lifecycle::default(),
            pages: Some(PageOptions::default()),
        }
    }
}

/// What an embedder may choose of the pages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageOptions {
    /// Signs form tokens and one-time messages; a new one of each start by default. Give one where several processes
    /// serve the same users, or where forms that are open during a restart are to be taken.
    pub secret_key: SecretKey,
    /// When browsers are told to bring cookies back over TLS alone.
    pub secure_cookies: SecureCookies,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { secret_key: SecretKey::random(), secure_cookies: SecureCookies::default() }
    }
}

/// When browsers are told to bring cookies back over TLS alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecureCookies {
    /// Where a [trusted proxy](HttpOptions::trusted_proxies) says that the browser uses TLS (`X-Forwarded-Proto: https`).
    #[default]
    Forwarded,
    /// Always: where TLS ends in the same process, or in a proxy that does not say so.
    Always,
}

/// Which web pages of other origins may use the API. The default lets none in. That any page may read and that some may
/// write cannot be combined: a page that anybody can write would change data.
#[derive(Clone, Debug)]
pub struct CorsOptions {
    pub(crate) origins: Origins,
    pub(crate) methods: Vec<Method>,
    pub(crate) headers: Vec<HeaderName>,
}

/// Origins of web pages.
#[derive(Clone, Debug)]
pub(crate) enum Origins {
    Any,
    /// Each as browsers send it.
    List(Vec<HeaderValue>),
}

impl Default for CorsOptions {
    fn default() -> Self {
        Self::origins([], [Method::GET, Method::HEAD])
    }
}

impl CorsOptions {
    /// Lets every web page read, by GET and HEAD and without credentials. Whoever has a browser that reaches the API, such as
    /// a clerk, reads for every page that is opened in it.
    #[must_use]
    pub fn any_may_read() -> Self {
        Self { origins: Origins::Any, ..Self::default() }
    }

    /// Lets the pages of these origins, each as browsers send it (`https://bodega.example.com`), use these methods.
    #[must_use]
    pub fn origins(origins: impl IntoIterator<Item = HeaderValue>, methods: impl IntoIterator<Item = Method>) -> Self {
        Self {
            origins: Origins::List(origins.into_iter().collect()),
            methods: methods.into_iter().collect(),
            headers: vec![header::CONTENT_TYPE, header::IF_MATCH, idempotency::HEADER, REQUEST_ID],
        }
    }

    /// With other request headers than `Content-Type`, `If-Match` and `X-Request-Id`.
    #[must_use]
    pub fn with_headers(self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        Self { headers: headers.into_iter().collect(), ..self }
    }
}
