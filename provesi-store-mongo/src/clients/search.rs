//! A page of a search, from a server that knows the order of names: the closest clients first, each rank in the way in
//! which an index finds it.
//!
//! - Whose name starts with the text: ranges of the index of the names.
//! - Whose address does: a range of the index of the addresses, brought in the order of the names.
//! - Who has it inside: a walk along the names, slice by slice, until the page is full or the time is over.
//!
//! The rule is [`ClientQuery::rank`], with one exception: where the start of a name or an address is written in
//! characters that a range may miss ([`Start::leads`]), the client is listed by the walk, as one who has the text inside.
//! [`Search::listed`] says it for all three, so that every client is in one of them and in no other.

mod filter;
mod plain;
mod start;
mod walk;

use std::time::Instant;

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::action::{Action, Find};
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use provesi_core::{
    ClientCursor, ClientListing, ClientPosition, ClientQuery, ClientRow, Direction, MatchRank, Page, PageLimit,
    StoreError,
};

pub(super) use filter::filter;
use start::Start;

use super::{batch_size, bounds};
use crate::collations;
use crate::documents::skip_corrupt;
use crate::error::store_error;
use crate::store::MongoStore;

/// How many clients whose address starts with the text are sorted. Where there are more, some of any hundred names
/// are theirs, and a walk along the names has a page of them soon.
const SORTED: usize = 1_000;

pub(super) async fn read(
    store: &MongoStore,
    listing: &ClientListing,
    query: &ClientQuery,
    place: Option<&ClientPosition>,
    limit: PageLimit,
) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
    let mut search = Search {
        store,
        query,
        direction: listing.direction,
        start: Start::new(query),
        wanted: limit.get() + 1,
        until: Instant::now() + store.search_time,
        found: Vec::new(),
    };
    let stopped_at = search.run(place).await?;
    let found = search.found;
    if let Some(place) = stopped_at {
        let clients = found.into_iter().map(|(_, client)| client).collect();
        return Ok(Page::stopped_early(clients, listing.cursor(place)));
    }
    let page = Page::from_one_more(found, limit, |(rank, last)| {
        listing.cursor(ClientPosition { rank: Some(*rank), name: last.name.clone(), id: last.id })
    });
    Ok(page.with_items(|found| found.into_iter().map(|(_, client)| client).collect()))
}

struct Search<'s> {
    store: &'s MongoStore,
    query: &'s ClientQuery,
    direction: Direction,
    /// None where no range finds what starts with the text.
    start: Option<Start>,
    /// One more than the page takes.
    wanted: usize,
    /// When to look no further.
    until: Instant,
    found: Vec<(MatchRank, ClientRow)>,
}

