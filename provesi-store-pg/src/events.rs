//! What happened to orders: how it is written, the history of one order, the feed of all.
//!
//! Ids come from a sequence, so an event may get its id before another one and be committed after it. The feed skips none:
//! - A writer of events takes a shared lock ([`share_event_lock`]) *before* its ids are assigned, until its transaction ends.
//! - A reader of the feed reads the last id that was assigned, waits for the transactions that hold the lock then, and reads
//!   no further than that id. A smaller id belongs to one of them, or was committed before.
//!
//! So the feed is late by what the transactions of that moment take. A change locks its order's row before its ids are
//! assigned, so the ids of one order's events are in the order of its changes.

use std::net::IpAddr;
use std::time::Duration;

use provesi_core::{
    EventId, EventQuery, EventsOf, OrderEvent, OrderNumber, OrderWrite, PageLimit, StoreError, read_full_page,
};
use serde::Serialize;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::commit::Statement;
use crate::error::store_error;
use crate::instant::Instant;
use crate::rows::EventRow;
use crate::sql::{self, event_columns, folded, has_number_before, number_before};

#[cfg(doc)]
use crate::sql::share_event_lock;

/// Appends the events of the rows of the WITH `done` (`n`, `id`), in their order. Their columns are $1 to $6; `n` is the place
/// of the write that an event belongs to. The lock is taken when every row of `done` is written, so that no wait for one of
/// them delays the feed, and before the first id is assigned, which happens after the sort.
macro_rules! append_events {
    () => {
        concat!(
            "turn AS MATERIALIZED (SELECT ",
            $crate::sql::share_event_lock!(),
            " FROM done HAVING count(*) > 0), \
             appended AS (\
                INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
                SELECT done.id, event.order_number, event.at, event.actor, event.address, event.detail::jsonb \
                FROM turn CROSS JOIN done JOIN \
                    unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY \
                        AS event (n, order_number, at, actor, address, detail, place) ON event.n = done.n \
                ORDER BY event.place)"
        )
    };
}
pub(crate) use append_events;

/// Likewise appends the event of one write that has one.
macro_rules! append_event {
    () => {
        concat!(
            "turn AS MATERIALIZED (SELECT ",
            $crate::sql::share_event_lock!(),
            ", id FROM done), \
             appended AS (\
                INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
                SELECT turn.id, ($2::text[])[1], ($3::timestamptz[])[1], ($4::text[])[1], ($5::text[])[1], \
                    ($6::text[])[1]::jsonb FROM turn)"
        )
    };
}
pub(crate) use append_event;

/// One event of a write.
struct NewEvent<'w> {
    /// The place of its write, from 1.
    n: i64,
    write: &'w OrderWrite,
    detail: String,
}

/// Binds the columns that [`append_events`] reads.
pub(crate) fn bind(writes: &[&OrderWrite], statement: &mut Statement) -> Result<(), StoreError> {
    let mut events = Vec::with_capacity(writes.len());
    for (n, write) in (1..).zip(writes.iter().copied()) {
        for kind in write.events() {
            events.push(NewEvent { n, write, detail: serde_json::to_string(kind).map_err(StoreError::backend)? });
        }
    }
    statement.bind(&events, |event| event.n)?;
    statement.bind(&events, |event| event.write.number())?;
    statement.bind(&events, |event| Instant::from(event.write.stamp().at))?;
    statement.bind(&events, |event| event.write.stamp().actor.to_string())?;
    statement.bind(&events, |event| event.write.stamp().address.as_ref().map(IpAddr::to_string))?;
    statement.bind(&events, |event| event.detail.as_str())
}

/// An event that says something else from now on.
#[derive(Serialize)]
pub(crate) struct Rewritten {
    /// The place of its write, from 1.
    n: usize,
    event_id: i64,
    detail: String,
}

/// The events that these writes rewrite.
pub(crate) fn rewritten(writes: &[&OrderWrite]) -> Result<Vec<Rewritten>, StoreError> {
    let mut all = Vec::new();
    for (n, write) in (1..).zip(writes) {
        for (id, kind) in write.rewritten() {
            let detail = serde_json::to_string(kind).map_err(StoreError::backend)?;
            all.push(Rewritten { n, event_id: id.get(), detail });
        }
    }
    Ok(all)
}

