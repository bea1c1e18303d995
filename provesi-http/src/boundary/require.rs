//! Layers around single routes: who may pass, and how. They look at what the steps of [`Boundary`](super::Boundary) have
//! found out, and so belong inside of it; without it they refuse everybody.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use provesi_crypto::ServiceName;
use tower_http::validate_request::{ValidateRequest, ValidateRequestHeaderLayer};

use super::decrypt::Decrypted;
use super::encrypt_response::Encrypting;
use super::refusal::Refusal;
use super::service;

/// A layer that answers with what `refusal` returns, without the service that it wraps.
#[expect(clippy::result_large_err, reason = "tower-http returns the response of a refusal so")]
pub(crate) fn refuse_if(
    refusal: impl Fn(&Request) -> Option<Response> + Clone + Send + Sync + 'static,
) -> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    ValidateRequestHeaderLayer::custom(move |request: &mut Request| refusal(request).map_or(Ok(()), Err))
}

/// Lets only these services pass: 401 for a caller that is not a service, 403 for another service.
pub fn require_service(
    services: impl IntoIterator<Item = ServiceName>,
) -> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    let allowed: Arc<[ServiceName]> = services.into_iter().collect();
    refuse_if(move |request| match service(request.extensions()) {
        None => Some(Refusal::Token.answer()),
        Some(name) if allowed.iter().any(|allowed| allowed.as_str() == name.as_str()) => None,
        Some(_) => Some(Refusal::Service.answer()),
    })
}

/// Lets any service pass, and nobody else: 401.
pub(crate) fn require_any_service()
-> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    refuse_if(|request| service(request.extensions()).is_none().then(|| Refusal::Token.answer()))
}

/// Lets a request pass if its body came as a secure message, or if its method sends none (GET, HEAD, OPTIONS): 400 otherwise.
pub fn require_encrypted()
-> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    refuse_if(|request| {
        let sends_none = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        let is_clear = !sends_none && request.extensions().get::<Decrypted>().is_none();
        is_clear.then(|| Refusal::InClear.answer())
    })
}

/// Lets only those pass whose answer will be a secure message: 400 to others.
pub fn require_encrypted_response()
-> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    refuse_if(|request| request.extensions().get::<Encrypting>().is_none().then(|| Refusal::AnswerInClear.answer()))
}
