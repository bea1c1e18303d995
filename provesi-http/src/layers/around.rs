//! Layers that are one async function around a service. axum's `from_fn` boxes and clones the service of each request; here its
//! type is known, and only the future of the function is boxed.

use std::convert::Infallible;
use std::mem;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

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
pub(crate) async fn answer(mut inner: impl Inner, request: Request) -> Response {
    let Ok(answer) = inner.call(request).await;
    answer.into_response()
}

/// The layer of an [`Around`].
#[derive(Clone, Debug)]
pub(crate) struct AroundLayer<A>(pub(crate) A);

impl<A: Clone, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> AroundService<A, S> {
        AroundService { around: self.0.clone(), inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct AroundService<A, S> {
    around: A,
    inner: S,
}

impl<A: Around, S: Inner + Clone> Service<Request> for AroundService<A, S> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled ready goes along, not the clone.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let around = self.around.clone();
        Box::pin(async move { Ok(around.around(request, ready).await) })
    }
}
