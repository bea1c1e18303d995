//! Layers that are one async function around a service. axum's `from_fn` boxes the service of each request; here its type is known,
//! and only the future of the function is boxed.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

/// A service inside of a layer.
pub(crate) trait Inner:
    Service<Request, Response: IntoResponse, Error = Infallible, Future: Send> + Send + 'static
{
}

impl<S> Inner for S where S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send> + Send + 'static {}

/// An async function around a service, called on a clone for each request.
pub(crate) trait Around: Clone + Send + Sync + 'static {
    fn around(self, request: Request, inner: impl Inner) -> impl Future<Output = Response> + Send;
}

/// Answers a request.
pub(crate) async fn answer(inner: impl Inner, request: Request) -> Response {
    let Ok(answer) = inner.oneshot(request).await;
    answer.into_response()
}

/// The layer of an [`Around`].
#[derive(Clone, Debug)]
pub(crate) struct AroundLayer<A>(pub(crate) A);

impl<A: Clone, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> AroundService<A, S> {
        AroundService { around: self.0.clone(), inner: Arc::new(inner) }
    }
}

/// axum clones a service several times for each request. The inner service is behind an `Arc`, so that it is cloned once: when it is
/// called.
#[derive(Debug)]
pub(crate) struct AroundService<A, S> {
    around: A,
    inner: Arc<S>,
}

impl<A: Clone, S> Clone for AroundService<A, S> {
    fn clone(&self) -> Self {
        Self { around: self.around.clone(), inner: Arc::clone(&self.inner) }
    }
}

impl<A: Around, S: Inner + Clone + Sync> Service<Request> for AroundService<A, S> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    /// The clone that is called is asked.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (around, inner) = (self.around.clone(), Arc::clone(&self.inner));
        Box::pin(async move { Ok(around.around(request, S::clone(&inner)).await) })
    }
}
