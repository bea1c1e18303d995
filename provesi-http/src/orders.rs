//! `/api/orders/…`, one action a file.

pub(crate) mod by_id;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod returns;
pub(crate) mod update;

use provesi_core::{Expected, OrderKey, OrderRepositoryExt};

use crate::api::Api;
use crate::etag::IfMatch;

/// What a write of an order expects. Where it names several versions, which of them is there is looked up past the use
/// cases: the write itself tells what is not so, and is what leaves a record.
async fn expected(api: &Api, key: &OrderKey, if_match: &IfMatch) -> Expected {
    match if_match.simple() {
        Some(expected) => expected,
        None => {
            let current = api.app.orders().load(key.clone()).await.ok().flatten();
            if_match.among(current.map(|order| order.version()))
        }
    }
}
