//! Pages of orders. How each listing is read:
//!
//! - Without a filter, and by status: a walk along the index of the sort, from the cursor. Several statuses are one
//!   walk each, which SQLite merges as it goes; so is the sort by the date of the return without a status.
//! - Of one client: by the latest change, a walk along the client's index. By another sort, a client with few orders
//!   has them sorted; one with many is a walk along the index of the sort that leaves the others out.
//! - By part of a number: where few orders match, these are found by the trigrams of the part, a shorter one by
//!   reading the index of the numbers, and sorted; where many do, one of the walks leaves out what does not match,
//!   and soon has a page together.
//!
//! `INDEXED BY` holds SQLite to that: without statistics it would guess, and with them its choice could change from
//! one day to the next.

mod statement;

use provesi_core::{
    ClientId, NumberPart, OrderCursor, OrderFilter, OrderListing, OrderRow, OrderSort, Page, PageRequest, StoreError,
};

use crate::lines::Lines;
use crate::page::read_full_page;
use crate::readers::Readers;
use crate::{rows, sql};

pub(crate) use statement::{Access, Statement};

/// How many orders are few: that many are read and sorted in a few milliseconds.
const FEW: usize = 2_000;

pub(super) async fn read(
    readers: &Readers,
    listing: &OrderListing,
    request: &PageRequest<OrderCursor>,
) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let access = access(readers, listing).await?;
    let query = |limit| {
        let Statement { text, arguments } = Statement::page(listing, &access, place, limit)?;
        Ok(Lines { text, arguments })
    };
    let orders = read_full_page(readers, request.limit.get() + 1, query, rows::order).await?;
    Ok(Page::from_one_more(orders, request.limit, |last| listing.cursor_at(last)))
}

async fn access(readers: &Readers, listing: &OrderListing) -> Result<Access, StoreError> {
    let OrderFilter { client_id, number_part, .. } = &listing.filter;
    if let Some(id) = client_id {
        if listing.sort == OrderSort::UpdatedAt && number_part.is_none() {
            return Ok(Access::Client);
        }
        if has_few(readers, *id).await? {
            return Ok(Access::Client);
        }
    }
    if let Some(part) = number_part
        && let Some(ids) = few_with(readers, part).await?
    {
        return Ok(Access::Ids(sql::json(&ids)?));
    }
    Ok(if client_id.is_some() && listing.sort == OrderSort::UpdatedAt { Access::Client } else { Access::Sort })
}

const COUNT_OF_CLIENT: &str = "SELECT count(*) FROM (SELECT 1 FROM orders WHERE client_id = ?1 LIMIT ?2 + 0)";

async fn has_few(readers: &Readers, id: ClientId) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar(COUNT_OF_CLIENT).bind(id.to_string()).bind(sql::limit(FEW + 1));
    let count: i64 = readers.read(async |connection| query.fetch_one(connection).await).await?;
    Ok(count <= sql::limit(FEW))
}

/// Reads the index alone, which is a small part of the table.
const WITH_PART: &str =
    "SELECT id FROM orders INDEXED BY orders_number WHERE instr(number_folded, ?1) > 0 LIMIT ?2 + 0";

/// Looks at the orders alone that have all trigrams of the part. (CROSS JOIN keeps SQLite from turning the two round.)
const WITH_TRIGRAMS: &str = "\
    SELECT orders.id FROM orders_trigrams CROSS JOIN orders ON orders.id = orders_trigrams.rowid \
    WHERE orders_trigrams MATCH ?3 AND instr(orders.number_folded, ?1) > 0 LIMIT ?2 + 0";

/// The ids of the orders whose number has this part, where they are few.
async fn few_with(readers: &Readers, part: &NumberPart) -> Result<Option<Vec<i64>>, StoreError> {
    let trigrams = trigrams(part);
    let query = sqlx::query_scalar(if trigrams.is_some() { WITH_TRIGRAMS } else { WITH_PART })
        .bind(part.as_str())
        .bind(sql::limit(FEW + 1))
        .bind(trigrams);
    let ids: Vec<i64> = readers.read(async |connection| query.fetch_all(connection).await).await?;
    Ok(Some(ids).filter(|ids| ids.len() <= FEW))
}

/// The part as a search for all its trigrams; none where it is shorter than one. A part holds letters, digits and
/// hyphens alone, so quotes make each a word of FTS5's language.
fn trigrams(part: &NumberPart) -> Option<String> {
    let part = part.as_str();
    let trigrams: Vec<String> =
        (3..=part.len()).filter_map(|end| part.get(end - 3..end)).map(|trigram| format!("\"{trigram}\"")).collect();
    if trigrams.is_empty() { None } else { Some(trigrams.join(" AND ")) }
}
