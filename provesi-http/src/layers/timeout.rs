//! How long a request may take until its answer begins.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Refuse;
use crate::error::ApiError;

/// Drops a handler that takes too long. A write that it waited for goes on to its end, see
/// [`Api::finish`](crate::api::Api::finish): whether it happened is not known here.
pub(crate) async fn cut(State((limit, refuse)): State<(Duration, Refuse)>, request: Request, next: Next) -> Response {
    let is_read = request.method().is_safe();
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        tracing::error!(?limit, "a request took too long");
        refuse(if is_read { ApiError::TimedOut } else { ApiError::OutcomeUnknown })
    })
}
