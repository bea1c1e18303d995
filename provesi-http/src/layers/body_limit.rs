//! How large a request's body may be.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http_body_util::Limited;

use crate::error::ApiError;
use crate::failure::Failure;

/// Refuses a request that says that it is too large. Where it does not say, whoever reads its body finds out.
pub(super) fn limit(request: Request, limit: usize) -> Result<Request, ApiError> {
    let size = request.body().size_hint();
    if size.lower() > limit as u64 {
        return Err(Failure::TooLarge.into());
    }
    // One that says how long it is needs no counting.
    if size.exact().is_some() {
        return Ok(request);
    }
    Ok(request.map(|body| Body::new(Limited::new(body, limit))))
}
