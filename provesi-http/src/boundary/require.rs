//! Layers around single routes: who may pass, and how. They look at what the steps of [`Boundary`](super::Boundary) have
//! found out, and so belong inside of it; without it they refuse everybody.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use provesi_crypto::ServiceName;
use tower::Service;

use super::decrypt::Decrypted;
use super::encrypt_response::Encrypting;
use super::refusal::Refusal;
use super::service;
use super::step::{Check, Step};

/// Lets only these services pass: 401 to who is no service, 403 to another one.
pub fn require_service(services: impl IntoIterator<Item = ServiceName>) -> Step<RequireService> {
    Step::new(RequireService(Some(services.into_iter().collect())))
}

/// Lets only those pass whose body came as a secure message, or who by their method send none (GET, HEAD, OPTIONS): 400 to
/// others.
pub const fn require_encrypted() -> Step<RequireEncrypted> {
    Step::new(RequireEncrypted(()))
}

/// Lets only those pass whose answer will be a secure message: 400 to others.
pub const fn require_encrypted_response() -> Step<RequireEncryptedResponse> {
    Step::new(RequireEncryptedResponse(()))
}

/// See [`require_service`].
#[derive(Clone, Debug)]
pub struct RequireService(Option<Arc<[ServiceName]>>);

/// See [`require_encrypted`].
#[derive(Clone, Copy, Debug)]
pub struct RequireEncrypted(());

/// See [`require_encrypted_response`].
#[derive(Clone, Copy, Debug)]
pub struct RequireEncryptedResponse(());

impl RequireService {
    /// Any service at all.
    pub(crate) const fn any() -> Step<Self> {
        Step::new(Self(None))
    }
}

impl Check for RequireService {
    fn concerns(&self, request: &Request) -> bool {
        let Some(name) = service(request.extensions()) else { return true };
        self.0.as_ref().is_some_and(|allowed| allowed.iter().all(|allowed| allowed.as_str() != name.as_str()))
    }

    async fn pass<S>(self, request: Request, _: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        let is_other = service(request.extensions()).is_some();
        Ok(if is_other { Refusal::Service } else { Refusal::Token }.answer())
    }
}

impl Check for RequireEncrypted {
    fn concerns(&self, request: &Request) -> bool {
        let sends_none = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        !sends_none && request.extensions().get::<Decrypted>().is_none()
    }

    async fn pass<S>(self, _: Request, _: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        Ok(Refusal::InClear.answer())
    }
}

impl Check for RequireEncryptedResponse {
    fn concerns(&self, request: &Request) -> bool {
        request.extensions().get::<Encrypting>().is_none()
    }

    async fn pass<S>(self, _: Request, _: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        Ok(Refusal::AnswerInClear.answer())
    }
}
