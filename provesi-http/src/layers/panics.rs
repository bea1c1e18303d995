//! A handler that panics is a bug of ours, and still no reason to break the connection off.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::error::ApiError;

pub(crate) async fn catch(request: Request, next: Next) -> Response {
    // Nothing that the handler may have left half done is looked at again: it owns its request and shares the
    // application alone, whose state is the stores'.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|panic| {
        tracing::error!(panic = message(&*panic), "a handler panicked");
        ApiError::Panicked.into_response()
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
