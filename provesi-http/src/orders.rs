//! `/api/orders/…`, one action a file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod returns;
pub(crate) mod update;

use provesi_core::{AppError, Caller, Expected, OrderNumber};

use crate::api::Api;
use crate::etag::IfMatch;

/// What a write of an order expects.
async fn expected(api: &Api, caller: &Caller, number: &OrderNumber, if_match: &IfMatch) -> Result<Expected, AppError> {
    if let Some(expected) = if_match.simple() {
        return Ok(expected);
    }
    let current = api.app.order(caller, number).await?.order;
    if_match.allowing(current.version()).ok_or_else(|| AppError::OrderChanged { current: Box::new(current) })
}
