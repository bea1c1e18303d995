//! Rows by their keys, many in one statement.

use std::collections::HashMap;
use std::hash::Hash;

use provesi_core::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::Sqlite;

use crate::lines::{Decode, Text};
use crate::readers::Readers;
use crate::sql;

/// What rows are looked up by.
pub(crate) trait Key: Serialize + DeserializeOwned + Eq + Hash + Clone + Send + Sync
where
    Self: sqlx::Type<Sqlite> + for<'q> sqlx::Encode<'q, Sqlite>,
{
}

impl Key for i64 {}
impl Key for String {}

/// The statements of a lookup. Their only row has a line for each row that was found: its key as JSON, a tab, and the row.
pub(crate) struct Lookup {
    /// Takes one key: half again as fast as [`many`](Self::many) with one.
    pub(crate) one: &'static str,
    /// Takes the keys as JSON.
    pub(crate) many: &'static str,
}

/// The [`Lookup`] of lines by an indexed column.
macro_rules! lookup {
    ($line:expr, $table:literal, $key:literal) => {{
        const ONE: &str =
            concat!("SELECT json_quote(", $key, ") || char(9) || ", $line, " FROM ", $table, " WHERE ", $key, " = ?1");
        const MANY: &str = concat!(
            "SELECT group_concat(json_quote(",
            $key,
            ") || char(9) || ",
            $line,
            ", char(10)) FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT value FROM json_each(?1))"
        );
        $crate::look_up::Lookup { one: ONE, many: MANY }
    }};
}
pub(crate) use lookup;

/// The rows of some keys, and the keys whose row could not be read.
pub(crate) struct Found<K, R>(HashMap<K, Result<R, StoreError>>);

impl<K: Eq + Hash, R: Clone> Found<K, R> {
    /// The row of one key.
    pub(crate) fn get(&self, key: &K) -> Result<Option<R>, StoreError> {
        self.0.get(key).cloned().transpose()
    }
}

/// Reads the rows of `keys`. A row that cannot be decoded fails alone.
pub(crate) async fn look_up<K, R>(readers: &Readers, lookup: &Lookup, keys: &[K], decode: Decode<R>) -> Found<K, R>
where
    K: Key,
{
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(sql::CHUNK) {
        match read(readers, lookup, chunk, decode).await {
            Ok(rows) => found.extend(rows),
            Err(error) => found.extend(chunk.iter().map(|key| (key.clone(), Err(error.clone())))),
        }
    }
    Found(found)
}

async fn read<K: Key, R>(
    readers: &Readers,
    lookup: &Lookup,
    keys: &[K],
    decode: Decode<R>,
) -> Result<Vec<(K, Result<R, StoreError>)>, StoreError> {
    let query = match keys {
        [key] => sqlx::query(lookup.one).bind(key.clone()),
        keys => sqlx::query(lookup.many).bind(sql::json(keys)?),
    };
    let text = readers.read(async |connection| {
        let row = query.fetch_optional(connection).await?;
        row.map_or_else(|| Ok(Text::default()), |row| Text::of(&row))
    });
    let text = text.await?;
    let keyed = |line: &[u8]| {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        Some((serde_json::from_slice(&line[..tab]).ok()?, decode(&line[tab + 1..])))
    };
    Ok(text.lines().filter_map(keyed).collect())
}
