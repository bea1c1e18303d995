//! `/clients/search/?q=`: JSON for the choice of a client while one types. At most twenty.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Client, ClientFilter, ClientListing, ClientQuery, Direction, PageLimit, PageRequest, Stored};
use serde::Serialize;

use crate::answer;
use crate::api::Api;
use crate::caller::By;
use crate::pages::json::NoRecord;
use crate::pages::words;
use crate::query::Params;

/// How many clients are offered.
const MOST: u32 = 20;

#[derive(Debug, Default, Serialize)]
struct Found {
    clients: Vec<Hit>,
    /// Whether there are more than were told.
    more: bool,
}

/// A client as it is offered for choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hit {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
}

impl From<&Stored<Client>> for Hit {
    fn from(client: &Stored<Client>) -> Self {
        let client = client.shown();
        Self {
            id: client.id.to_string(),
            name: words::named(&client.name),
            email: client.email,
            phone: client.phone.unwrap_or_default(),
        }
    }
}

pub(crate) async fn search(State(api): State<Api>, By(caller): By, params: Params) -> Result<Response, NoRecord> {
    let (clients, more) = matching(&api, &caller, params.last("q").unwrap_or_default()).await?;
    Ok(answer::json(StatusCode::OK, &Found { clients, more }))
}

/// The clients that are closest to a text, and whether there are more. None for a text that nothing can match.
pub(crate) async fn matching(
    api: &Api,
    caller: &provesi_core::Caller,
    text: &str,
) -> Result<(Vec<Hit>, bool), provesi_core::AppError> {
    let Ok(query) = ClientQuery::parse(text) else { return Ok((Vec::new(), false)) };
    let filter = ClientFilter { query: Some(query) };
    let request = PageRequest::first(PageLimit::new(MOST).unwrap_or(PageLimit::MAX));
    let page = api.app.choose_clients(caller, &ClientListing::new(filter, Direction::Ascending), &request).await?;
    Ok((page.items.iter().map(Hit::from).collect(), page.next.is_some()))
}
