//! Pages of clients: a walk along the index of the names, in the order of its collation; of a search, see [`search`].
//! Where the server does not know that order, the same pages by reading all there is.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::Cursor;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use provesi_core::{
    ClientCursor, ClientFilter, ClientId, ClientListing, ClientPosition, ClientRow, Direction, MatchRank, Page,
    PageRequest, StoreError, name_key,
};

use super::{batch_size, bounds, search};
use crate::collations;
use crate::documents::skip_corrupt;
use crate::error::store_error;
use crate::store::{MongoStore, NameOrder};

pub(super) async fn read(
    store: &MongoStore,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let wanted = request.limit.get() + 1;
    let ClientListing { filter: ClientFilter { query }, direction: _ } = listing;
    let clients = match (store.name_order().await?, query) {
        (NameOrder::Server, Some(query)) => return search::read(store, listing, query, place, request.limit).await,
        (NameOrder::Server, None) => walk(store, listing.direction, place, wanted).await?,
        (NameOrder::Ours, _) => sort(store, listing, place, wanted).await?,
    };
    Ok(Page::from_one_more(clients, request.limit, |last| listing.cursor_at(last)))
}

/// The first `wanted` clients after `place`, in the server's order.
async fn walk(
    store: &MongoStore,
    direction: Direction,
    place: Option<&ClientPosition>,
    wanted: usize,
) -> Result<Vec<ClientRow>, StoreError> {
    let mut documents = walked(store, direction, place, wanted, Some(wanted)).await.map_err(store_error)?;
    let (clients, read) = take(&mut documents, wanted).await?;
    if clients.len() == wanted || read < wanted {
        return Ok(clients);
    }
    // Some could not be read: those that follow fill their places.
    let mut documents = walked(store, direction, place, wanted, None).await.map_err(store_error)?;
    Ok(take(&mut documents, wanted).await?.0)
}

async fn walked(
    store: &MongoStore,
    direction: Direction,
    place: Option<&ClientPosition>,
    wanted: usize,
    limit: Option<usize>,
) -> Result<Cursor<RawDocumentBuf>, Error> {
    let part = place.map_or_else(Document::new, |place| doc! { "$or": bounds::after(place, direction).to_vec() });
    let documents = store.clients.find(part).collation(collations::names()).sort(bounds::order(direction));
    let documents = documents.max_time(store.time_limit).batch_size(batch_size(wanted));
    match limit.and_then(|limit| i64::try_from(limit).ok()) {
        Some(limit) => documents.limit(limit).await,
        None => documents.await,
    }
}

/// The first `wanted` of the documents that can be read, and how many were read for them.
async fn take(documents: &mut Cursor<RawDocumentBuf>, wanted: usize) -> Result<(Vec<ClientRow>, usize), StoreError> {
    let (mut clients, mut read) = (Vec::new(), 0);
    while clients.len() < wanted {
        let Some(document) = documents.try_next().await.map_err(store_error)? else { break };
        read += 1;
        clients.extend(skip_corrupt(&document));
    }
    Ok((clients, read))
}

/// The first `wanted` clients after `place`, in our order: reads every document, and keeps no more than a page. It does
/// not stop early: it has no place to go on from, so the next call would read the same documents again.
async fn sort(
    store: &MongoStore,
    listing: &ClientListing,
    place: Option<&ClientPosition>,
    wanted: usize,
) -> Result<Vec<ClientRow>, StoreError> {
    let place = place.map(|place| (place.rank, name_key(&place.name), place.id));
    let mut first: BTreeMap<(Option<MatchRank>, Vec<u8>, ClientId), ClientRow> = BTreeMap::new();
    let mut documents = all(store, &listing.filter).await.map_err(store_error)?;
    while let Some(document) = documents.try_next().await.map_err(store_error)? {
        let Some(client) = skip_corrupt(&document).filter(|client| listing.filter.matches(client)) else { continue };
        let key = (listing.rank_of(&client), name_key(&client.name), client.id);
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
    let ClientFilter { query } = filter;
    let filter = query.as_ref().map_or_else(Document::new, search::filter);
    store.clients.find(filter).max_time(store.time_limit).batch_size(1_000).await
}

pub(super) async fn count(store: &MongoStore, filter: &ClientFilter) -> Result<u64, StoreError> {
    if filter.query.is_none() {
        return store.clients.count_documents(doc! {}).max_time(store.time_limit).await.map_err(store_error);
    }
    let mut documents = all(store, filter).await.map_err(store_error)?;
    let mut count = 0;
    while let Some(document) = documents.try_next().await.map_err(store_error)? {
        count += u64::from(skip_corrupt(&document).is_some_and(|client| filter.matches(&client)));
    }
    Ok(count)
}
