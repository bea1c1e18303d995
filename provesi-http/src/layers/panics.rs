//! A handler that panics is a bug of ours, and still no reason to break the connection off.

use std::panic::AssertUnwindSafe;

use axum::response::Response;
use futures_util::FutureExt;

use super::Refuse;
use crate::failure::Failure;

pub(super) async fn catch(refuse: Refuse, answer: impl Future<Output = Response> + Send) -> Response {
    // Nothing that the handler may have left half done is looked at again: it owns its request and shares the
    // application alone, whose state is the stores'.
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        // What it said was told by the process's panic hook; it may hold anything, so this log does not repeat it.
        tracing::error!("a handler panicked");
        refuse(Failure::Internal.into())
    })
}
