//! The choice of a client in the form of an order. There may be a hundred thousand, so nobody lists them: without script
//! a button looks for them and the form comes back with the matches to pick from; with script they come while one types.

use provesi_core::{AppError, Caller, Client, ClientId, Stored};

use crate::api::Api;
use crate::error;
use crate::pages::clients::search::{Hit, matching};

/// Who can be chosen right now.
#[derive(Clone, Debug, Default)]
pub(in crate::pages::orders) struct Choice {
    /// The client that is chosen, if one is.
    pub(in crate::pages::orders) chosen: Option<Hit>,
    /// What was looked for, if anything was.
    pub(in crate::pages::orders) q: Option<String>,
    /// Those that were found.
    pub(in crate::pages::orders) hits: Vec<Hit>,
    pub(in crate::pages::orders) more: bool,
    /// Whether the store of clients did not answer.
    pub(in crate::pages::orders) failed: bool,
}

impl Choice {
    pub(in crate::pages::orders) fn nobody() -> Self {
        Self::default()
    }

    pub(in crate::pages::orders) fn of(client: &Stored<Client>) -> Self {
        Self { chosen: Some(Hit::from(client)), ..Self::default() }
    }

    /// A client of whom nothing but the id is known.
    pub(in crate::pages::orders) fn unnamed(id: ClientId, told: &str) -> Self {
        let hit = Hit { id: id.to_string(), name: told.to_owned(), email: String::new(), phone: String::new() };
        Self { chosen: Some(hit), ..Self::default() }
    }

    /// The client with this id, as far as it can be found; nobody where the text is no id.
    pub(in crate::pages::orders) async fn find(api: &Api, caller: &Caller, id: &str) -> Self {
        let Ok(id) = id.parse::<ClientId>() else { return Self::nobody() };
        match api.app.client(caller, id).await {
            Ok(client) => Self::of(&client),
            Err(AppError::ClientNotFound) => Self::unnamed(id, "Un cliente que ya no existe"),
            Err(failure) => {
                error::log(&failure);
                Self { failed: true, ..Self::unnamed(id, "El cliente elegido (los clientes no responden)") }
            }
        }
    }

    /// The same choice, with those who match a text beside it.
    pub(in crate::pages::orders) async fn searched(mut self, api: &Api, caller: &Caller, q: &str) -> Self {
        match matching(api, caller, q).await {
            Ok((hits, more)) => {
                let chosen = self.chosen.as_ref().map(|hit| hit.id.clone());
                self.hits = hits.into_iter().filter(|hit| Some(&hit.id) != chosen.as_ref()).collect();
                self.more = more;
            }
            Err(failure) => {
                error::log(&failure);
                self.failed = true;
            }
        }
        self.q = Some(q.to_owned());
        self
    }

    pub(in crate::pages::orders) fn is_searched(&self) -> bool {
        self.q.is_some()
    }

    /// What was looked for.
    pub(in crate::pages::orders) fn text(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }
}
