//! `/api/orders/…`, one action a file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod returns;
pub(crate) mod update;

use provesi_core::{Expected, OrderNumber, OrderRepositoryExt};

use crate::api::Api;
use crate::etag::IfMatch;

/// What a write of an order expects. Where it names several versions, which of them is there is looked up past the use
/// cases: the write itself tells what is not so, and is what leaves a record.
async fn expected(api: &Api, number: &OrderNumber, if_match: &IfMatch) -> Expected {
    match if_match.simple() {
        Some(expected) => expected,
        None => {
            let current = api.app.orders().find_by_number(number).await.ok().flatten();
            if_match.among(current.map(|order| order.version()))
        }
    }
}
