//! One-time messages: what was done, told on the page that the browser is sent to.
//!
//! Each message is a cookie of its own, signed and bound to the session, for one path and two minutes. So nobody else can
//! make one, two tabs that save at the same moment do not overwrite each other's, a message waits for the page that its
//! redirect leads to and is not shown on another, and any process with the same key can show it. The page that shows it
//! takes the cookie away.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provesi_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::secret::{SIGNATURE, SecretKey};
use super::session::{Session, cookies, set_cookie};

const PREFIX: &str = "provesi_message_";
const PURPOSE: &str = "message";
const SECONDS: u32 = 120;

/// The most messages that are looked at; browsers keep more only where somebody plants them.
const MOST: usize = 20;

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    /// Where one may want to go from here.
    #[serde(default)]
    pub(crate) links: Vec<Link>,
}

/// A way on, below the path that the router is mounted at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) to: String,
}

/// Whether it went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tone {
    Done,
    /// An order moved on: read from a step away, by somebody with a scanner in the hand.
    Moved,
    Refused,
    /// What was scanned did not do what it should: read from a step away as well.
    Stopped,
}

impl Tone {
    /// What screen readers take it for: something that is said in its turn, or at once.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::Done | Self::Moved => "status",
            Self::Refused | Self::Stopped => "alert",
        }
    }

    /// The class of the box that the message stands in.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Moved => "done is-moved",
            Self::Refused => "refused",
            Self::Stopped => "refused is-moved",
        }
    }
}

impl Message {
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { tone: Tone::Done, text: text.into(), links: Vec::new() }
    }

    pub(crate) fn moved(text: impl Into<String>) -> Self {
        Self { tone: Tone::Moved, text: text.into(), links: Vec::new() }
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self { tone: Tone::Refused, text: text.into(), links: Vec::new() }
    }

    pub(crate) fn stopped(text: impl Into<String>) -> Self {
        Self { tone: Tone::Stopped, text: text.into(), links: Vec::new() }
    }

    pub(crate) fn with_link(mut self, text: impl Into<String>, to: impl Into<String>) -> Self {
        self.links.push(Link { text: text.into(), to: to.into() });
        self
    }
}

/// A message under way: for which path, and when it was made.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    to: String,
    at: i64,
    message: Message,
}

/// A message that a request brings for its page, and the name of its cookie.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) message: Message,
    cookie: String,
    at: i64,
}

/// The cookie that carries a message to the page at `to`.
pub(crate) fn send(
    key: &SecretKey,
    session: &Session,
    to: &str,
    message: Message,
    now: Timestamp,
    (path, secure): (&str, bool),
) -> Option<HeaderValue> {
    let envelope = Envelope { to: to.to_owned(), at: now.micros(), message };
    let bytes = serde_json::to_vec(&envelope).ok()?;
    let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
    let signature = key.sign(PURPOSE, &[session.as_bytes(), name.as_bytes(), &bytes]);
    let value = URL_SAFE_NO_PAD.encode([&signature[..], &bytes].concat());
    set_cookie(&name, &value, path, Some(SECONDS), secure)
}

/// The messages that a request brings for the page at `to`, in the order in which they were sent.
pub(crate) fn arrived(
    key: &SecretKey,
    session: &Session,
    headers: &HeaderMap,
    to: &str,
    now: Timestamp,
) -> Vec<Arrived> {
    let open = |(name, value): (&str, &str)| {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (signature, bytes) = bytes.split_at_checked(SIGNATURE)?;
        if !key.verify(PURPOSE, &[session.as_bytes(), name.as_bytes(), bytes], signature) {
            return None;
        }
        let Envelope { to: meant, at, message } = serde_json::from_slice(bytes).ok()?;
        let is_fresh = now.micros().saturating_sub(at) <= i64::from(SECONDS) * 1_000_000;
        (meant == to && is_fresh).then(|| Arrived { message, cookie: name.to_owned(), at })
    };
    let mut arrived: Vec<_> =
        cookies(headers).filter(|(name, _)| name.starts_with(PREFIX)).take(MOST).filter_map(open).collect();
    arrived.sort_by_key(|arrived| arrived.at);
    arrived
}

impl Arrived {
    /// The cookie that takes the message away.
    pub(crate) fn taken(&self, path: &str, secure: bool) -> Option<HeaderValue> {
        set_cookie(&self.cookie, "", path, Some(0), secure)
    }
}
