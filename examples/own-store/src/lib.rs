//! Clients and orders of Provesi in [redb], an embedded key-value database: the example of `docs/own-store.md`.
//!
//! It is short because lists and counts read a whole table and sort it in memory, and the history of an order passes over
//! all events. That is fast enough for some ten thousand rows; a store for more keeps an index for each sort.
//!
//! Another program may write to the file while it is closed: rows as JSON objects of their columns, each with its entry in
//! the index, and ids that it counts in the table `counters` as this store does.
//!
//! [redb]: https://docs.rs/redb

mod clients;
mod orders;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use provesi_core::{Chain, ClientRow, OrderRow, StoreError, UniqueField};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a write waits for those before it, and how long the database may take to answer.
const DEADLINE: Duration = Duration::from_secs(3);

type TextTable = TableDefinition<'static, &'static str, &'static str>;
/// The last numbers that were given, by what they count.
const COUNTERS: TableDefinition<'_, &str, i64> = TableDefinition::new("counters");

/// A row, kept by its id as JSON.
trait Row: Clone + PartialEq + Serialize + DeserializeOwned + Send + 'static {
    const ROWS: TextTable;
    /// Ids by the unique field.
    const INDEX: TextTable;
    const UNIQUE: UniqueField;
    /// The error of an insert whose id exists.
    const ID_TAKEN: StoreError;

    /// The id, and the key of the index.
    fn keys(&self) -> (String, String);
}

/// By what a row is looked up.
enum Key {
    Id(String),
    Unique(String),
}

/// What became of one write; the outer error is that of the transaction, with all its writes.
type Outcome<T> = Result<Result<T, StoreError>, redb::Error>;

/// A store of clients and orders in one file, which is open in one process. Clones share it.
#[derive(Clone, Debug)]
pub struct RedbStore {
    database: Arc<Database>,
    /// redb has one writer at a time, and the others wait without end. Here they wait with a deadline.
    writer: Arc<Mutex<()>>,
}

impl RedbStore {
    /// Opens the store in this file, which is made if it does not exist.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the file cannot be opened, also if it is open elsewhere.
    /// - [`StoreError::Backend`] if it is not a file of this store.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let database = run(StoreError::unavailable, move || Database::create(path).map_err(failed)).await?;
        let store = Self { database: Arc::new(database), writer: Arc::default() };
        let create_tables = |transaction: &WriteTransaction| {
            // Opened for writing, a table is made if it does not exist.
            for table in [ClientRow::ROWS, ClientRow::INDEX, OrderRow::ROWS, OrderRow::INDEX] {
                transaction.open_table(table)?;
            }
            transaction.open_table(orders::FORMER_NUMBERS)?;
            transaction.open_table(orders::ENTRIES)?;
            transaction.open_table(orders::EVENTS)?;
            Ok(())
        };
        store.write(create_tables).await?;
        Ok(store)
    }

    /// What `work` reads from a snapshot. A reader waits for nobody.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.database);
        run(StoreError::unavailable, move || work(&database.begin_read().map_err(failed)?).map_err(failed)).await
    }

    /// Makes what `work` writes durable, or nothing of it if it fails. Once begun, it goes on without this future.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = timeout(DEADLINE, Arc::clone(&self.writer).lock_owned()).await.map_err(StoreError::unavailable)?;
        let database = Arc::clone(&self.database);
        let transact = move || {
            // The turn ends with the transaction, whether or not anybody still waits for the answer.
            let _turn = turn;
            let transaction = database.begin_write().map_err(failed)?;
            // An error drops the transaction, which rolls it back.
            let answer = work(&transaction).map_err(failed)?;
            // Durable by default. A commit that failed may have reached the disk.
            transaction.commit().map_err(StoreError::outcome_unknown)?;
            Ok(answer)
        };
        run(StoreError::outcome_unknown, transact).await
    }

    async fn get_rows<R: Row>(&self, keys: Vec<Key>) -> Vec<Result<Option<R>, StoreError>> {
        let count = keys.len();
        let read = move |snapshot: &ReadTransaction| {
            let (rows, index) = (snapshot.open_table(R::ROWS)?, snapshot.open_table(R::INDEX)?);
            let get = |key| {
                let id = match key {
                    Key::Id(id) => Some(id),
                    Key::Unique(key) => index.get(&*key)?.map(|id| id.value().to_owned()),
                };
                let Some(id) = id else { return Ok(Ok(None)) };
                Ok(rows.get(&*id)?.map(|json| decode(&id, json.value())).transpose())
            };
            keys.into_iter().map(get).collect()
        };
        self.read(read).await.unwrap_or_else(|error| vec![Err(error); count])
    }

    /// Makes the writes in one transaction. `make` refuses a write before it changes anything.
    async fn make_all<W: Clone + Send + 'static, T: Clone + Send + 'static>(
        &self,
        writes: &[W],
        make: fn(&WriteTransaction, &W) -> Outcome<T>,
    ) -> Vec<Result<T, StoreError>> {
        let (count, writes) = (writes.len(), writes.to_vec());
        let made = self.write(move |transaction| writes.iter().map(|write| make(transaction, write)).collect()).await;
        made.unwrap_or_else(|error| vec![Err(error); count])
    }
}

