//! Pages of clients: a walk along the index of the names, in the order of its collation. Where the server does not know
//! that order, the same pages by reading all there is.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use provesi_core::{
    Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientPosition, Direction, MatchRank, Page,
    PageRequest, StoreError, name_key,
};

use super::{batch_size, search};
use crate::collations;
use crate::documents::{object_id, readable};
use crate::error::store_error;
use crate::store::{MongoStore, NameOrder};

pub(super) async fn read(
    store: &MongoStore,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<Client, ClientCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let wanted = request.limit.get() + 1;
    let clients = match store.name_order().await? {
        NameOrder::Server if listing.filter.query.is_none() => walk(store, listing, place, wanted).await?,
        _ => sort(store, listing, place, wanted).await?,
    };
    Ok(Page::from_one_more(clients, request.limit, |last| listing.cursor_at(last)))
}

/// The first `wanted` clients after `place`, in the server's order.
async fn walk(
    store: &MongoStore,
    listing: &ClientListing,
    place: Option<&ClientPosition>,
    wanted: usize,
) -> Result<Vec<Client>, StoreError> {
    // Of a search nobody knows how many documents it takes.
    if listing.filter.query.is_none() {
        let mut documents = walked(store, listing, place, wanted, Some(wanted)).await.map_err(store_error)?;
        let (clients, read) = take(&mut documents, listing, wanted).await?;
        if clients.len() == wanted || read < wanted {
            return Ok(clients);
        }
        // Some could not be read: those that follow fill their places.
    }
    let mut documents = walked(store, listing, place, wanted, None).await.map_err(store_error)?;
    Ok(take(&mut documents, listing, wanted).await?.0)
}

async fn walked(
    store: &MongoStore,
    listing: &ClientListing,
    place: Option<&ClientPosition>,
    wanted: usize,
    limit: Option<usize>,
) -> Result<Cursor<RawDocumentBuf>, Error> {
    let direction = match listing.direction {
        Direction::Ascending => 1,
        Direction::Descending => -1,
    };
    let mut parts: Vec<Document> = Vec::new();
    parts.extend(listing.filter.query.as_ref().map(search::filter));
    parts.extend(place.map(|place| after(place, listing.direction)));
    let documents = store.clients.find(all_of(parts)).collation(collations::names());
    let documents = documents.sort(doc! { "name": direction, "_id": direction }).max_time(store.time_limit);
    let documents = documents.batch_size(batch_size(wanted));
    match limit.and_then(|limit| i64::try_from(limit).ok()) {
        Some(limit) => documents.limit(limit).await,
        None => documents.await,
    }
}

/// What comes after `place`: two ranges of one index, which the server merges in their order.
fn after(place: &ClientPosition, direction: Direction) -> Document {
    let comparison = match direction {
        Direction::Ascending => "$gt",
        Direction::Descending => "$lt",
    };
    let name = place.name.as_str();
    doc! { "$or": [
        { "name": { (comparison): name } },
        { "name": { "$eq": name }, "_id": { (comparison): object_id(place.id) } },
    ] }
}

/// Not `$and` of one: simpler to read in a server's log, and no question to its planner.
fn all_of(mut parts: Vec<Document>) -> Document {
    parts.retain(|part| !part.is_empty());
    match parts.len() {
        0 => doc! {},
        1 => parts.remove(0),
        _ => doc! { "$and": parts },
    }
}

/// The first `wanted` of the documents that can be read and pass, and how many were read for them.
async fn take(
    documents: &mut Cursor<RawDocumentBuf>,
    listing: &ClientListing,
    wanted: usize,
) -> Result<(Vec<Client>, usize), StoreError> {
    let (mut clients, mut read) = (Vec::new(), 0);
    while clients.len() < wanted {
        let Some(document) = documents.try_next().await.map_err(store_error)? else { break };
        read += 1;
        clients.extend(readable(&document).filter(|client| listing.filter.matches(client)));
    }
    Ok((clients, read))
}

/// The first `wanted` clients after `place`, in our order: reads every document, and keeps no more than a page.
async fn sort(
    store: &MongoStore,
    listing: &ClientListing,
    place: Option<&ClientPosition>,
    wanted: usize,
) -> Result<Vec<Client>, StoreError> {
    let place = place.map(|place| (place.rank, name_key(&place.name), place.id));
    let mut first: BTreeMap<(Option<MatchRank>, Vec<u8>, ClientId), Client> = BTreeMap::new();
    let mut documents = all(store, &listing.filter).await.map_err(store_error)?;
    while let Some(document) = documents.try_next().await.map_err(store_error)? {
        let Some(client) = readable(&document).filter(|client| listing.filter.matches(client)) else { continue };
        let key = (listing.rank_of(&client), name_key(client.name.as_str()), client.id);
        if place.as_ref().is_some_and(|place| !listing.direction.apply(key.cmp(place)).is_gt()) {
            continue;
        }
        first.insert(key, client);
        if first.len() > wanted {
            match listing.direction {
                Direction::Ascending => first.pop_last(),
                Direction::Descending => first.pop_first(),
            };
        }
    }
    let clients = first.into_values();
    Ok(match listing.direction {
        Direction::Ascending => clients.collect(),
        Direction::Descending => clients.rev().collect(),
    })
}

/// Every document that may pass, in no order.
async fn all(store: &MongoStore, filter: &ClientFilter) -> Result<Cursor<RawDocumentBuf>, Error> {
    let filter = filter.query.as_ref().map_or_else(Document::new, search::filter);
    store.clients.find(filter).max_time(store.time_limit).batch_size(1_000).await
}

pub(super) async fn count(store: &MongoStore, filter: &ClientFilter) -> Result<u64, StoreError> {
    if filter.query.is_none() {
        return store.clients.count_documents(doc! {}).max_time(store.time_limit).await.map_err(store_error);
    }
    let mut documents = all(store, filter).await.map_err(store_error)?;
    let mut count = 0;
    while let Some(document) = documents.try_next().await.map_err(store_error)? {
        count += u64::from(readable(&document).is_some_and(|client| filter.matches(&client)));
    }
    Ok(count)
}
