//! What an embedder may choose.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use provesi_core::ActorName;

use crate::SecretKey;
use crate::boundary::Boundary;
use crate::layers::REQUEST_ID;

/// What an embedder may choose of the HTTP face.
///
/// ```
/// use std::time::Duration;
/// use provesi_http::{HttpOptions, Origins};
///
/// let mut options = HttpOptions::default();
/// options.timeout = Duration::from_secs(10);
/// options.cors.origins = Origins::List(vec!["https://bodega.example.com".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The most bytes that a request's body may have; 64 KiB by default. Longer ones are answered 413.
    pub body_limit: usize,
    /// How long a request may take until its answer begins, its body's arrival included; 30 seconds by default. After
    /// that it is answered 503. What is streamed afterwards may take as long as it takes.
    pub timeout: Duration,
    /// How long a store may take to answer a health check; 2 seconds by default.
    pub ping_timeout: Duration,
    /// Which web pages of other origins may use the API.
    pub cors: CorsOptions,
    /// Whether answers are compressed (gzip) for those who take that; they are by default.
    pub compression: bool,
    /// Whether `/api/docs`, `/api/redoc` and `/openapi.json` are there; they are by default.
    pub docs: bool,
    /// By which tokens and keys other services are known; by default there are none, and their requests are refused. Body
    /// limit and time-out are those of these options.
    pub boundary: Boundary,
    /// What `/api/health` says of the security service where the boundary has no keys; where it has, it says whether they
    /// work.
    pub security: SecurityReport,
    /// The services that may read the records of access at `/api/audit`; none by default. Who a caller is says the
    /// [`Actor`](provesi_core::Actor) in the extensions of its request.
    pub audit_readers: Vec<ActorName>,
    /// The request header in which a proxy in front says which person asks (`Actor::User`); none by default. The proxy has to
    /// take it from what browsers send: who can reach the server past it can be anybody.
    pub user_header: Option<HeaderName>,
    /// The pages; `None` leaves them out, and their paths to the embedder.
    pub pages: Option<PageOptions>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            timeout: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(2),
            cors: CorsOptions::default(),
            compression: true,
            docs: true,
            boundary: Boundary::default(),
            security: SecurityReport::default(),
            audit_readers: Vec::new(),
            user_header: None,
            pages: Some(PageOptions::default()),
        }
    }
}

/// What an embedder may choose of the pages.
///
/// ```
/// use provesi_http::{HttpOptions, PageOptions, SecretKey};
///
/// # fn from_your_configuration() -> Vec<u8> { vec![7; 32] }
/// let mut pages = PageOptions::default();
/// pages.secret_key = SecretKey::new(&from_your_configuration())?;
/// let mut options = HttpOptions::default();
/// options.pages = Some(pages);
/// # Ok::<(), provesi_http::WeakKey>(())
/// ```
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
    /// Where a proxy says that the browser came over TLS (`X-Forwarded-Proto: https`).
    #[default]
    Forwarded,
    /// Always: where TLS ends in the same process, or in a proxy that does not say so.
    Always,
}

/// Which web pages of other origins may use the API: by default any may read, without credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CorsOptions {
    /// Whose pages.
    pub origins: Origins,
    /// By which methods; `GET` and `HEAD` by default.
    pub methods: Vec<Method>,
    /// With which request headers; `Content-Type`, `If-Match` and `X-Request-Id` by default.
    pub headers: Vec<HeaderName>,
}

impl Default for CorsOptions {
    fn default() -> Self {
        Self {
            origins: Origins::Any,
            methods: vec![Method::GET, Method::HEAD],
            headers: vec![header::CONTENT_TYPE, header::IF_MATCH, REQUEST_ID],
        }
    }
}

/// Origins of web pages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Any.
    Any,
    /// These, each as browsers send it: `https://bodega.example.com`. An empty list lets nobody in.
    List(Vec<HeaderValue>),
}

/// What `/api/health` says of the security service under `security`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityReport {
    /// `ok`, or anything else where the service as a whole is to count as degraded.
    pub status: Cow<'static, str>,
    /// Whether secure messages can be made and opened.
    pub crypto: Cow<'static, str>,
}

impl SecurityReport {
    /// A report of this status and state of the cryptography.
    #[must_use]
    pub fn new(status: impl Into<Cow<'static, str>>, crypto: impl Into<Cow<'static, str>>) -> Self {
        Self { status: status.into(), crypto: crypto.into() }
    }
}

/// There are no keys, and nothing is wrong with that.
impl Default for SecurityReport {
    fn default() -> Self {
        Self::new("ok", "not_configured")
    }
}
