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

/// The rows of some keys, and the keys whose row could not be read.
pub(crate) struct Found<K, R>(HashMap<K, Result<R, StoreError>>);

impl<K: Eq + Hash, R: Clone> Found<K, R> {
    /// The row of one key.
    pub(crate) fn get(&self, key: &K) -> Result<Option<R>, StoreError> {
        self.0.get(key).cloned().transpose()
    }
}

/// Reads the rows of `keys` by a statement that takes them as JSON and returns the key of each row in its first column. A row
/// that cannot be decoded fails alone.
pub(crate) async fn look_up<K, C, R>(readers: &Readers, statement: &'static str, keys: &[K]) -> Found<K, R>
where
    K: Serialize + Eq + Hash + Clone + Send + Unpin + sqlx::Type<Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
    C: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    R: TryFrom<C, Error = StoreError>,
{
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(sql::CHUNK) {
        match read::<K, C>(readers, statement, chunk).await {
            Ok(rows) => found.extend(rows.into_iter().map(|Keyed { key, row }| (key, R::try_from(row)))),
            Err(StoreError::Corrupt { .. }) if chunk.len() > 1 => {
                for key in chunk {
                    let alone = Box::pin(look_up(readers, statement, std::slice::from_ref(key))).await;
                    found.extend(alone.0);
                }
            }
            Err(error) => found.extend(chunk.iter().map(|key| (key.clone(), Err(error.clone())))),
        }
    }
    Found(found)
}

async fn read<K, C>(readers: &Readers, statement: &'static str, keys: &[K]) -> Result<Vec<Keyed<K, C>>, StoreError>
where
    K: Serialize + Send + Unpin + sqlx::Type<Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
    C: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let rows = sqlx::query_as(statement).bind(sql::json(keys)?).fetch_all(&readers.pool).await;
    rows.map_err(|error| readers.failed(error))
}
