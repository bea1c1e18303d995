//! Bodies that are secure messages.

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, header};
use provesi_crypto::{Binding, Expected, OpenError};

use super::encrypt_response::Encrypting;
use super::refusal::Refusal;
use super::{Boundary, ENCRYPTED_PAYLOAD, Inner, says_true, service_name};
use crate::answer::JSON;
use crate::body::is_too_long;

/// In the extensions of a request whose body came as a secure message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decrypted;

/// Why a body is not handed on.
#[derive(Debug)]
enum Unopened {
    /// For a reason that the caller is told.
    Told(Refusal),
    /// For one that is for the log alone.
    Message(&'static str),
    Open(OpenError),
}

impl Boundary {
    /// Puts what the message in the body says in its place, if the request says that it is one.
    pub(super) async fn decrypt(&self, request: &mut Request) -> Result<(), Refusal> {
        if !says_true(request.headers(), &ENCRYPTED_PAYLOAD) {
            return Ok(());
        }
        let why = match self.open(request).await {
            Ok(json) => {
                let json = Bytes::from(json);
                describe(request.headers_mut(), json.len());
                *request.body_mut() = Body::from(json);
                request.extensions_mut().insert(Decrypted);
                return Ok(());
            }
            Err(Unopened::Told(refusal)) => return Err(refusal),
            Err(Unopened::Message(why)) => why.to_owned(),
            Err(Unopened::Open(error)) => error.to_string(),
        };
        tracing::warn!(why, "an encrypted body was refused");
        Err(Refusal::Message)
    }

    /// What the message in a body says.
    async fn open(&self, request: &mut Request) -> Result<String, Unopened> {
        let Inner { keys, places, limits, strict_messages, .. } = &*self.0;
        let keys = keys.as_ref().ok_or(Unopened::Message("there are no keys"))?;
        let source = service_name(request.extensions()).ok_or(Unopened::Message("the request is not internal"))?;
        let destination = places.of(request.uri().path()).ok_or(Unopened::Message("the path belongs to no service"))?;
        let body = std::mem::take(request.body_mut());
        if body.size_hint().lower() > limits.body as u64 {
            return Err(Unopened::Told(Refusal::TooLarge));
        }
        let arrived = tokio::time::timeout(limits.time, to_bytes(body, limits.body)).await;
        let token = arrived.map_err(|_| Unopened::Told(Refusal::BodyTimedOut))?.map_err(|error| unread(&error))?;
        let token = std::str::from_utf8(&token).map_err(|_| Unopened::Message("the body is no text"))?;
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let binding = Binding::Request { method: request.method().as_str(), path };
        let expected = Expected::at(destination).sent_by(&source).bound_to(binding).strict(*strict_messages);
        let message = keys.messages.open(token, &expected).map_err(Unopened::Open)?;
        if let Some(encrypting) = request.extensions().get::<Encrypting>() {
            encrypting.reply_to(message.nonce());
        }
        Ok(message.into_data_json())
    }
}

fn unread(error: &axum::Error) -> Unopened {
    if is_too_long(error) { Unopened::Told(Refusal::TooLarge) } else { Unopened::Message("the body broke off") }
}

/// Makes the headers say what the body is by now.
fn describe(headers: &mut HeaderMap, len: usize) {
    for name in [ENCRYPTED_PAYLOAD, header::CONTENT_ENCODING, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
}