/// Runs what blocks. Without an answer in time, or if redb panicked, as over a damaged file, the error is `lost`.
async fn run<T: Send + 'static>(
    lost: fn(&'static str) -> StoreError,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match timeout(DEADLINE, spawn_blocking(work)).await {
        Ok(Ok(answer)) => answer,
        // The message of a panic may quote what is stored.
        Ok(Err(_)) => Err(lost("the database panicked")),
        Err(_) => Err(lost("the database did not answer in time")),
    }
}

/// What redb said before anything was committed. After an error of the disk it refuses all until it is opened again.
fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        error @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen) => {
            StoreError::unavailable(error)
        }
        error => StoreError::backend(error),
    }
}

/// All rows for lists. One that cannot be decoded is logged, and does not take the others with it.
fn rows<R: Row>(snapshot: &ReadTransaction) -> Result<Vec<R>, redb::Error> {
    let mut rows = Vec::new();
    for entry in snapshot.open_table(R::ROWS)?.iter()? {
        let (id, json) = entry?;
        match decode(id.value(), json.value()) {
            Ok(row) => rows.push(row),
            Err(error) => tracing::error!(error = %Chain(&error), "a row is left out of a list"),
        }
    }
    Ok(rows)
}

/// The error of `serde_json` is left out: it may quote the row, which is personal data.
fn decode<R: Row>(id: &str, json: &str) -> Result<R, StoreError> {
    serde_json::from_str(json)
        .map_err(|_| StoreError::corrupt(format!("row {id} of {} cannot be decoded", R::ROWS.name())))
}

fn encode(columns: &impl Serialize) -> Result<String, redb::Error> {
    serde_json::to_string(columns).map_err(|error| std::io::Error::from(error).into())
}

/// Puts `after` in the place of `before`, or refuses. redb has one writer, so what is looked at here stays as it is.
fn change<R: Row>(transaction: &WriteTransaction, before: Option<&R>, after: Option<&R>) -> Outcome<()> {
    let (mut rows, mut index) = (transaction.open_table(R::ROWS)?, transaction.open_table(R::INDEX)?);
    let (old, new) = (before.map(R::keys), after.map(R::keys));
    if let Some((id, _)) = &old {
        let stored = rows.get(&**id)?.and_then(|json| serde_json::from_str(json.value()).ok());
        if stored.as_ref() != before {
            return Ok(Err(StoreError::VersionConflict));
        }
    }
    if let Some((id, key)) = &new {
        if old.is_none() && rows.get(&**id)?.is_some() {
            return Ok(Err(R::ID_TAKEN));
        }
        if index.get(&**key)?.is_some_and(|holder| holder.value() != id) {
            return Ok(Err(StoreError::AlreadyExists { field: R::UNIQUE }));
        }
    }
    if let Some((id, key)) = old {
        rows.remove(&*id)?;
        index.remove(&*key)?;
    }
    if let (Some((id, key)), Some(after)) = (new, after) {
        rows.insert(&*id, &*encode(after)?)?;
        index.insert(&*key, &*id)?;
    }
    Ok(Ok(()))
}

/// The next number of what `name` counts, from 1. None comes twice.
fn next(transaction: &WriteTransaction, name: &str) -> Result<i64, redb::Error> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let last = counters.get(name)?.map_or(0, |last| last.value());
    let next = last.checked_add(1).ok_or_else(|| redb::Error::Corrupted(format!("no more {name}")))?;
    counters.insert(name, next)?;
    Ok(next)
}
