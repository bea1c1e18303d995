//! Entries: small records of the application's own, changed together with orders.
//!
//! Before a statement writes anything, the function `provesi_refusal` locks each entry that one of its writes changes or
//! requires something of, and says whether the write must not be made. What it sees was committed before it had the lock; the
//! statement itself has an older snapshot.

use provesi_core::{
    Entry, EntryCondition, EntryKey, EntryKind, EntryQuery, Invalid, OrderId, OrderWrite, StoreError, StoreId,
    Timestamp,
};
use serde::Serialize;
use sqlx::postgres::PgConnection;

use crate::commit::Statement;
use crate::error::store_error;
use crate::instant::Instant;
use crate::sql;

/// The writes that must not be made (`n`), each with a reason. The parameters: the entries, whether to wait for their locks,
/// and for how long. The locks are taken in one order, so that two statements do not wait for each other.
macro_rules! refused {
    ($entries:literal, $waits:literal, $lock_timeout:literal) => {
        concat!(
            "refused AS MATERIALIZED (SELECT n, min(reason) AS reason FROM (\
                SELECT n, provesi_refusal(kind, name, writes, before, must_exist, ",
            $waits,
            "::boolean, ",
            $lock_timeout,
            "::text) AS reason FROM (SELECT * FROM jsonb_to_recordset(",
            $entries,
            "::jsonb) AS given (n bigint, kind text, name text, writes boolean, before text, must_exist boolean) \
                    ORDER BY kind COLLATE \"C\", name COLLATE \"C\", n) AS entry) AS looked \
                WHERE reason IS NOT NULL GROUP BY n)"
        )
    };
}

/// Likewise for one write that has one condition and changes no entry. The parameters: the kind of the entry, its name, whether
/// it has to exist, whether to wait for the lock, and for how long.
macro_rules! refused_by_condition {
    ($kind:literal, $name:literal, $must_exist:literal, $waits:literal, $lock_timeout:literal) => {
        concat!(
            "refused AS MATERIALIZED (SELECT * FROM (SELECT 1::bigint AS n, provesi_refusal(",
            $kind,
            "::text, ",
            $name,
            "::text, false, NULL, ",
            $must_exist,
            "::boolean, ",
            $waits,
            "::boolean, ",
            $lock_timeout,
            "::text) AS reason) AS looked WHERE reason IS NOT NULL)"
        )
    };
}

/// Their answers, after those of the others.
macro_rules! refused_writes {
    () => {
        " UNION ALL SELECT n, reason, NULL::bigint FROM refused"
    };
}

/// Puts and removes the entries of the rows of `done` (`n`, `id`). Each is locked.
macro_rules! put_entries {
    ($entries:literal) => {
        concat!(
            "entry AS MATERIALIZED (SELECT entry.*, done.id FROM done JOIN jsonb_to_recordset(",
            $entries,
            "::jsonb) AS entry (n bigint, kind text, name text, writes boolean, value text, due_at timestamptz) USING (n) \
                WHERE entry.writes), \
             put AS (\
                INSERT INTO provesi_entries (kind, name, value, due_at, order_id) \
                SELECT kind, name, value, due_at, id FROM entry WHERE value IS NOT NULL \
                ON CONFLICT (kind, name) DO UPDATE \
                SET value = excluded.value, due_at = excluded.due_at, order_id = excluded.order_id), \
             removed AS (\
                DELETE FROM provesi_entries AS stored USING entry \
                WHERE stored.kind = entry.kind AND stored.name = entry.name AND entry.value IS NULL)"
        )
    };
}

pub(crate) use {put_entries, refused, refused_by_condition, refused_writes};

/// What a write requires of an entry, or changes.
#[derive(Serialize)]
struct Required<'w> {
    /// The place of the write, from 1.
    n: usize,
    kind: &'static str,
    name: &'w str,
    writes: bool,
    must_exist: Option<bool>,
    before: Option<&'w str>,
    value: Option<&'w str>,
    due_at: Option<String>,
}

/// Binds the parameters of [`refused_by_condition`] up to whether to wait for the lock.
pub(crate) fn bind_condition(
    condition: &EntryCondition,
    skips_locked: bool,
    statement: &mut Statement,
) -> Result<(), StoreError> {
    let EntryKey { kind, name } = condition.key();
    statement.bind_value(kind.as_str())?;
    statement.bind_value(name.as_str())?;
    statement.bind_value(matches!(condition, EntryCondition::Exists(_)))?;
    statement.bind_value(!skips_locked)
}

