//! What happened to orders: how it is written, the history of one order, the feed of all.

use provesi_core::{EventId, EventKind, OrderEvent, OrderId, OrderNumber, PageLimit, Stamp, StoreError};
use sqlx::sqlite::SqliteConnection;

use crate::error::store_error;
use crate::lines::Lines;
use crate::page::read_full_page;
use crate::readers::Readers;
use crate::rows::{self, event_line};
use crate::sql;

/// An event that has no id yet.
pub(crate) struct NewEvent<'a> {
    pub(crate) order_id: OrderId,
    /// The number once it had happened.
    pub(crate) number: &'a str,
    pub(crate) stamp: &'a Stamp,
    pub(crate) kind: &'a EventKind,
}

/// Any number of events in one statement with one text, which stays prepared. `json_each` hands the elements out in
/// the order of the array, and AUTOINCREMENT numbers them in the order in which they come. A transaction that writes
/// keeps all other writers out until it is committed: so ids are committed in their order, and the feed skips none.
const INSERT: &str = "\
    INSERT INTO order_events (order_id, order_number, number_released, at, actor, address, detail) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
    FROM json_each(?1)";

pub(crate) async fn insert_all(connection: &mut SqliteConnection, events: &[NewEvent<'_>]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(events.len());
    for NewEvent { order_id, number, stamp, kind } in events {
        let detail = serde_json::to_string(kind).map_err(StoreError::backend)?;
        rows.push((
            order_id.get(),
            *number,
            released(number, kind),
            stamp.at.micros(),
            stamp.actor.to_string(),
            stamp.address.map(|address| address.to_string()),
            detail,
        ));
    }
    sqlx::query(INSERT).bind(sql::json(&rows)?).execute(connection).await.map_err(store_error)?;
    Ok(())
}

const REWRITE: &str = "UPDATE order_events SET detail = ?3 WHERE id = ?1 AND order_id = ?2";

/// Lets events of an order say something else. `number_released` stays: which number an order gave up is no text of a person.
pub(crate) async fn rewrite(
    connection: &mut SqliteConnection,
    order_id: OrderId,
    events: &[(EventId, EventKind)],
) -> Result<(), StoreError> {
    for (id, kind) in events {
        let detail = serde_json::to_string(kind).map_err(StoreError::backend)?;
        let query = sqlx::query(REWRITE).bind(id.get()).bind(order_id.get()).bind(detail);
        query.execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(())
}

/// The folded number that the order gives up with this event.
fn released(number: &str, kind: &EventKind) -> Option<String> {
    let given_up = match kind {
        EventKind::Deleted { .. } => Some(number),
        _ => kind.number_before().filter(|before| !before.eq_ignore_ascii_case(number)),
    };
    given_up.map(str::to_ascii_lowercase)
}

/// The order that has the number, else the one that gave it up last.
const HISTORY: &str = concat!(
    "SELECT ",
    event_line!(),
    " AS line FROM order_events WHERE order_id = coalesce( \
        (SELECT id FROM orders WHERE number_folded = ?1), \
        (SELECT order_id FROM order_events WHERE number_released = ?1 ORDER BY id DESC LIMIT 1)) \
    AND id > ?2 ORDER BY id LIMIT ?3 + 0"
);

pub(crate) async fn history(
    readers: &Readers,
    number: &OrderNumber,
    after: Option<EventId>,
    limit: PageLimit,
) -> Result<Vec<OrderEvent>, StoreError> {
    read(readers, HISTORY, Some(number), after, limit).await
}

const FEED: &str =
    concat!("SELECT ", event_line!(), " AS line FROM order_events WHERE id > ?2 ORDER BY id LIMIT ?3 + 0");

pub(crate) async fn feed(
    readers: &Readers,
    after: Option<EventId>,
    limit: PageLimit,
) -> Result<Vec<OrderEvent>, StoreError> {
    read(readers, FEED, None, after, limit).await
}

async fn read(
    readers: &Readers,
    statement: &'static str,
    number: Option<&OrderNumber>,
    after: Option<EventId>,
    limit: PageLimit,
) -> Result<Vec<OrderEvent>, StoreError> {
    let number = number.map(OrderNumber::folded);
    let query = |limit| Lines::new(statement).bind(number.as_deref())?.bind(place(after))?.bind(sql::limit(limit));
    read_full_page(readers, limit.get(), query, rows::event).await
}

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[HISTORY, FEED];

/// Ids are greater than 0.
fn place(after: Option<EventId>) -> i64 {
    after.map_or(0, EventId::get)
}
