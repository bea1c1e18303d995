//! What tells one browser from another: a random id in a cookie. It stands for nobody and opens nothing; form tokens and
//! one-time messages are bound to it.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const COOKIE: &str = "provesi_session";

/// The id of a browser's session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session([u8; 16]);

impl Session {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// The session that a request brings, if it brings one.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let (_, text) = cookies(headers).find(|(name, _)| *name == COOKIE)?;
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The cookie that keeps it until the browser is closed.
    pub(crate) fn cookie(&self, path: &str, secure: bool) -> Option<HeaderValue> {
        set_cookie(COOKIE, &URL_SAFE_NO_PAD.encode(self.0), path, None, secure)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

/// The cookies of a request. One that is not UTF-8 is another application's, and does not hide the others.
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b';'));
    pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
}

/// A cookie that no script reads and that other sites' forms do not bring along; `None` where a part of it cannot be in
/// a header.
pub(crate) fn set_cookie(
    name: &str,
    value: &str,
    path: &str,
    max_age: Option<u32>,
    secure: bool,
) -> Option<HeaderValue> {
    let mut cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax");
    if let Some(max_age) = max_age {
        cookie.push_str(&format!("; Max-Age={max_age}"));
    }
    if secure {
        cookie.push_str("; Secure");
    }
    HeaderValue::try_from(cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_round_trips_and_anything_else_is_none() {
        let session = Session::random();
        let cookie = session.cookie("/", true).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let read = |cookie: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_bytes(cookie).unwrap());
            Session::read(&headers)
        };
        for (before, after) in [(&b"a=b; "[..], &b"; c=d"[..]), (b"ma\xf1ana=1; ", b""), (b"", b"; n=\xc3\xb1; \xff")] {
            assert_eq!(read(&[before, pair.as_bytes(), after].concat()), Some(session), "{before:?} {after:?}");
        }
        for cookie in ["", "provesi_session", "provesi_session=", "provesi_session=abc", "x=provesi_session"] {
            assert_eq!(read(cookie.as_bytes()), None, "{cookie}");
        }
    }
}
