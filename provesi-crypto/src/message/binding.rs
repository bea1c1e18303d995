//! For which request a message was made.

use alloc::string::String;

use super::OpenError;
use crate::nonce::Nonce;

/// For which request, or response, a message is. Sent inside of the message in the fields `direction`, `method`, `path` and
/// `in_reply_to`, which the Python system ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// The body of a request.
    Request {
        /// Its method, in capital letters.
        method: &'a str,
        /// Its path as the receiver sees it, with its query.
        path: &'a str,
    },
    /// The body of a response.
    Response {
        /// The nonce of the message that the request came in; `None` where it came in none that could be opened.
        in_reply_to: Option<Nonce>,
    },
}

/// What a message says of it.
pub(super) enum StatedBinding {
    None,
    Request { method: String, path: String },
    Response { in_reply_to: Option<Nonce> },
}

impl StatedBinding {
    pub(super) fn check(&self, expected: &Binding<'_>, strict: bool) -> Result<(), OpenError> {
        let is_right = match (self, expected) {
            (Self::None, _) if strict => return Err(OpenError::Unbound),
            (Self::None, _) => true,
            (Self::Request { method, path }, Binding::Request { method: expected, path: expected_path }) => {
                method == expected && path == expected_path
            }
            (Self::Response { in_reply_to: None }, Binding::Response { in_reply_to: Some(_) }) => !strict,
            (Self::Response { in_reply_to }, Binding::Response { in_reply_to: expected }) => in_reply_to == expected,
            (Self::Request { .. }, Binding::Response { .. }) | (Self::Response { .. }, Binding::Request { .. }) => {
                false
            }
        };
        if is_right { Ok(()) } else { Err(OpenError::WrongBinding) }
    }
}
