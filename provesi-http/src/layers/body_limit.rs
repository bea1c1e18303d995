//! How large a request's body may be.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http_body_util::Limited;

use crate::error::ApiError;
use crate::failure::Failure;

/// Refuses a request whose declared size exceeds the limit. A longer body than declared is an error while it is read.
pub(super) fn limit(request: Request, limit: usize) -> Result<Request, ApiError> {
    if request.body().size_hint().lower() > limit as u64 {
        return Err(Failure::TooLarge.into());
    }
    // Most requests have no body.
    if request.body().is_end_stream() {
        return Ok(request);
    }
    Ok(request.map(|body| Body::new(Limited::new(body, limit))))
}
