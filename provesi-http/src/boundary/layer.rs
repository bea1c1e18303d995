//! A boundary around a service. A request that is neither internal nor encrypted pays for a look at its headers.

use std::mem;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures_util::future::{BoxFuture, Either, FutureExt};
use tower::{Layer, Service};

use super::{Boundary, ENCRYPT_RESPONSE, ENCRYPTED_PAYLOAD, SOURCE};

/// A service behind a [`Boundary`].
#[derive(Clone, Debug)]
pub struct BoundaryService<S> {
    boundary: Boundary,
    inner: S,
}

impl<S> Layer<S> for Boundary {
    type Service = BoundaryService<S>;

    fn layer(&self, inner: S) -> BoundaryService<S> {
        BoundaryService { boundary: self.clone(), inner }
    }
}

impl<S> Service<Request> for BoundaryService<S>
where
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
        let headers = request.headers();
        if ![SOURCE, ENCRYPTED_PAYLOAD, ENCRYPT_RESPONSE].iter().any(|name| headers.contains_key(name)) {
            return Either::Left(self.inner.call(request));
        }
        // The one that was polled ready goes along, not the clone.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        Either::Right(self.boundary.clone().pass(request, ready).boxed())
    }
}

impl Boundary {
    /// Takes a request through the three steps.
    async fn pass<S>(self, mut request: Request, mut inner: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        if let Err(refusal) = self.authenticate(&mut request).await {
            return Ok(refusal.answer());
        }
        let reply = match self.reply(&mut request) {
            Ok(reply) => reply,
            Err(refusal) => return Ok(refusal.answer()),
        };
        let answer = match self.decrypt(&mut request).await {
            Ok(()) => inner.call(request).await?,
            Err(refusal) => refusal.answer(),
        };
        match reply {
            Some(reply) => Ok(self.encrypt(answer, &reply).await),
            None => Ok(answer),
        }
    }
}
