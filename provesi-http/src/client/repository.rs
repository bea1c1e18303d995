//! The clients of another process as a store that orders can read.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientId, ClientKey, ClientListing, ClientQuery, ClientRepository, ClientRow,
    ClientWrite, Direction, Email, Page, PageRequest, StoreError,
};
use serde::{Deserialize, Serialize};

use super::error::ServiceError;
use super::{Found, SecureServiceClient, without_empty};
use crate::services::SEARCH;

/// How many clients are asked for at once: as many as surely fit into a message, whatever their addresses.
const AT_ONCE: usize = 100;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Question {
    q: Option<ClientQuery>,
    descending: bool,
    limit: usize,
    cursor: Option<String>,
}

impl SecureServiceClient {
    async fn part_of_page(
        &self,
        listing: &ClientListing,
        limit: usize,
        after: Option<&ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, ServiceError> {
        #[derive(Deserialize)]
        struct Told {
            clients: Vec<ClientRow>,
            next_cursor: Option<String>,
            stopped_early: bool,
            asked: Question,
        }
        let ClientListing { filter: ClientFilter { query }, direction } = listing;
        let question = Question {
            q: query.clone(),
            descending: *direction == Direction::Descending,
            limit,
            cursor: after.map(ToString::to_string),
        };
        let told: Told = self.ask(SEARCH, &question).await?;
        if told.asked != question || told.clients.len() > limit {
            return Err(ServiceError::Answer("the answer is not the page that was asked for"));
        }
        let next = told.next_cursor.map(|next| next.parse()).transpose();
        let next = next.map_err(|_| ServiceError::Answer("the answer has no place to go on from"))?;
        let items = told.clients.into_iter().map(without_empty).collect();
        Ok(Page { items, next, stopped_early: told.stopped_early })
    }

    /// The clients that exist, and [`StoreError::Corrupt`] for those that the service cannot decode.
    async fn rows_by_id(
        &self,
        ids: BTreeSet<ClientId>,
    ) -> Result<HashMap<ClientId, Result<ClientRow, StoreError>>, ServiceError> {
        let Found { clients, unreadable } = self.look_up_all(ids).await?;
        let rows = clients.into_iter().map(|client| (client.id, Ok(client)));
        Ok(rows.chain(unreadable.into_iter().map(|id| (id, Err(ServiceError::Unreadable.into())))).collect())
    }

    /// Looks through what a search for the address finds: clients whose address starts with it come before those that
    /// have it inside.
    async fn row_by_email(&self, email: &Email) -> Result<Option<ClientRow>, ServiceError> {
        let Ok(query) = ClientQuery::parse(email.as_str()) else {
            return Err(ServiceError::NotOffered("a search for so long an address"));
        };
        let filter = ClientFilter { query: Some(query) };
        let listing = ClientListing::new(filter, Direction::Ascending);
        let mut after = None;
        loop {
            let page = self.part_of_page(&listing, AT_ONCE, after.as_ref()).await?;
            let is_it =
                |client: &ClientRow| client.email.parse::<Email>().is_ok_and(|other| other.folded() == email.folded());
            if let Some(found) = page.items.into_iter().find(is_it) {
                return Ok(Some(found));
            }
            match page.next {
                None => return Ok(None),
                next => after = next,
            }
        }
    }
}

#[async_trait]
impl ClientRepository for SecureServiceClient {
    fn database(&self) -> String {
        format!("service {}", self.destination)
    }

    /// Sends one question for each 1,000 ids, and one search for each e-mail address.
    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        let ids = keys.iter().filter_map(|key| match key {
            ClientKey::Id(id) => Some(*id),
            ClientKey::Email(_) => None,
        });
        let found = self.rows_by_id(ids.collect()).await.map_err(StoreError::from);
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            rows.push(match (key, &found) {
                (_, Err(error)) => Err(error.clone()),
                (ClientKey::Id(id), Ok(found)) => found.get(id).cloned().transpose(),
                (ClientKey::Email(email), Ok(_)) => self.row_by_email(email).await.map_err(StoreError::from),
            });
        }
        rows
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        writes.iter().map(|_| Err(ServiceError::NotOffered("changing clients").into())).collect()
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        // Ours or not is for the service to say, and it would tell it like any other fault of the question.
        if let Some(cursor) = &request.after {
            listing.position(cursor)?;
        }
        let mut items: Vec<ClientRow> = Vec::new();
        let mut after = request.after.clone();
        loop {
            let limit = (request.limit.get() - items.len()).min(AT_ONCE);
            let part = self.part_of_page(listing, limit, after.as_ref()).await?;
            items.extend(part.items);
            if part.next.is_none() || part.stopped_early || items.len() >= request.limit.get() {
                return Ok(Page { items, next: part.next, stopped_early: part.stopped_early });
            }
            after = part.next;
        }
    }

    async fn count(&self, _: &ClientFilter) -> Result<u64, StoreError> {
        Err(ServiceError::NotOffered("counting clients").into())
    }

    /// Asks for nobody, which takes a token and keys that the other side knows, and a store that answers it.
    async fn ping(&self) -> Result<(), StoreError> {
        self.check().await.map_err(StoreError::from)
    }
}
