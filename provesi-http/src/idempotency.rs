//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that is sent again is done once.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use provesi_core::{
    Actor, AppError, Caller, Client, ClientChange, ClientDeletion, ClientId, Expected, Field, IdempotencyKey, Invalid,
    Rule,
};

use crate::api::Api;
use crate::body::unread;
use crate::error::ApiError;
use crate::faults::{Fault, Place};
use crate::json::Json;

/// The header.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How often a call looks again whether an earlier one with its key has ended, and how long it waits before.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Reads the key of a write, with the fingerprint of its method, path, query and body, for [`By`](crate::caller::By).
pub(crate) async fn read(request: Request, next: Next) -> Response {
    let writes = [Method::POST, Method::PUT, Method::DELETE].contains(request.method());
    if !writes || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    let mut given = request.headers().get_all(HEADER).iter();
    let key = match (given.next(), given.next()) {
        (Some(key), None) => key.to_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let (mut parts, body) = request.into_parts();
    // The limit is the body limit layer's.
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return unread(error).into_response(),
    };
    let actor = parts.extensions.get::<Actor>().cloned().unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let request = [parts.method.as_str(), parts.uri.path(), query].map(str::as_bytes);
    match IdempotencyKey::new(&actor, &key, &[request[0], request[1], request[2], &body]) {
        Ok(key) => {
            parts.extensions.insert(key);
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(invalid) => refused(key, invalid).into_response(),
    }
}

fn refused(key: String, invalid: Invalid) -> ApiError {
    let invalid = match invalid.rule {
        Rule::Blank | Rule::ControlCharacter => Invalid::new(Field::IdempotencyKey, Rule::ControlCharacter),
        _ => invalid,
    };
    ApiError::Invalid(Fault::broken_rule(Place::Header("Idempotency-Key"), Json::Text(key), invalid).into())
}

/// The writes of clients for which a call waits while an earlier one with its key makes them.
impl Api {
    pub(crate) async fn edit_client(
        &self,
        caller: &Caller,
        id: ClientId,
        change: &ClientChange,
        expected: Expected,
    ) -> Result<Client, AppError> {
        let mut looks = 0;
        loop {
            match self.app.edit_client(caller, id, change, expected).await {
                Err(AppError::KeyInProgress) if looks < LOOKS => wait(&mut looks).await,
                settled => return settled,
            }
        }
    }

    pub(crate) async fn delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: Expected,
    ) -> Result<ClientDeletion, AppError> {
        let mut looks = 0;
        loop {
            match self.app.delete_client(caller, id, expected).await {
                Err(AppError::KeyInProgress) if looks < LOOKS => wait(&mut looks).await,
                settled => return settled,
            }
        }
    }
}

async fn wait(looks: &mut u32) {
    *looks += 1;
    tokio::time::sleep(PAUSE).await;
}
