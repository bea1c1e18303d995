//! Request bodies, taken as FastAPI takes them.

use std::error::Error;
use std::io;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;

use crate::error::ApiError;
use crate::failure::Failure;
use crate::faults::{Fault, Place};
use crate::fields::{Fields, FromFields};
use crate::json::{self, Json, Unread};

/// A body that was read as a `T`.
#[derive(Debug)]
pub(crate) struct Payload<T>(pub(crate) T);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Payload<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        // The limit is the body limit layer's.
        let bytes = to_bytes(request.into_body(), usize::MAX).await.map_err(unread)?;
        match value(&bytes, is_json)? {
            Json::Object(members) => Fields::read(&members).map(Self),
            Json::Null => Err(ApiError::Invalid(Fault::missing(Place::Body, Json::Null).into())),
            other => Err(ApiError::Invalid(Fault::not_an_object(other).into())),
        }
    }
}

fn value(bytes: &Bytes, is_json: bool) -> Result<Json, ApiError> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    if !is_json {
        return Ok(Json::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
    json::parse(bytes).map_err(|unread| match unread {
        Unread::Syntax { at, what } => ApiError::Invalid(Fault::not_json(at, what).into()),
        Unread::Unreadable => ApiError::UnreadableBody,
    })
}

/// Whether a body counts as JSON: no type at all, `application/json` or `application/*+json`. A type is read as
/// Python's `email.message` reads it.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).filter(|value| !value.is_empty()) else { return true };
    let essence = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence
        .strip_prefix(b"application/")
        .is_some_and(|subtype| !subtype.contains(&b'/') && (subtype == b"json" || subtype.ends_with(b"+json")))
}

/// Why a body could not be read.
pub(crate) fn unread(error: axum::Error) -> ApiError {
    if is_too_long(&error) {
        Failure::TooLarge.into()
    } else if is_too_slow(&error) {
        Failure::BodyTimedOut.into()
    } else {
        // The caller hung up in the middle: nobody will read the answer.
        ApiError::UnreadableBody
    }
}

/// Whether a body was longer than whoever read it wanted.
pub(crate) fn is_too_long(error: &axum::Error) -> bool {
    causes(error).any(|cause| cause.is::<LengthLimitError>())
}

/// Whether the server gave up waiting for a body.
fn is_too_slow(error: &axum::Error) -> bool {
    let mut causes = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn causes(error: &axum::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error: &&(dyn Error + 'static)| error.source())
}