/// The order that has the number, else the one that had it last: that of the last event with this number, which is the number that
/// the order had since, or away from it. So it is found also where the Python system deleted it and left no event.
const HISTORY: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM provesi_order_events WHERE order_id = coalesce((SELECT id FROM orders_order WHERE ",
    folded!(),
    " = $1), (SELECT order_id FROM (\
        (SELECT id, order_id FROM provesi_order_events WHERE ",
    folded!(),
    " = $1 ORDER BY id DESC LIMIT 1) UNION ALL \
        (SELECT id, order_id FROM provesi_order_events WHERE ",
    has_number_before!(),
    " AND ",
    number_before!(),
    " = $1 ORDER BY id DESC LIMIT 1)) AS last ORDER BY id DESC LIMIT 1)) AND id > $2 ORDER BY id LIMIT $3"
);

pub(crate) async fn read(
    connection: &mut PgConnection,
    EventQuery { of, after, limit }: &EventQuery,
) -> Result<Vec<OrderEvent>, StoreError> {
    match of {
        EventsOf::All => feed(connection, *after, *limit).await,
        EventsOf::Number(number) => history(connection, number, *after, *limit).await,
    }
}

async fn history(
    connection: &mut PgConnection,
    number: &OrderNumber,
    after: Option<EventId>,
    limit: PageLimit,
) -> Result<Vec<OrderEvent>, StoreError> {
    let connection = Mutex::new(connection);
    let read = async |after: i64, limit| {
        let rows: Vec<EventRow> = sqlx::query_as(HISTORY)
            .bind(number.folded())
            .bind(after)
            .bind(sql::limit(limit))
            .fetch_all(&mut **connection.lock().await)
            .await
            .map_err(store_error)?;
        Ok(rows)
    };
    read_full_page(limit.get(), place(after), read, |row: &EventRow| row.id).await
}

const FEED: &str =
    concat!("SELECT ", event_columns!(), " FROM provesi_order_events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3");

/// The last id that was assigned.
const LAST: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM provesi_order_events_id_seq";

/// The other transactions that share the lock of event writers. (For a lock with two keys, `objsubid` is 2.)
const WRITERS: &str = "\
    SELECT virtualtransaction FROM pg_locks \
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND granted \
        AND pid IS DISTINCT FROM pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// How long is waited between two looks at the writers, at first and at last.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAIT: Duration = Duration::from_millis(32);

/// How long in all.
const WRITERS_DEADLINE: Duration = Duration::from_secs(2);

async fn feed(
    connection: &mut PgConnection,
    after: Option<EventId>,
    limit: PageLimit,
) -> Result<Vec<OrderEvent>, StoreError> {
    let last: i64 = sqlx::query_scalar(LAST).fetch_one(&mut *connection).await.map_err(store_error)?;
    if last <= place(after) {
        return Ok(Vec::new());
    }
    wait_for_writers(connection).await?;
    let connection = Mutex::new(connection);
    let read = async |after: i64, limit| {
        let rows: Vec<EventRow> = sqlx::query_as(FEED)
            .bind(after)
            .bind(last)
            .bind(sql::limit(limit))
            .fetch_all(&mut **connection.lock().await)
            .await
            .map_err(store_error)?;
        Ok(rows)
    };
    read_full_page(limit.get(), place(after), read, |row: &EventRow| row.id).await
}

/// Waits until every other transaction is done that is writing events now.
async fn wait_for_writers(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut awaited = writers(connection).await?;
    let mut wait = FIRST_WAIT;
    let until = tokio::time::Instant::now() + WRITERS_DEADLINE;
    while !awaited.is_empty() {
        if tokio::time::Instant::now() >= until {
            return Err(StoreError::unavailable("another transaction that writes events does not end"));
        }
        tokio::time::sleep(wait).await;
        wait = LAST_WAIT.min(wait * 2);
        let left = writers(connection).await?;
        awaited.retain(|writer| left.contains(writer));
    }
    Ok(())
}

async fn writers(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(WRITERS)
        .bind(i64::from(sql::LOCKS))
        .bind(i64::from(sql::LOCK_OF_EVENTS))
        .fetch_all(connection)
        .await
        .map_err(store_error)
}

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[HISTORY, FEED];

/// Ids are greater than 0.
fn place(after: Option<EventId>) -> i64 {
    after.map_or(0, EventId::get)
}
