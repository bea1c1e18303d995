//! Entries: small records of the application's own, changed together with orders.

use std::collections::HashMap;

use provesi_core::{Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, OrderId, OrderWrite, StoreError, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::error::store_error;
use crate::readers::Readers;
use crate::sql;

/// The entries that the writes of a transaction depend on, as they are within it.
#[derive(Default)]
pub(crate) struct Entries {
    values: HashMap<EntryKey, String>,
}

const PUT: &str = "\
    INSERT INTO entries (kind, name, value, due_at, order_id) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, due_at = excluded.due_at, order_id = excluded.order_id";

const REMOVE: &str = "DELETE FROM entries WHERE kind = ?1 AND name = ?2";

impl Entries {
    /// Reads what the writes need.
    pub(crate) async fn read(connection: &mut SqliteConnection, writes: &[&OrderWrite]) -> Result<Self, StoreError> {
        let keys = writes.iter().flat_map(|write| write.entry_keys());
        let keys: Vec<_> = keys.map(|key| (key.kind.as_str(), &key.name)).collect();
        let mut entries = Self::default();
        for keys in keys.chunks(sql::CHUNK) {
            let rows: Vec<EntryRow> = sqlx::query_as(BY_KEYS)
                .bind(sql::json(keys)?)
                .fetch_all(&mut *connection)
                .await
                .map_err(store_error)?;
            for row in rows {
                let Entry { key, value, .. } = entry(row)?;
                entries.values.insert(key, value);
            }
        }
        Ok(entries)
    }

    /// Whether the entries are as the write requires.
    pub(crate) fn check(&self, write: &OrderWrite) -> Result<(), StoreError> {
        write.check_entries(|key| self.values.get(key).map(String::as_str))
    }

    /// Makes the changes of a write that was made.
    pub(crate) async fn put(
        &mut self,
        connection: &mut SqliteConnection,
        write: &OrderWrite,
        order_id: Option<OrderId>,
    ) -> Result<(), StoreError> {
        for EntryWrite { key, after, .. } in write.entries() {
            let query = match after {
                Some((value, due_at)) => {
                    self.values.insert(key.clone(), value.clone());
                    let query = sqlx::query(PUT).bind(key.kind.as_str()).bind(&key.name).bind(value);
                    query.bind(due_at.map(Timestamp::micros)).bind(order_id.map(OrderId::get))
                }
                None => {
                    self.values.remove(key);
                    sqlx::query(REMOVE).bind(key.kind.as_str()).bind(&key.name)
                }
            };
            query.execute(&mut *connection).await.map_err(store_error)?;
        }
        Ok(())
    }
}

/// An entry as the table has it.
type EntryRow = (String, String, String, Option<i64>, Option<i64>);

const BY_KEYS: &str = "\
    SELECT kind, name, value, due_at, order_id FROM entries \
    WHERE (kind, name) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";

const DUE: &str = "\
    SELECT kind, name, value, due_at, order_id FROM entries \
    WHERE kind = ?1 AND due_at <= ?2 AND (due_at, name) > (?3, ?4) ORDER BY due_at, name LIMIT ?5 + 0";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[BY_KEYS, DUE];

pub(crate) async fn read(readers: &Readers, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
    let mut found: Vec<EntryRow> = Vec::new();
    match query {
        EntryQuery::Keys(keys) => {
            let keys: Vec<_> = keys.iter().map(|key| (key.kind.as_str(), &key.name)).collect();
            for keys in keys.chunks(sql::CHUNK) {
                let query = sqlx::query_as(BY_KEYS).bind(sql::json(keys)?);
                found.extend(readers.read(async |connection| query.fetch_all(connection).await).await?);
            }
        }
        EntryQuery::Due { kind, at, after, limit } => {
            let (due_after, name_after) = after.clone().unwrap_or((Timestamp::MIN, String::new()));
            let query = sqlx::query_as(DUE)
                .bind(kind.as_str())
                .bind(at.micros())
                .bind(due_after.micros())
                .bind(name_after)
                .bind(sql::limit(limit.get()));
            found = readers.read(async |connection| query.fetch_all(connection).await).await?;
        }
    }
    found.into_iter().map(entry).collect()
}

fn entry((kind, name, value, due_at, order_id): EntryRow) -> Result<Entry, StoreError> {
    let corrupt = || StoreError::corrupt(format!("the entry {kind} {name} cannot be read"));
    let due_at = due_at.map(Timestamp::from_micros).transpose().map_err(|_| corrupt())?;
    let kind = EntryKind::from_text(&kind).ok_or_else(corrupt)?;
    let entry = Entry::builder().key(EntryKey::new(kind, name)).value(value).maybe_due_at(due_at);
    Ok(entry.maybe_order_id(order_id.map(OrderId::new)).build())
}
