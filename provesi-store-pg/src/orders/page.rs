//! Pages of orders. How each listing is read:
//!
//! - Without a filter, and by status: a walk along the index of the sort, from the cursor. Several statuses are one
//!   walk each, of a page at most, put together; so is the sort by the date of the return, where the orders that did
//!   not come back are a walk by their last change.
//! - Of one client: by the latest change, a walk along the client's index. By another sort, a client with few orders
//!   has them sorted; one with many is a walk along the index of the sort that leaves the others out.
//! - By part of a number: where few orders match, these are found by the trigrams of the part, or without them by
//!   reading the table, and sorted; where many do, one of the walks leaves out what does not match, and soon has a page
//!   together.
//!
//! The statements are not kept prepared: PostgreSQL then plans each with its values before it, and does not settle for a
//! plan that suits most of them.

mod statement;

use provesi_core::{
    ClientId, NumberPart, Order, OrderCursor, OrderFilter, OrderListing, OrderSort, Page, PageRequest, StoreError,
    filled,
};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use crate::error::store_error;
use crate::rows::OrderRow;
use crate::sql::{self, client, folded};

pub(crate) use statement::{Access, Statement};

/// How many orders are few: that many are read and sorted in a few milliseconds.
const FEW: usize = 2_000;

pub(super) async fn read(
    pool: &PgPool,
    listing: &OrderListing,
    request: &PageRequest<OrderCursor>,
) -> Result<Page<Order, OrderCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let access = access(pool, listing).await?;
    let access = &access;
    let orders = filled(request.limit.get() + 1, |limit| async move {
        let statement = Statement::page(listing, access, place, limit)?;
        let rows: Vec<OrderRow> = sqlx::query_as_with(AssertSqlSafe(statement.text), statement.arguments)
            .persistent(false)
            .fetch_all(pool)
            .await
            .map_err(store_error)?;
        Ok(rows)
    })
    .await?;
    Ok(Page::from_one_more(orders, request.limit, |last| listing.cursor_at(last)))
}

pub(super) async fn count(pool: &PgPool, filter: &OrderFilter) -> Result<u64, StoreError> {
    let statement = Statement::count(filter)?;
    let mut transaction = pool.begin().await.map_err(store_error)?;
    sqlx::query(sql::PATIENT).execute(&mut *transaction).await.map_err(store_error)?;
    let count: i64 = sqlx::query_scalar_with(AssertSqlSafe(statement.text), statement.arguments)
        .persistent(false)
        .fetch_one(&mut *transaction)
        .await
        .map_err(store_error)?;
    transaction.rollback().await.map_err(store_error)?;
    Ok(count.unsigned_abs())
}

async fn access(pool: &PgPool, listing: &OrderListing) -> Result<Access, StoreError> {
    let OrderFilter { client_id, number_part, .. } = &listing.filter;
    if let Some(id) = client_id {
        if listing.sort == OrderSort::UpdatedAt && number_part.is_none() {
            return Ok(Access::Client);
        }
        if has_few(pool, *id).await? {
            return Ok(Access::Sorted);
        }
    }
    if let Some(part) = number_part
        && let Some(ids) = few_with(pool, part).await?
    {
        return Ok(Access::Ids(ids));
    }
    Ok(if client_id.is_some() && listing.sort == OrderSort::UpdatedAt { Access::Client } else { Access::Sort })
}

const COUNT_OF_CLIENT: &str =
    concat!("SELECT count(*) FROM (SELECT 1 FROM orders_order WHERE ", client!(), " = $1 LIMIT $2) AS some_of_them");

async fn has_few(pool: &PgPool, id: ClientId) -> Result<bool, StoreError> {
    let count: i64 = sqlx::query_scalar(COUNT_OF_CLIENT)
        .bind(id.to_string())
        .bind(sql::limit(FEW + 1))
        .fetch_one(pool)
        .await
        .map_err(store_error)?;
    Ok(count <= sql::limit(FEW))
}

/// A part holds letters, digits and hyphens alone, none of which means anything to LIKE.
const WITH_PART: &str = concat!("SELECT id FROM orders_order WHERE ", folded!(), " LIKE $1 LIMIT $2");

/// The ids of the orders whose number has this part, where they are few.
async fn few_with(pool: &PgPool, part: &NumberPart) -> Result<Option<Vec<i64>>, StoreError> {
    let ids: Vec<i64> = sqlx::query_scalar(WITH_PART)
        .bind(sql::containing(part.as_str()))
        .bind(sql::limit(FEW + 1))
        .persistent(false)
        .fetch_all(pool)
        .await
        .map_err(store_error)?;
    Ok(Some(ids).filter(|ids| ids.len() <= FEW))
}

/// The statement whose plan a test looks at.
#[cfg(test)]
pub(crate) const fn with_part() -> &'static str {
    WITH_PART
}
