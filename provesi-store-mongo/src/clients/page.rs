//! Pages of clients, in the server's order of names.
//!
//! A list is one walk along the names. A search is one for each [`MatchRank`]: along ranges of the indexes where these find
//! what starts with the text, else along all names. [`ClientQuery::rank`] decides on each document, here: MongoDB cannot
//! fold a text, and the collection holds no folded one.
//!
//! One exception to that rule: where the start of a name or an address is written in characters that a range may miss
//! ([`Prefix::covers`]), the client is listed among those that have the text inside.

use std::time::Instant;

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::action::{Action, Find};
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, Hint};
use provesi_core::{
    ClientCursor, ClientFilter, ClientListing, ClientPosition, ClientQuery, ClientRow, Direction, MatchRank, Page,
    PageRequest, StoreError,
};

use super::prefix::Prefix;
use super::{batch_size, bounds};
use crate::collations;
use crate::documents::skip_corrupt;
use crate::error::store_error;
use crate::store::MongoStore;

/// How many documents a walk along all names reads at a time, and after how many a search looks at the clock: a server sends
/// them within a few milliseconds.
const BATCH: usize = 500;

/// How many clients whose address starts with the text are sorted by the server. Where there are more, some of any hundred
/// names are theirs, and a walk along the names soon has a page of them.
const MAX_SORTED: usize = 1_000;

pub(super) async fn read(
    store: &MongoStore,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let until = Instant::now() + store.search_time;
    let names = store.name_collation().await?;
    let query = listing.filter.query.as_ref();
    let mut reader = Reader {
        store,
        query,
        direction: listing.direction,
        prefix: query.filter(|_| names.is_some()).and_then(Prefix::new),
        names,
        wanted: request.limit.get() + 1,
        until,
        looked_at: 0,
        found: Vec::new(),
    };
    let stopped_at = reader.read(place).await?;
    let page = match stopped_at {
        Some(place) => Page::stopped_early(reader.found, listing.cursor(place)),
        None => Page::from_one_more(reader.found, request.limit, |(rank, last)| listing.cursor(position(*rank, last))),
    };
    Ok(page.with_items(|found| found.into_iter().map(|(_, client)| client).collect()))
}

fn position(rank: Option<MatchRank>, client: &ClientRow) -> ClientPosition {
    ClientPosition { rank, name: client.name.clone(), id: client.id }
}

struct Reader<'s> {
    store: &'s MongoStore,
    /// None for a list of all clients, which has no ranks.
    query: Option<&'s ClientQuery>,
    direction: Direction,
    /// None where the server has no such collation, and sorts by code point.
    names: Option<Collation>,
    /// None where no range of an index has what starts with the text.
    prefix: Option<Prefix>,
    /// One more than the page takes.
    wanted: usize,
    /// When a search looks no further.
    until: Instant,
    /// How many documents of the last command were looked at.
    looked_at: usize,
    found: Vec<(Option<MatchRank>, ClientRow)>,
}

