//! Answers as secure messages.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use provesi_crypto::{Binding, MAX_PLAINTEXT_LEN, Nonce, Seal, SealError, ServiceName};
use serde::Serialize;
use tower::Service;

use super::refusal::Refusal;
use super::step::Check;
use super::{Boundary, ENCRYPT_RESPONSE, ENCRYPTED_RESPONSE, Keyed, says_true, service, service_name};
use crate::answer::JSON;
use crate::body::is_too_long;

/// See [`Boundary::encrypt_response`].
#[derive(Clone, Debug)]
pub struct EncryptResponse(Boundary);

/// In the extensions of a request whose answer will be a secure message.
#[derive(Clone, Debug, Default)]
pub(super) struct Encrypting {
    /// The nonce of the message that the request came in, once it was opened.
    in_reply_to: Arc<OnceLock<Nonce>>,
}

impl Encrypting {
    /// Binds the answer to the message with this nonce.
    pub(super) fn reply_to(&self, nonce: Nonce) {
        // A request has one body, and so one message.
        let _ = self.in_reply_to.set(nonce);
    }
}

/// Between whom an answer goes, and for which request.
struct Between {
    source: ServiceName,
    destination: ServiceName,
    encrypting: Encrypting,
}

impl EncryptResponse {
    pub(super) const fn new(boundary: Boundary) -> Self {
        Self(boundary)
    }

    /// The answer as a message; where that cannot be, the reason as one.
    async fn encrypted(&self, keys: &Keyed, answer: Response, between: &Between) -> Response {
        let (mut parts, body) = answer.into_parts();
        let text = match self.whole(body).await {
            Ok(bytes) => sealed(keys, &bytes, between),
            Err(refusal) => Err(refusal),
        };
        let text = match text {
            Ok(text) => text,
            Err(refusal) => {
                let (refused, body) = refusal.answer().into_parts();
                parts.status = refused.status;
                parts.headers.extend(refused.headers);
                parts.headers.remove(header::ETAG);
                let told = to_bytes(body, usize::MAX).await.unwrap_or_default();
                // It is short, and text: only a lack of random numbers is in its way.
                match sealed(keys, &told, between) {
                    Ok(text) => text,
                    Err(_) => return Refusal::Failed.answer(),
                }
            }
        };
        for name in [header::CONTENT_ENCODING, header::TRANSFER_ENCODING, header::ACCEPT_RANGES] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::CONTENT_TYPE, JSON);
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        parts.headers.insert(ENCRYPTED_RESPONSE, HeaderValue::from_static("true"));
        Response::from_parts(parts, Body::from(text))
    }

    /// The body of an answer, which may be streamed.
    async fn whole(&self, body: Body) -> Result<Bytes, Refusal> {
        let read = tokio::time::timeout(self.0.0.limits.time, to_bytes(body, MAX_PLAINTEXT_LEN)).await;
        // What broke off was logged where it did.
        let refused = |error| if is_too_long(&error) { Refusal::LongAnswer } else { Refusal::Failed };
        read.map_err(|_| Refusal::TimedOut)?.map_err(refused)
    }
}

/// `{"encrypted": MESSAGE}`.
fn sealed(keys: &Keyed, bytes: &Bytes, between: &Between) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    struct Data<'a> {
        response: &'a str,
    }
    #[derive(Serialize)]
    struct Envelope<'a> {
        encrypted: &'a str,
    }
    let response = std::str::from_utf8(bytes).map_err(|_| Refusal::NoText)?;
    let Between { source, destination, encrypting } = between;
    let seal = Seal { source, destination, data: &Data { response } };
    let binding = Binding::Response { in_reply_to: encrypting.in_reply_to.get().copied() };
    let message = keys.messages.seal_bound(&seal, &binding).map_err(|error| {
        let is_long = matches!(error, SealError::TooLong { .. });
        if is_long {
            return Refusal::LongAnswer;
        }
        tracing::error!(%error, "an answer could not be encrypted");
        Refusal::Failed
    })?;
    serde_json::to_vec(&Envelope { encrypted: &message.token }).map_err(|_| Refusal::Failed)
}

impl Check for EncryptResponse {
    fn concerns(&self, request: &Request) -> bool {
        says_true(request.headers(), &ENCRYPT_RESPONSE) && service(request.extensions()).is_some()
    }

    async fn pass<S>(self, mut request: Request, mut inner: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        let Some(keys) = &self.0.0.keys else { return Ok(Refusal::NoKeys.answer()) };
        let Some(destination) = service_name(request.extensions()) else { return Ok(Refusal::Token.answer()) };
        let places = &self.0.0.places;
        let source = places.of(request.uri().path()).unwrap_or(&places.own).clone();
        let is_head = *request.method() == Method::HEAD;
        let headers = request.headers_mut();
        headers.remove(ENCRYPT_RESPONSE);
        // What is compressed is no text to encrypt, and its length would tell what it says.
        headers.remove(header::ACCEPT_ENCODING);
        let encrypting = Encrypting::default();
        request.extensions_mut().insert(encrypting.clone());
        let answer = inner.call(request).await?;
        if is_head || matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(answer);
        }
        Ok(self.encrypted(keys, answer, &Between { source, destination, encrypting }).await)
    }
}
