//! How large a request's body may be.

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::Limited;

use super::Refuse;
use crate::failure::Failure;

/// Answers at once where the request says that it is too large; where it does not say, whoever reads the body finds
/// out.
pub(crate) async fn limit(State((limit, refuse)): State<(usize, Refuse)>, request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > limit as u64 {
        return refuse(Failure::TooLarge.into());
    }
    next.run(request.map(|body| Body::new(Limited::new(body, limit)))).await
}
