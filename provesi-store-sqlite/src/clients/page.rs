//! Pages of clients: walks along the index of the names, which also holds what a search looks at. A search walks all of
//! it, and keeps no more than a page.

use provesi_core::{
    ClientCursor, ClientFilter, ClientListing, ClientPosition, ClientQuery, ClientRow, Direction, Page, PageRequest,
    StoreError, name_key,
};
use sqlx::AssertSqlSafe;

use crate::lines::Lines;
use crate::page::read_full_page;
use crate::readers::Readers;
use crate::rows::{client_line, listed_client};
use crate::sql;

/// What [`ClientQuery::matches`] says, on the columns that hold what it computes.
const MATCHES: &str = "\
    (instr(name_search, ?1) > 0 OR instr(email_search, ?1) > 0 \
    OR (?2 IS NOT NULL AND phone_digits IS NOT NULL AND instr(phone_digits, ?2) > 0))";

/// What [`ClientQuery::rank`] says of a client that matches, by the place of the rank in [`MatchRank`].
const RANK: &str = "\
    CASE WHEN substr(name_search, 1, length(?1)) = ?1 THEN 0 WHEN substr(email_search, 1, length(?1)) = ?1 THEN 1 \
    ELSE 2 END";

const LINE: &str = concat!(client_line!(), " AS line");

pub(super) async fn read(
    readers: &Readers,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let query = |limit| query(listing, place, limit);
    let clients = read_full_page(readers, request.limit.get() + 1, query, listed_client).await?;
    listing.onward(Page::from_one_more(clients, request.limit, |last| listing.cursor_at(last)), request)
}

fn query(listing: &ClientListing, place: Option<&ClientPosition>, limit: usize) -> Result<Lines, StoreError> {
    let ClientListing { filter: ClientFilter { query }, direction } = listing;
    let text = page_text(*direction, place.is_some(), query.is_some());
    let query = query.as_ref();
    Lines::new(text)
        .bind(query.map(ClientQuery::folded))?
        .bind(query.and_then(ClientQuery::digits))?
        .bind(sql::limit(limit))?
        .bind(place.map(|place| name_key(&place.name)))?
        .bind(place.map(|place| place.id.to_string()))?
        .bind(place.and_then(|place| place.rank).map(|rank| rank as i64))
}

/// Composed of constants.
pub(crate) fn page_text(direction: Direction, placed: bool, searched: bool) -> String {
    let (comparison, order) = match direction {
        Direction::Ascending => (">", "ASC"),
        Direction::Descending => ("<", "DESC"),
    };
    if !searched {
        let after = if placed { format!(" WHERE (name_key, id) {comparison} (?4, ?5)") } else { String::new() };
        return format!(
            "SELECT {LINE} FROM clients INDEXED BY clients_name{after} \
             ORDER BY name_key {order}, id {order} LIMIT ?3 + 0"
        );
    }
    let after = if placed { format!(" AND ({RANK}, name_key, id) {comparison} (?6, ?4, ?5)") } else { String::new() };
    // The table is read for the rows of the page alone.
    format!(
        "SELECT {LINE} FROM ( \
             SELECT seq AS found, {RANK} AS found_rank, name_key AS found_key, id AS found_id \
             FROM clients INDEXED BY clients_name WHERE {MATCHES}{after} \
             ORDER BY found_rank {order}, name_key {order}, id {order} LIMIT ?3 + 0 \
         ) CROSS JOIN clients ON seq = found ORDER BY found_rank {order}, found_key {order}, found_id {order} LIMIT ?3 + 0"
    )
}

const COUNT: &str = "SELECT count(*) FROM clients";

pub(super) async fn count(readers: &Readers, filter: &ClientFilter) -> Result<u64, StoreError> {
    let ClientFilter { query } = filter;
    let query = query.as_ref();
    let text = if query.is_some() { format!("{COUNT} WHERE {MATCHES}") } else { COUNT.to_owned() };
    let query = sqlx::query_scalar(AssertSqlSafe(text))
        .bind(query.map(ClientQuery::folded))
        .bind(query.and_then(ClientQuery::digits));
    let count: i64 = readers.read(async |connection| query.fetch_one(connection).await).await?;
    Ok(count.unsigned_abs())
}
