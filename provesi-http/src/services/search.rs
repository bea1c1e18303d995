//! `POST /clients/api/v1/search/`: `{"q", "descending", "limit", "cursor"}` is answered
//! `{"asked": …, "clients": […], "next_cursor", "stopped_early"}`: a page of the clients by name, of all or of those that a
//! text is found in, as `GET /api/clients/` has them, without those whose texts are too long for an answer. What is looked for is personal data and no matter for a URL.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{ClientFilter, ClientListing, ClientQuery, Direction, PageLimit};
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered, fits, page};
use crate::answer;
use crate::api::Api;
use crate::caller::By;
use crate::wire::ClientBody;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Search {
    q: Option<ClientQuery>,
    #[serde(default)]
    descending: bool,
    limit: u32,
    cursor: Option<String>,
}

impl Question for Search {
    fn is_modest(&self) -> bool {
        PageLimit::new(self.limit).is_ok()
    }
}

pub(super) async fn search(
    State(api): State<Api>,
    By(caller): By,
    Asked(asked): Asked<Search>,
) -> Result<Response, Unanswered> {
    #[derive(Serialize)]
    struct Told<'a> {
        clients: Vec<ClientBody<'a>>,
        next_cursor: Option<String>,
        stopped_early: bool,
        asked: &'a Search,
    }
    let request = page(asked.limit, asked.cursor.as_deref())?;
    let mut filter = ClientFilter::default();
    filter.query.clone_from(&asked.q);
    let direction = if asked.descending { Direction::Descending } else { Direction::Ascending };
    let listing = ClientListing::new(filter, direction);
    let page = api.app.list_clients(&caller, &listing, &request).await.map_err(Unanswered::App)?;
    let told = Told {
        clients: page.items.iter().map(|view| &view.client).filter(|client| fits(client)).map(ClientBody::of).collect(),
        next_cursor: page.next.map(|next| next.to_string()),
        stopped_early: page.stopped_early,
        asked: &asked,
    };
    Ok(answer::json(StatusCode::OK, &told))
}
