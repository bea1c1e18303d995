//! `/api/clients/…`, one action a file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use provesi_core::{ClientId, ClientKey, ClientRepositoryExt, Expected};

use crate::api::Api;
use crate::etag::IfMatch;

/// What a write of a client expects. Where it names several versions, which of them is there is looked up past the use
/// cases: the write itself tells what is not so, and is what leaves a record.
async fn expected(api: &Api, id: ClientId, if_match: &IfMatch) -> Expected {
    match if_match.simple() {
        Some(expected) => expected,
        None => {
            let current = api.app.clients().load(ClientKey::Id(id)).await.ok().flatten();
            if_match.among(current.map(|client| client.version()))
        }
    }
}
