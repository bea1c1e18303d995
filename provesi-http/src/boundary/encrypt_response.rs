//! Answers as secure messages.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use provesi_crypto::{Binding, MAX_PLAINTEXT_LEN, Nonce, Seal, SealError, ServiceName};
use serde::Serialize;

use super::refusal::Refusal;
use super::{Boundary, ENCRYPT_RESPONSE, ENCRYPTED_RESPONSE, Keyed, says_true, service, service_name};
use crate::answer::JSON;
use crate::body::is_too_long;

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

/// How an answer is encrypted: between whom it goes, and for which request.
pub(super) struct Reply {
    source: ServiceName,
    destination: ServiceName,
    encrypting: Encrypting,
    is_head: bool,
}

impl Boundary {
    /// How to encrypt the answer to a request; `None` if it is to stay as it is.
    pub(super) fn reply(&self, request: &mut Request) -> Result<Option<Reply>, Refusal> {
        if !says_true(request.headers(), &ENCRYPT_RESPONSE) || service(request.extensions()).is_none() {
            return Ok(None);
        }
        if !self.has_keys() {
            return Err(Refusal::NoKeys);
        }
        let destination = service_name(request.extensions()).ok_or(Refusal::Token)?;
        let places = &self.0.places;
        let source = places.of(request.uri().path()).unwrap_or(&places.own).clone();
        let is_head = *request.method() == Method::HEAD;
        let headers = request.headers_mut();
        headers.remove(ENCRYPT_RESPONSE);
        // What is compressed is no text to encrypt, and its length would tell what it says.
        headers.remove(header::ACCEPT_ENCODING);
        let encrypting = Encrypting::default();
        request.extensions_mut().insert(encrypting.clone());
        Ok(Some(Reply { source, destination, encrypting, is_head }))
    }

    /// The answer as a message, if it may have a body; where that cannot be, the reason as one.
    pub(super) async fn encrypt(&self, answer: Response, reply: &Reply) -> Response {
        let has_none = reply.is_head || matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let Some(keys) = self.0.keys.as_ref().filter(|_| !has_none) else { return answer };
        let (mut parts, body) = answer.into_parts();
        let text = match self.whole(body).await {
            Ok(bytes) => sealed(keys, &bytes, reply),
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
                match sealed(keys, &told, reply) {
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
        let read = tokio::time::timeout(self.0.limits.time, to_bytes(body, MAX_PLAINTEXT_LEN)).await;
        // What broke off was logged where it did.
        let refused = |error| if is_too_long(&error) { Refusal::LongAnswer } else { Refusal::Failed };
        read.map_err(|_| Refusal::TimedOut)?.map_err(refused)
    }
}

/// `{"encrypted": MESSAGE}`.
fn sealed(keys: &Keyed, bytes: &Bytes, reply: &Reply) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    struct Data<'a> {
        response: &'a str,
    }
    #[derive(Serialize)]
    struct Envelope<'a> {
        encrypted: &'a str,
    }
    let response = std::str::from_utf8(bytes).map_err(|_| Refusal::NoText)?;
    let Reply { source, destination, encrypting, .. } = reply;
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
