//! One request for a page: whose browser, below which path, with which messages; and the way its answer is dressed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provesi_core::Timestamp;

use super::Pages;
use super::assets::Assets;
use super::flash::{self, Arrived, Message};
use super::once::Landing;
use super::secret::SecretKey;
use super::session::Session;
use super::token;
use crate::connection::ConnectionInfo;
use crate::failure::Failure;
use crate::layers::{self, Around};
use crate::options::SecureCookies;
use crate::security_headers;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A request for a page. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Visit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: SecretKey,
    session: Session,
    is_new: bool,
    /// Whether the request asks for nothing but a page.
    reads: bool,
    secure: bool,
    /// The path that the router is mounted at: empty, or with a slash at its start and none at its end.
    base: String,
    /// The path of the request below that.
    path: String,
    messages: Vec<Arrived>,
    /// Whether a page showed the messages.
    shown: AtomicBool,
    /// Whether the answer holds something that is bound to the session.
    bound: AtomicBool,
    now: Timestamp,
}

/// Where in the site a page belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Orders,
    Returns,
    Clients,
    None,
}

/// What every page has around its own content.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) base: String,
    pub(crate) title: String,
    pub(crate) section: Section,
    pub(crate) messages: Vec<Message>,
    pub(crate) assets: &'static Assets,
    /// For the forms of this page.
    pub(crate) token: String,
    /// The order that scanned commands are for; without one the scan box only opens orders.
    pub(crate) scans: Option<Scans>,
}

/// The order that a page takes scanned commands for.
#[derive(Debug)]
pub(crate) struct Scans {
    pub(crate) number: String,
    pub(crate) version: String,
    /// Whether the page was opened by scanning this number. Otherwise a command is refused.
    pub(crate) scanned: bool,
}

impl Layout {
    /// The path of the home page.
    pub(crate) fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }

    /// This frame around the page of an order, which scanned commands move on.
    pub(crate) fn scanning(self, scans: Scans) -> Self {
        Self { scans: Some(scans), ..self }
    }

    /// Whether the page is in the section of this name, for the navigation.
    pub(crate) fn is_in(&self, section: &str) -> bool {
        section
            == match self.section {
                Section::Home => "home",
                Section::Orders => "orders",
                Section::Returns => "returns",
                Section::Clients => "clients",
                Section::None => "",
            }
    }
}

impl Visit {
    fn new(pages: &Pages, request: &Request) -> Self {
        let headers = request.headers();
        let path = request.uri().path();
        // Where the router is nested, its own path is the end of the one that was asked for.
        let original = request.extensions().get::<OriginalUri>().map_or(path, |OriginalUri(uri)| uri.path());
        // The home page is that very path, without a slash.
        let base = if path == "/" { original } else { original.strip_suffix(path).unwrap_or_default() };
        let base = base.trim_end_matches('/').to_owned();
        let session = Session::read(headers);
        let is_new = session.is_none();
        let session = session.unwrap_or_else(Session::random);
        let now = pages.api.app.now();
        let is_tls = request.extensions().get::<ConnectionInfo>().is_some_and(|connection| connection.is_tls);
        let reads = *request.method() == Method::GET;
        let messages = if !reads || is_prefetch(headers) {
            Vec::new()
        } else {
            flash::arrived(&pages.key, &session, headers, &format!("{base}{path}"), now)
        };
        Self(Arc::new(Inner {
            key: pages.key.clone(),
            session,
            is_new,
            reads,
            secure: pages.secure_cookies == SecureCookies::Always || is_tls,
            base,
            path: path.to_owned(),
            messages,
            shown: AtomicBool::new(false),
            bound: AtomicBool::new(false),
            now,
        }))
    }

    /// The time at which the page was asked for.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.now
    }

    /// The path of the request, below the path that the router is mounted at.
    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }

    /// The session, if the browser had one when it asked.
    pub(crate) fn session(&self) -> Option<&Session> {
        (!self.0.is_new).then_some(&self.0.session)
    }

    /// The frame of a page. The messages that arrived for it are shown by it, and by no other.
    pub(crate) fn layout(&self, title: impl Into<String>, section: Section) -> Layout {
        self.0.shown.store(true, Ordering::Relaxed);
        self.0.bound.store(true, Ordering::Relaxed);
        Layout {
            base: self.0.base.clone(),
            title: title.into(),
            section,
            messages: self.0.messages.iter().map(|arrived| arrived.message.clone()).collect(),
            assets: Assets::get(),
            token: token::issue(&self.0.key, &self.0.session),
            scans: None,
        }
    }

    /// Sends the browser to a path of ours.
    pub(crate) fn redirect(&self, to: &str) -> Response {
        let to = if to == "/" && !self.0.base.is_empty() { "" } else { to };
        (StatusCode::FOUND, [(header::LOCATION, format!("{}{to}", self.0.base))]).into_response()
    }

    /// Sends the browser to a path of ours, where a message waits.
    pub(crate) fn land(&self, Landing { to, message }: Landing) -> Response {
        self.0.bound.store(true, Ordering::Relaxed);
        let mut answer = self.redirect(&to);
        let target = format!("{}{}", self.0.base, to.split('?').next().unwrap_or_default());
        let cookie = flash::send(
            &self.0.key,
            &self.0.session,
            &target,
            message,
            self.0.now,
            (self.cookie_path(), self.0.secure),
        );
        answer.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        answer
    }

    fn cookie_path(&self) -> &str {
        if self.0.base.is_empty() { "/" } else { &self.0.base }
    }

    fn cookies(&self) -> Vec<HeaderValue> {
        let (path, secure) = (self.cookie_path(), self.0.secure);
        // A form of another site comes without the cookie that the browser has (`SameSite`), and is not to get it replaced.
        let begins = self.0.is_new && self.0.reads && self.0.bound.load(Ordering::Relaxed);
        let session = begins.then(|| self.0.session.cookie(path, secure)).flatten();
        let shown = self.0.shown.load(Ordering::Relaxed);
        let taken = self.0.messages.iter().filter(|_| shown).filter_map(|message| message.taken(path, secure));
        session.into_iter().chain(taken).collect()
    }
}

/// A page that is fetched in case that somebody wants it shows nobody a message.
fn is_prefetch(headers: &HeaderMap) -> bool {
    [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose")]
        .iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .any(|purpose| purpose.contains("prefetch"))
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Put there by `dress`, which all pages go through.
        parts.extensions.get::<Self>().cloned().ok_or(Failure::Internal)
    }
}

/// An HTML answer.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, HTML)], Body::from(text)).into_response(),
        // Writing a page to memory cannot fail.
        Err(_) => Failure::Internal.into_response(),
    }
}

/// What every page goes through: it gets its visit, a failure gets its page, and all get their headers.
#[derive(Clone, Debug)]
pub(super) struct Dress(pub(super) Pages);

impl Around for Dress {
    async fn around(self, mut request: Request, inner: impl layers::Inner) -> Response {
        let visit = Visit::new(&self.0, &request);
        request.extensions_mut().insert(visit.clone());
        let mut answer = layers::answer(inner, request).await;
        if let Some(failure) = answer.extensions_mut().remove::<Failure>() {
            answer = failure.page(&visit);
        }
        let headers = answer.headers_mut();
        security_headers::add(headers);
        headers.extend(visit.cookies().into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
        answer
    }
}
