//! `/api/clients/…`, one action a file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use provesi_core::{AppError, Caller, ClientId, Expected};

use crate::api::Api;
use crate::etag::IfMatch;

/// What a write of a client expects.
async fn expected(api: &Api, caller: &Caller, id: ClientId, if_match: &IfMatch) -> Result<Expected, AppError> {
    if let Some(expected) = if_match.simple() {
        return Ok(expected);
    }
    let current = api.app.client(caller, id).await?;
    if_match.allowing(current.version()).ok_or_else(|| AppError::ClientChanged { current: Box::new(current) })
}