impl Search<'_> {
    /// Finds what is wanted after `place`, or all there is. Where it stopped before that, the place.
    async fn run(&mut self, place: Option<&ClientPosition>) -> Result<Option<ClientPosition>, StoreError> {
        let place = place.map(|place| (self.listed_place(place), place));
        let mut ranks = MatchRank::ALL;
        if self.direction == Direction::Descending {
            ranks.reverse();
        }
        for rank in ranks {
            let from = match place {
                Some((place, _)) if self.direction.apply(rank.cmp(&place)).is_lt() => continue,
                Some((at, place)) if at == rank => Some(place),
                _ => None,
            };
            let stopped_at = match rank {
                MatchRank::NameStart => self.names(from).await?,
                MatchRank::EmailStart => self.addresses(from).await?,
                MatchRank::Inside => self.walk(rank, from, &filter(self.query)).await?,
            };
            if stopped_at.is_some() || self.is_full() {
                return Ok(stopped_at);
            }
        }
        Ok(None)
    }

    /// Among which a client is listed, if it matches.
    fn listed(&self, document: &RawDocument, client: &ClientRow) -> Option<MatchRank> {
        let rank = self.query.rank(client)?;
        let leads = |text: &str| self.start.as_ref().is_some_and(|start| start.leads(text));
        let is_in_range = match rank {
            MatchRank::NameStart => leads(&client.name),
            // As the index has it: somebody else may have left blanks before it.
            MatchRank::EmailStart => document.get_str("email").is_ok_and(leads),
            MatchRank::Inside => true,
        };
        Some(if is_in_range { rank } else { MatchRank::Inside })
    }

    /// Among which the client at `place` is listed. [`ClientListing::cursor_at`] knows the rule and not the exception; of
    /// an address, which a place does not tell, it has to be believed.
    fn listed_place(&self, place: &ClientPosition) -> MatchRank {
        match (place.rank, &self.start) {
            (Some(MatchRank::NameStart), Some(start)) if start.leads(&place.name) => MatchRank::NameStart,
            (Some(MatchRank::EmailStart), Some(_)) => MatchRank::EmailStart,
            _ => MatchRank::Inside,
        }
    }

    async fn names(&mut self, from: Option<&ClientPosition>) -> Result<Option<ClientPosition>, StoreError> {
        let Some(start) = &self.start else { return Ok(None) };
        let ranges = bounds::ranges_after(start.names(), from, self.direction);
        let starting = bounds::passing(ranges, &start.pattern_of("name"));
        let documents = self.find(starting, None).await?;
        self.take(documents, MatchRank::NameStart).await?;
        Ok(None)
    }

    async fn addresses(&mut self, from: Option<&ClientPosition>) -> Result<Option<ClientPosition>, StoreError> {
        let rank = MatchRank::EmailStart;
        let Some(start) = &self.start else { return Ok(None) };
        let (starting, pattern) = (start.addresses(), start.pattern_of("email"));
        let ids = self.ids(bounds::all_of([starting, pattern.clone()])).await?;
        if ids.is_empty() {
            return Ok(None);
        }
        if ids.len() > SORTED {
            return self.walk(rank, from, &pattern).await;
        }
        // A command has one collation, so it takes two to find by the one and sort by the other.
        let ids = doc! { "_id": { "$in": ids } };
        let starting = match from {
            Some(place) => bounds::passing(bounds::after(place, self.direction).to_vec(), &ids),
            None => ids,
        };
        let documents = self.find(starting, Some(Hint::Keys(doc! { "_id": 1 }))).await?;
        self.take(documents, rank).await?;
        Ok(None)
    }

    /// The ids of those whose address is in a range, one more than can be sorted at most.
    async fn ids(&self, range: Document) -> Result<Vec<Bson>, StoreError> {
        let (clients, most) = (self.store.clients.clone_with_type::<Document>(), SORTED + 1);
        let found = clients.find(range).collation(collations::emails());
        let found = found.projection(doc! { "_id": 1 }).limit(i64::try_from(most).unwrap_or(i64::MAX));
        let found = found.batch_size(batch_size(most)).max_time(self.store.time_limit).await.map_err(store_error)?;
        let ids: Vec<Document> = found.try_collect().await.map_err(store_error)?;
        Ok(ids.into_iter().filter_map(|mut id| id.remove("_id")).collect())
    }

    async fn find(&self, filter: Document, hint: Option<Hint>) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        let documents = self.store.clients.find(filter).collation(collations::names());
        let documents = documents.sort(bounds::order(self.direction)).max_time(self.store.time_limit);
        let documents = documents.batch_size(batch_size(self.wanted - self.found.len()));
        documents.optional(hint, Find::hint).await.map_err(store_error)
    }

    /// Keeps of `documents` who is listed among `rank`, until the page is full.
    async fn take(&mut self, mut documents: Cursor<RawDocumentBuf>, rank: MatchRank) -> Result<(), StoreError> {
        while !self.is_full() {
            let Some(document) = documents.try_next().await.map_err(store_error)? else { break };
            let client = skip_corrupt(&document).filter(|client| self.listed(&document, client) == Some(rank));
            self.found.extend(client.map(|client| (rank, client)));
        }
        Ok(())
    }

    const fn is_full(&self) -> bool {
        self.found.len() == self.wanted
    }
}
