//! How a step becomes a layer. Requests that it does not concern pay for one look at their headers.

use std::future::Future;
use std::mem;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures_util::future::{BoxFuture, Either, FutureExt};
use tower::{Layer, Service};

/// What a step does. Implemented in this crate alone.
pub trait Check: Clone + Send + Sync + 'static {
    /// Whether it does anything with this request.
    fn concerns(&self, request: &Request) -> bool;

    /// Does it, and hands the request on or not.
    fn pass<S>(self, request: Request, inner: S) -> impl Future<Output = Result<Response, S::Error>> + Send
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send;
}

/// A step as a layer over a service that takes axum's requests and gives axum's answers.
#[derive(Clone, Copy, Debug)]
pub struct Step<C>(C);

impl<C> Step<C> {
    pub(crate) const fn new(check: C) -> Self {
        Self(check)
    }
}

impl<C: Clone, S> Layer<S> for Step<C> {
    type Service = StepService<C, S>;

    fn layer(&self, inner: S) -> Self::Service {
        StepService { check: self.0.clone(), inner }
    }
}

/// A service behind a step.
#[derive(Clone, Debug)]
pub struct StepService<C, S> {
    check: C,
    inner: S,
}

impl<C, S> Service<Request> for StepService<C, S>
where
    C: Check,
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !self.check.concerns(&request) {
            return Either::Left(self.inner.call(request));
        }
        // The one that was polled ready goes along, not the clone.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        Either::Right(self.check.clone().pass(request, ready).boxed())
    }
}
