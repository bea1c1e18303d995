//! The id of a request: always our own, so that no caller chooses what the log and the audit name a request by. The id that
//! a caller sends is logged beside it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header in which callers send theirs and answers carry ours.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a caller that is logged.
const MAX_LEN: usize = 128;

/// The id of the request in whose extensions it is: 32 hex digits.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn generate() -> Self {
        let id = format!("{:032x}", rand::random::<u128>());
        Self(HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(self) -> HeaderValue {
        self.0
    }
}

/// The id that a caller sent, if it is 1 to 128 visible ASCII characters.
pub(crate) fn of_caller(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    ((1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())).then_some(id)
}
