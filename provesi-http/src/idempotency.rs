//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that is sent again is done once.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use provesi_core::{
    Actor, AppError, Caller, Client, ClientChange, ClientDeletion, ClientId, Expected, IdempotencyKey, Invalid,
};

use crate::api::Api;
use crate::body::unread;
use crate::error::ApiError;
use crate::faults::{Fault, Place};
use crate::json::Json;

/// The header.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a call waits for an earlier one with its key, and how long between two looks.
const PATIENCE: Duration = Duration::from_secs(2);
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
    let if_match = parts.headers.get(header::IF_MATCH).map(HeaderValue::as_bytes).unwrap_or_default();
    let request = [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), query.as_bytes(), if_match, &body];
    match IdempotencyKey::new(&actor, &key, &request) {
        Ok(key) => {
            parts.extensions.insert(key);
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(invalid) => refused(key, invalid).into_response(),
    }
}

fn refused(key: String, invalid: Invalid) -> ApiError {
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
        let until = Instant::now() + PATIENCE;
        loop {
            self.wait_for_key(caller, until).await?;
            match self.app.edit_client(caller, id, change, expected).await {
                // Both calls began when nothing was in progress.
                Err(AppError::KeyInProgress) if Instant::now() < until => {}
                ended => return ended,
            }
        }
    }

    pub(crate) async fn delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: Expected,
    ) -> Result<ClientDeletion, AppError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.wait_for_key(caller, until).await?;
            match self.app.delete_client(caller, id, expected).await {
                // Both calls began when nothing was in progress.
                Err(AppError::KeyInProgress) if Instant::now() < until => {}
                ended => return ended,
            }
        }
    }

    async fn wait_for_key(&self, caller: &Caller, until: Instant) -> Result<(), AppError> {
        while self.app.is_key_in_progress(caller).await? && Instant::now() < until {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}
