//! Rows by their keys, many in one statement.

use std::collections::HashMap;
use std::hash::Hash;

use provesi_core::StoreError;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::sqlite::{Sqlite, SqliteRow};

use crate::readers::Readers;
use crate::rows::Keyed;
use crate::sql;

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
pub(crate) async fn look_up<K, C, R>(readers: &Readers, lookup: &Lookup, keys: &[K]) -> Found<K, R>
where
    K: Serialize + Eq + Hash + Clone + Send + Unpin + sqlx::Type<Sqlite>,
    K: for<'q> sqlx::Encode<'q, Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
    C: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    R: TryFrom<C, Error = StoreError>,
{
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(sql::CHUNK) {
        match read::<K, C>(readers, lookup, chunk).await {
            Ok(rows) => found.extend(rows.into_iter().map(|Keyed { key, row }| (key, R::try_from(row)))),
            Err(StoreError::Corrupt { .. }) if chunk.len() > 1 => {
                for key in chunk {
                    let alone = Box::pin(look_up(readers, lookup, std::slice::from_ref(key))).await;
                    found.extend(alone.0);
                }
            }
            Err(error) => found.extend(chunk.iter().map(|key| (key.clone(), Err(error.clone())))),
        }
    }
    Found(found)
}

async fn read<K, C>(readers: &Readers, lookup: &Lookup, keys: &[K]) -> Result<Vec<Keyed<K, C>>, StoreError>
where
    K: Serialize + Clone + Send + Unpin + sqlx::Type<Sqlite>,
    K: for<'q> sqlx::Encode<'q, Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
    C: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let rows = match keys {
        // Does not wait until SQLite has looked for a second row.
        [key] => {
            let row =
                sqlx::query_as(lookup.one).bind(key.clone()).fetch_optional(&mut *readers.connection().await?).await;
            row.map(|row| row.into_iter().collect())
        }
        keys => sqlx::query_as(lookup.many).bind(sql::json(keys)?).fetch_all(&mut *readers.connection().await?).await,
    };
    rows.map_err(|error| readers.failed(error))
}
