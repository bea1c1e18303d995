//! Pages of orders. How each listing is read:
//!
//! - Without a filter, and by status: a walk along the index of the sort, from the cursor. Several statuses are one
//!   walk each, of a page at most, put together; so is the sort by the date of the return, where the orders that did
//!   not come back are a walk by their last change.
//! - Of one client: by the latest change, a walk along the client's index. By another sort, a client with few orders
//!   has them sorted; one with many is a search.
//! - A search, such as for a part of a number: some way along one of the walks, and where a page is not together by
//!   then, what matches is looked up and sorted, see [`nearby`](crate::nearby).
//!
//! Each is one statement. They are not kept prepared: PostgreSQL then plans each with its values before it, and does not
//! settle for a plan that suits most of them.

mod search;
mod statement;

use provesi_core::{
    OrderCursor, OrderId, OrderListing, OrderPosition, OrderRow, Page, PageRequest, ReturnDate, StoreError, Timestamp,
    read_full_page,
};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::error::store_error;
use crate::rows::Fetched;

pub(crate) use statement::Statement;

pub(super) async fn read(
    connection: &mut PgConnection,
    listing: &OrderListing,
    request: &PageRequest<OrderCursor>,
) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
    let after = request.after.as_ref().map(|cursor| listing.position(cursor).cloned()).transpose()?;
    let connection = Mutex::new(connection);
    let read = async |after: Option<OrderPosition>, limit| {
        let statement = Statement::page(listing, after.as_ref(), limit)?;
        let rows: Vec<Fetched<OrderRow>> = sqlx::query_as_with(AssertSqlSafe(statement.text), statement.arguments)
            .persistent(false)
            .fetch_all(&mut **connection.lock().await)
            .await
            .map_err(store_error)?;
        Ok(rows)
    };
    let place = |fetched: &Fetched<OrderRow>| match (&fetched.row, &fetched.place) {
        (Ok(row), _) => Some(listing.position_of(row)),
        (Err(_), place) => place.as_ref().map(|row| beyond(listing.position_of(row))),
    };
    let orders = read_full_page(request.limit.get() + 1, after, read, place).await?;
    Ok(Page::from_one_more(orders, request.limit, |last| listing.cursor_at(last)))
}

/// The place of an instant that was cut: beyond every row that has the instant that it was cut to.
fn beyond(place: OrderPosition) -> OrderPosition {
    let end = |at: Timestamp, id| match at {
        Timestamp::MAX => OrderId::new(i64::MAX),
        Timestamp::MIN => OrderId::new(i64::MIN),
        _ => id,
    };
    match place {
        OrderPosition::UpdatedAt { at, id } => OrderPosition::UpdatedAt { at, id: end(at, id) },
        OrderPosition::CreatedAt { at, id } => OrderPosition::CreatedAt { at, id: end(at, id) },
        OrderPosition::ReturnedAt {
            returned_at: ReturnDate::At(at @ (Timestamp::MAX | Timestamp::MIN)), id, ..
        } => OrderPosition::ReturnedAt { returned_at: ReturnDate::At(at), updated_at: at, id: end(at, id) },
        OrderPosition::ReturnedAt { returned_at, updated_at, id } => {
            OrderPosition::ReturnedAt { returned_at, updated_at, id: end(updated_at, id) }
        }
        place @ OrderPosition::Number { .. } => place,
    }
}
