//! One line per request: its ids, which route, how it went, how long it took. Paths, query strings and bodies hold personal
//! data, so the route is named by its template and nothing else of the request is logged.

use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tracing::Instrument;

use super::RequestId;
use super::request_id::{self, REQUEST_ID};

/// Gives the request its id, logs it, and sends the id back.
pub(super) async fn log<F>(mut request: Request, handle: impl FnOnce(Request) -> F + Send) -> Response
where
    F: Future<Output = Response> + Send,
{
    let started = Instant::now();
    let id = RequestId::generate();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let caller_request_id = request_id::of_caller(request.headers());
    // At the level of errors, so that the request id is beside an error whatever the log is set to.
    let span =
        tracing::error_span!("request", request_id = id.as_str(), caller_request_id, method = %request.method(), route);
    request.extensions_mut().insert(id.clone());
    async {
        let mut answer = handle(request).await;
        answer.headers_mut().insert(REQUEST_ID, id.header());
        let status = answer.status().as_u16();
        let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Unknown of what is streamed or compressed.
        let bytes = answer.body().size_hint().exact();
        tracing::info!(status, latency_us, bytes, "answered");
        answer
    }
    .instrument(span)
    .await
}
