//! Rows by their keys, many in one statement.

use std::collections::HashMap;
use std::hash::Hash;

use provesi_core::StoreError;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{Sqlite, SqliteRow};

use crate::readers::Readers;
use crate::rows::Decode;
use crate::sql;

/// What rows are looked up by.
pub(crate) trait Key: Serialize + Eq + Hash + Clone + Send + Sync + Unpin + 'static
where
    Self: sqlx::Type<Sqlite> + for<'q> sqlx::Encode<'q, Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
{
}

impl Key for i64 {}
impl Key for String {}

/// The statements of a lookup. Each returns the key of a row in its first column.
pub(crate) struct Lookup {
    /// Takes one key: half again as fast as [`many`](Self::many) with one.
    pub(crate) one: &'static str,
    /// Takes the keys as JSON.
    pub(crate) many: &'static str,
}

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
    R: Send + Unpin,
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

type Keyed<K, R> = (K, Result<R, StoreError>);

async fn read<K: Key, R: Send + Unpin>(
    readers: &Readers,
    lookup: &Lookup,
    keys: &[K],
    decode: Decode<R>,
) -> Result<Vec<Keyed<K, R>>, StoreError> {
    let keyed = |row: SqliteRow| Ok((row.try_get(0)?, decode(&row)));
    let mut connection = readers.connection().await?;
    let rows = match keys {
        // Does not wait until SQLite has looked for a second row.
        [key] => {
            let row = sqlx::query(lookup.one).bind(key.clone()).try_map(keyed).fetch_optional(&mut *connection).await;
            row.map(|row| row.into_iter().collect())
        }
        keys => sqlx::query(lookup.many).bind(sql::json(keys)?).try_map(keyed).fetch_all(&mut *connection).await,
    };
    rows.map_err(|error| readers.failed(error))
}