impl Reader<'_> {
    /// Finds the clients of the page after `place`. Where it stopped before the page was full, the place up to which it
    /// looked.
    async fn read(&mut self, place: Option<&ClientPosition>) -> Result<Option<ClientPosition>, StoreError> {
        let mut ranks = self.query.map_or_else(|| vec![None], |_| MatchRank::ALL.map(Some).to_vec());
        if self.direction == Direction::Descending {
            ranks.reverse();
        }
        let place = place.map(|place| (self.rank_of_place(place), place));
        for rank in ranks {
            let from = match place {
                Some((at, _)) if self.direction.apply(rank.cmp(&at)).is_lt() => continue,
                Some((at, place)) if at == rank => Some(place),
                _ => None,
            };
            let stopped_at = self.read_rank(rank, from).await?;
            if stopped_at.is_some() || self.is_full() {
                return Ok(stopped_at);
            }
        }
        Ok(None)
    }

    async fn read_rank(
        &mut self,
        rank: Option<MatchRank>,
        from: Option<&ClientPosition>,
    ) -> Result<Option<ClientPosition>, StoreError> {
        let (mut ranges, mut hint) = (vec![doc! {}], None);
        match (rank, &self.prefix) {
            (Some(MatchRank::NameStart), Some(prefix)) => ranges = prefix.names(),
            (Some(MatchRank::EmailStart), Some(prefix)) => {
                // A command has one collation, so it takes two to find by the one and sort by the other.
                let ids = self.ids(prefix.emails()).await?;
                if ids.is_empty() {
                    return Ok(None);
                }
                if ids.len() <= MAX_SORTED {
                    (ranges, hint) = (vec![doc! { "_id": { "$in": ids } }], Some(Hint::Keys(doc! { "_id": 1 })));
                }
            }
            _ => {}
        }
        let filter = bounds::within(&ranges, from, self.direction);
        if self.query.is_none() {
            // The limit saves the command that closes a cursor.
            let limited = self.find(filter.clone(), rank).limit(i64::try_from(self.wanted).unwrap_or(i64::MAX));
            self.take(limited.await.map_err(store_error)?, rank).await?;
            if self.is_full() || self.looked_at < self.wanted {
                return Ok(None);
            }
            // Some could not be read: those that follow fill their places.
            self.found.clear();
        }
        let documents = self.find(filter, rank).optional(hint, Find::hint).await.map_err(store_error)?;
        self.take(documents, rank).await
    }

    /// The ids of those whose address is in a range, one more than are sorted at most.
    async fn ids(&self, range: Document) -> Result<Vec<Bson>, StoreError> {
        let (clients, most) = (self.store.clients.clone_with_type::<Document>(), MAX_SORTED + 1);
        let found = clients.find(range).collation(collations::emails());
        let found = found.projection(doc! { "_id": 1 }).limit(i64::try_from(most).unwrap_or(i64::MAX));
        let found = found.batch_size(batch_size(most)).max_time(self.store.time_limit).await.map_err(store_error)?;
        let ids: Vec<Document> = found.try_collect().await.map_err(store_error)?;
        Ok(ids.into_iter().filter_map(|mut id| id.remove("_id")).collect())
    }

    fn find(&self, filter: Document, rank: Option<MatchRank>) -> Find<'_, RawDocumentBuf> {
        let missing = self.wanted - self.found.len();
        let batch = if rank == Some(MatchRank::Inside) { missing.max(BATCH) } else { missing };
        let documents = self.store.clients.find(filter).sort(bounds::order(self.direction));
        let documents = documents.optional(self.names.clone(), Find::collation);
        documents.max_time(self.store.time_limit).batch_size(batch_size(batch))
    }

    /// Keeps of `documents` the clients that are listed under `rank`. Where the time of a search is over before the page is
    /// full or the documents are at their end, the place of the last that it looked at.
    async fn take(
        &mut self,
        mut documents: Cursor<RawDocumentBuf>,
        rank: Option<MatchRank>,
    ) -> Result<Option<ClientPosition>, StoreError> {
        self.looked_at = 0;
        while let Some(document) = documents.try_next().await.map_err(store_error)? {
            self.looked_at += 1;
            let Some(client) = skip_corrupt(&document) else { continue };
            let place = self.is_over().then(|| position(rank, &client));
            if self.lists(&client, rank) {
                self.found.push((rank, client));
            }
            if self.is_full() {
                break;
            }
            if place.is_some() {
                return Ok(place);
            }
        }
        Ok(None)
    }

    /// Whether the client is listed under `rank`.
    fn lists(&self, client: &ClientRow, rank: Option<MatchRank>) -> bool {
        let Some(query) = self.query else { return true };
        let text = |rank| if rank == MatchRank::EmailStart { &client.email } else { &client.name };
        query.rank(client).is_some_and(|found| Some(self.listed(found, text(found))) == rank)
    }

    /// The rank under which a client is listed whose name or address starts with the text: that, where a range has it.
    fn listed(&self, rank: MatchRank, text: &str) -> MatchRank {
        match &self.prefix {
            Some(prefix) if rank != MatchRank::Inside && !prefix.covers(text) => MatchRank::Inside,
            _ => rank,
        }
    }

    /// The rank under which the client at `place` is listed. [`ClientListing::cursor_at`] knows the rule and not the
    /// exception; of an address, which a place does not have, it has to be believed.
    fn rank_of_place(&self, place: &ClientPosition) -> Option<MatchRank> {
        match place.rank {
            Some(MatchRank::NameStart) => Some(self.listed(MatchRank::NameStart, &place.name)),
            rank => rank,
        }
    }

    const fn is_full(&self) -> bool {
        self.found.len() == self.wanted
    }

    fn is_over(&self) -> bool {
        self.query.is_some() && self.looked_at.is_multiple_of(BATCH) && Instant::now() >= self.until
    }
}

pub(super) async fn count(store: &MongoStore, filter: &ClientFilter) -> Result<u64, StoreError> {
    if filter.query.is_none() {
        return store.clients.count_documents(doc! {}).max_time(store.time_limit).await.map_err(store_error);
    }
    let documents = store.clients.find(doc! {}).max_time(store.time_limit).batch_size(batch_size(BATCH));
    let mut documents = documents.await.map_err(store_error)?;
    let mut count = 0;
    while let Some(document) = documents.try_next().await.map_err(store_error)? {
        count += u64::from(skip_corrupt(&document).is_some_and(|client| filter.matches(&client)));
    }
    Ok(count)
}
