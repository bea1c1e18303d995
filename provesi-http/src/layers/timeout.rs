//! How long a request may take until its answer begins, and whether a write was handed over by then.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use super::Refuse;
use crate::error::ApiError;
use crate::failure::Failure;

tokio::task_local! {
    static PROGRESS: Arc<WriteProgress>;
}

/// The write was not handed to its use case.
const WAITING: u8 = 0;
/// It was: it goes on to its end whatever happens to its request.
const STARTED: u8 = 1;
/// Its caller is gone: it will never be handed over.
const ABANDONED: u8 = 2;

/// How far a request that may write is.
#[derive(Debug, Default)]
pub(crate) struct WriteProgress {
    state: AtomicU8,
    body_arrived: AtomicBool,
    /// Where the record can be looked at, relative to the path of the request.
    location: OnceLock<String>,
}

impl WriteProgress {
    /// That of the current request, if it has a time-out.
    pub(crate) fn current() -> Option<Arc<Self>> {
        PROGRESS.try_with(Arc::clone).ok()
    }

    /// Notes that a write is handed to its use case. False if its caller is gone: the write must not be made.
    pub(crate) fn start(&self, location: Option<&str>) -> bool {
        if let Some(location) = location {
            let _ = self.location.set(location.to_owned());
        }
        match self.state.compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            // A request may make several writes.
            Err(state) => state == STARTED,
        }
    }

    /// Keeps a write that is not handed over from ever being so. Returns what is known of it.
    fn abandon(&self) -> ApiError {
        match self.state.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire) {
            Err(STARTED) => ApiError::OutcomeUnknown(self.location.get().cloned()),
            _ if self.body_arrived.load(Ordering::Acquire) => ApiError::Failure(Failure::TimedOut),
            _ => ApiError::Failure(Failure::BodyTimedOut),
        }
    }
}

/// Abandons the write of a request that is dropped: its caller hung up, or got the time-out.
struct AbandonOnDrop(Arc<WriteProgress>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Drops a handler that takes too long. A write that was handed to its use case goes on to its end, see
/// [`Api::run_to_completion`](crate::api::Api::run_to_completion): its outcome is not known here. One that was not is never
/// made.
pub(super) async fn cut<F>(
    limit: Duration,
    refuse: Refuse,
    request: Request,
    handle: impl FnOnce(Request) -> F + Send,
) -> Response
where
    F: Future<Output = Response> + Send,
{
    let method = request.method().clone();
    let answer = if method.is_safe() {
        tokio::time::timeout(limit, handle(request)).await.map_err(|_| ApiError::Failure(Failure::TimedOut))
    } else {
        let progress = Arc::new(WriteProgress::default());
        let on_drop = AbandonOnDrop(Arc::clone(&progress));
        let request = request.map(|body| watch(body, &progress));
        let answer = PROGRESS.scope(progress, handle(request));
        tokio::time::timeout(limit, answer).await.map_err(|_| on_drop.0.abandon())
    };
    answer.unwrap_or_else(|error| {
        log(&method, limit, &error);
        refuse(error)
    })
}

fn log(method: &Method, limit: Duration, error: &ApiError) {
    match error {
        // A slow caller is everyday.
        ApiError::Failure(Failure::BodyTimedOut) => {
            tracing::info!(%method, ?limit, "the body of a request did not arrive in time")
        }
        ApiError::OutcomeUnknown(_) => tracing::error!(%method, ?limit, "a write took too long and goes on"),
        _ => tracing::error!(%method, ?limit, "a request took too long"),
    }
}

fn watch(body: Body, progress: &Arc<WriteProgress>) -> Body {
    if body.is_end_stream() {
        progress.body_arrived.store(true, Ordering::Release);
        return body;
    }
    Body::new(WatchedBody { body, progress: Arc::clone(progress) })
}

/// A body that notes when all of it is there.
struct WatchedBody {
    body: Body,
    progress: Arc<WriteProgress>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.progress.body_arrived.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
