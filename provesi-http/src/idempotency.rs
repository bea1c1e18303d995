//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that is sent again is done once.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use provesi_core::{Actor, AppError, Caller, Client, ClientChange, ClientDeletion, ClientId, Expected, IdempotencyKey};

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

/// Reads the key of a write, with the fingerprint of its method, path, query, `If-Match` and body, for
/// [`By`](crate::caller::By).
pub(crate) async fn read_key(request: Request) -> Result<Request, ApiError> {
    let is_write = [Method::POST, Method::PUT, Method::DELETE].contains(request.method());
    if is_write && request.headers().contains_key(HEADER) {
        return with_key(request).await;
    }
    Ok(request)
}

/// The request with its [`IdempotencyKey`] among the extensions.
async fn with_key(request: Request) -> Result<Request, ApiError> {
    let (mut parts, body) = request.into_parts();
    // The limit is the body limit layer's.
    let body = to_bytes(body, usize::MAX).await.map_err(unread)?;
    let mut given = parts.headers.get_all(HEADER).iter();
    let key = match (given.next(), given.next()) {
        (Some(key), None) => key.to_str().unwrap_or_default(),
        _ => "",
    };
    let fingerprint = [
        parts.method.as_str().as_bytes(),
        parts.uri.path().as_bytes(),
        parts.uri.query().unwrap_or_default().as_bytes(),
        parts.headers.get(header::IF_MATCH).map(HeaderValue::as_bytes).unwrap_or_default(),
        &body,
    ];
    let actor = parts.extensions.get::<Actor>().cloned().unwrap_or_default();
    let key = IdempotencyKey::new(&actor, key, &fingerprint).map_err(|invalid| {
        let place = Place::Header("Idempotency-Key");
        ApiError::Invalid(Fault::broken_rule(place, Json::Text(key.to_owned()), invalid).into())
    })?;
    parts.extensions.insert(key);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The writes of clients, which wait for an earlier call with the same key that is writing the client.
impl Api {
    pub(crate) async fn edit_client(
        &self,
        caller: &Caller,
        id: ClientId,
        change: &ClientChange,
        expected: Expected,
    ) -> Result<Client, AppError> {
        self.after_earlier_call(caller, || self.app.edit_client(caller, id, change, expected)).await
    }

    pub(crate) async fn delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: Expected,
    ) -> Result<ClientDeletion, AppError> {
        self.after_earlier_call(caller, || self.app.delete_client(caller, id, expected)).await
    }

    async fn after_earlier_call<T, F>(&self, caller: &Caller, write: impl Fn() -> F + Send) -> Result<T, AppError>
    where
        F: Future<Output = Result<T, AppError>> + Send,
    {
        let until = Instant::now() + PATIENCE;
        loop {
            while self.app.is_key_in_progress(caller).await? && Instant::now() < until {
                tokio::time::sleep(PAUSE).await;
            }
            match write().await {
                // Both calls began when nothing was in progress.
                Err(AppError::KeyInProgress) if Instant::now() < until => {}
                ended => return ended,
            }
        }
    }
}