/// Binds the entries of these writes, NULL if they have none, and whether to wait for the locks.
pub(crate) fn bind(writes: &[&OrderWrite], skips_locked: bool, statement: &mut Statement) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for (n, write) in (1..).zip(writes) {
        for condition in write.conditions() {
            let EntryKey { kind, name } = condition.key();
            let must_exist = Some(matches!(condition, EntryCondition::Exists(_)));
            let (kind, writes) = (kind.as_str(), false);
            all.push(Required { n, kind, name, writes, must_exist, before: None, value: None, due_at: None });
        }
        for entry in write.entries() {
            let EntryKey { kind, name } = &entry.key;
            let (value, due_at) = entry.after.as_ref().map(|(value, due_at)| (value.as_str(), due_at)).unzip();
            all.push(Required {
                n,
                kind: kind.as_str(),
                name,
                writes: true,
                must_exist: None,
                before: entry.before.as_deref(),
                value,
                due_at: due_at.copied().flatten().map(|due_at| due_at.to_string()),
            });
        }
    }
    statement.bind_json(&all)?;
    statement.bind_value(!skips_locked)
}

/// An entry as the table has it.
type EntryRow = (String, String, String, Option<Instant>, Option<i64>);

const BY_KEYS: &str = "\
    SELECT kind, name, value, due_at, order_id FROM provesi_entries \
    WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

const DUE: &str = "\
    SELECT kind, name, value, due_at, order_id FROM provesi_entries \
    WHERE kind = $1 AND due_at <= $2 AND (due_at, name) > ($3, $4) ORDER BY due_at, name LIMIT $5";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[BY_KEYS, DUE];

pub(crate) async fn read(connection: &mut PgConnection, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
    let mut found = Vec::new();
    match query {
        EntryQuery::Keys(keys) => {
            for keys in keys.chunks(sql::CHUNK) {
                let kinds: Vec<_> = keys.iter().map(|key| key.kind.as_str()).collect();
                let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
                let rows = sqlx::query_as(BY_KEYS).bind(kinds).bind(names).fetch_all(&mut *connection).await;
                found.extend(rows.map_err(store_error)?);
            }
        }
        EntryQuery::Due { kind, at, after, limit } => {
            let after = after.clone().unwrap_or((Timestamp::MIN, String::new()));
            let rows = sqlx::query_as(DUE)
                .bind(kind.as_str())
                .bind(Instant::from(*at))
                .bind(Instant::from(after.0))
                .bind(after.1)
                .bind(sql::limit(limit.get()))
                .fetch_all(connection)
                .await;
            found = rows.map_err(store_error)?;
        }
    }
    found.into_iter().map(entry).collect()
}

const HAS_TABLE: &str = "SELECT to_regclass('provesi_entries') IS NOT NULL";
const STORE_ID: &str = "SELECT value FROM provesi_entries WHERE kind = 'store' AND name = 'id'";

/// The id of this store; `None` before the migration that gives it one.
pub(crate) async fn store_id(connection: &mut PgConnection) -> Result<Option<StoreId>, StoreError> {
    let has_table: bool = sqlx::query_scalar(HAS_TABLE).fetch_one(&mut *connection).await.map_err(store_error)?;
    if !has_table {
        return Ok(None);
    }
    let id: Option<String> = sqlx::query_scalar(STORE_ID).fetch_optional(connection).await.map_err(store_error)?;
    id.map(|id| id.parse()).transpose()
}

fn entry((kind, name, value, due_at, order_id): EntryRow) -> Result<Entry, StoreError> {
    let corrupt = || StoreError::corrupt(format!("the entry {kind} {name} cannot be read"));
    let due_at = due_at.map(TryInto::try_into).transpose().map_err(|_: Invalid| corrupt())?;
    let kind = EntryKind::from_text(&kind).ok_or_else(corrupt)?;
    let entry = Entry::builder().key(EntryKey::new(kind, name)).value(value).maybe_due_at(due_at);
    Ok(entry.maybe_order_id(order_id.map(OrderId::new)).build())
}
