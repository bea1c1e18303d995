//! The store: its collection, how long its calls take, and whether the server has the collation of names.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, Uuid, doc};
use mongodb::options::{Collation, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Collection, Database};
use provesi_core::{StoreAdmin, StoreError, StoreId};
use tokio::time::{Instant, timeout_at};

use crate::audit::AUDIT;
use crate::error::{is_duplicate, store_error};
use crate::{collations, migrations, options};

/// The collection, as MongoEngine named it.
const CLIENTS: &str = "clients";

/// The collection of what is known of the store itself, and the document with its id.
const OWN: &str = "provesi_store";
const ID: &str = "id";

/// Clients in the collection `clients` of a MongoDB database.
///
/// Handles are cheap to clone and share the caller's client, which they neither make nor close.
#[derive(Clone)]
pub struct MongoStore {
    pub(crate) clients: Collection<RawDocumentBuf>,
    own: Collection<Document>,
    database: Database,
    pub(crate) time_limit: Duration,
    pub(crate) search_time: Duration,
    /// Whether the server has the collation of names, once it is known.
    collated: Arc<OnceLock<bool>>,
}

impl MongoStore {
    /// A store over the caller's database, whose client is to be set up as
    /// [`client_options`](crate::client_options) does. Nothing is read or written yet.
    ///
    /// Whatever the client is set to, writes are acknowledged by a majority that has them in its journal, and reads ask
    /// the primary for what a majority has.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let options = CollectionOptions::builder()
            .write_concern(write_concern(options::TIME_LIMIT))
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let clients = database.collection_with_options(CLIENTS, options.clone());
        Self {
            clients,
            own: database.collection_with_options(OWN, options),
            database: database.clone(),
            time_limit: options::TIME_LIMIT,
            search_time: options::SEARCH_TIME,
            collated: Arc::default(),
        }
    }

    /// The same store, with another time limit of a call (2.8 seconds by default), a batch or a page of a search among them. A call that
    /// takes longer is [`StoreError::Unavailable`], or [`StoreError::OutcomeUnknown`] if a write was sent. Migrations have
    /// no limit.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The same store, with another time after which a page of a search looks no further (30 milliseconds by default):
    /// it then has what was found until then, and says where to look on ([`Page::stopped_early`]). Each page gets further,
    /// however little the time.
    ///
    /// [`Page::stopped_early`]: provesi_core::Page::stopped_early
    #[must_use]
    pub fn with_search_time(self, search_time: Duration) -> Self {
        Self { search_time: search_time.min(MAX_TIME_LIMIT), ..self }
    }

    /// Whether the server sorts names by the collation for Spanish, as MongoDB does. Other servers that speak its protocol
    /// may have none: there, clients are sorted by code point, and a search reads along all names.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] where it does not answer.
    pub async fn sorts_by_collation(&self) -> Result<bool, StoreError> {
        Ok(self.in_time(self.name_collation()).await?.is_some())
    }

    /// Runs a read within the time limit of a call.
    pub(crate) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        Deadline::after(self.time_limit).read(call).await
    }

    /// The collation that names are sorted and compared by; none where the server does not have it. The server is asked
    /// once.
    pub(crate) async fn name_collation(&self) -> Result<Option<Collation>, StoreError> {
        let is_known = match self.collated.get() {
            Some(&known) => known,
            None => self.ask_for_collation().await?,
        };
        Ok(is_known.then(collations::names))
    }

    async fn ask_for_collation(&self) -> Result<bool, StoreError> {
        let asked = self.clients.aggregate(collations::probe()).collation(collations::names());
        let answer = asked.max_time(self.time_limit).await.map_err(store_error)?;
        let answer: Vec<Document> = answer.try_collect().await.map_err(store_error)?;
        if answer.is_empty() {
            // Routers of a sharded cluster answer nothing where there is no database yet, and nothing to be sorted.
            return Ok(true);
        }
        let is_known = collations::knows_names(&answer);
        if self.collated.set(is_known).is_ok() && !is_known {
            tracing::warn!("this server has no collation for Spanish: clients are sorted by code point");
        }
        Ok(is_known)
    }

    /// Reads a document, and asks the server whether it accepts writes: a driver that is connected to a standby alone reads
    /// from it.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let any = self.clients.find_one(doc! {}).projection(doc! { "_id": 1 }).max_time(self.time_limit);
        let hello = self.database.run_command(doc! { "hello": 1 });
        let answered = self.in_time(async {
            any.await.map_err(store_error)?;
            hello.await.map_err(store_error)
        });
        let hello = answered.await.map_err(|error| match error {
            StoreError::Backend { source } => StoreError::Unavailable { source },
            other => other,
        })?;
        if is_read_only(&hello) {
            return Err(StoreError::degraded("read-only", "the server is not a primary, or accepts no writes"));
        }
        Ok(())
    }
}

/// How long the search for conflicts may take, which groups all clients.
const CONFLICTS_TIME_LIMIT: Duration = Duration::from_secs(60);

#[async_trait]
impl StoreAdmin for MongoStore {
    /// The names of the missing indexes, and the id of the store if it has none. Asks the server for the collation of names, so that its lack is logged at start.
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.sorts_by_collation().await?;
        let mut pending = migrations::pending(&self.clients).await?;
        if self.identify().await?.is_none() {
            pending.push("the id of the store".to_owned());
        }
        Ok(pending)
    }

    /// Creates the indexes that are missing: that of the names in their order, and the one that keeps e-mail addresses
    /// unique in any letter case; and gives the store its id, in the collection `provesi_store`. Documents are left as they are. Several processes may call this at the same time, while
    /// others read and write.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] where clients have one e-mail address in several letter cases: the source lists the
    ///   first of them by their ids, and nothing was changed; also where an index has a name of ours and is another,
    ///   or where the collection is sharded, see the crate's page.
    async fn migrate(&self) -> Result<(), StoreError> {
        migrations::run(&self.clients).await?;
        if self.identify().await?.is_none() {
            let id = StoreId::from_bytes(Uuid::new().bytes()).to_string();
            let given = self.own.update_one(doc! { "_id": ID }, doc! { "$setOnInsert": { "value": id } }).upsert(true);
            // Another process may have been faster.
            if let Err(error) = given.await
                && !is_duplicate(&error)
            {
                return Err(store_error(error));
            }
        }
        Ok(())
    }

    async fn conflicts(&self) -> Result<Vec<String>, StoreError> {
        Deadline::after(CONFLICTS_TIME_LIMIT).read(migrations::conflicts(&self.clients)).await
    }

    async fn identify(&self) -> Result<Option<StoreId>, StoreError> {
        let found = self.own.find_one(doc! { "_id": ID }).max_time(self.time_limit);
        let found = self.in_time(async { found.await.map_err(store_error) }).await?;
        let corrupt = || StoreError::corrupt("the id of the store cannot be read");
        found.map(|found| found.get_str("value").map_err(|_| corrupt())?.parse()).transpose()
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.in_time(foreign_collections(&self.clients)).await
    }

    /// The driver ends its connections when its last handle is dropped; nothing waits to be written.
    async fn close(&self) {}
}

/// How many names of another program's collections are listed.
const LISTED: usize = 5;

/// The first collections of the database of `collection`, where neither `clients` nor ours of the audit is among them.
pub(crate) async fn foreign_collections(collection: &Collection<RawDocumentBuf>) -> Result<Vec<String>, StoreError> {
    let database = collection.client().database(&collection.namespace().db);
    let mut names = database.list_collection_names().await.map_err(store_error)?;
    names.retain(|name| !name.starts_with("system."));
    if names.iter().any(|name| [CLIENTS, OWN, AUDIT].contains(&name.as_str())) {
        return Ok(Vec::new());
    }
    names.sort_unstable();
    names.truncate(LISTED);
    Ok(names)
}

/// What a server says of itself in its answer to `hello`.
fn is_read_only(hello: &Document) -> bool {
    hello.get_bool("isWritablePrimary").is_ok_and(|is_writable| !is_writable)
        || hello.get_bool("readOnly").is_ok_and(|is_read_only| is_read_only)
}

/// By a majority that has the write in its journal, within `limit`.
pub(crate) fn write_concern(limit: Duration) -> WriteConcern {
    WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).w_timeout(limit).build()
}

/// Longer limits would overflow an instant.
const MAX_TIME_LIMIT: Duration = Duration::from_secs(365 * 86_400);

/// When a call must have returned. The driver has no time-out for a connection that does not answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// The deadline of a call that starts now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit.min(MAX_TIME_LIMIT), limit }
    }

    /// Runs a read until the deadline.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] at the deadline.
    pub(crate) async fn read<T>(
        self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.run(call).await.unwrap_or_else(|| Err(self.exceeded()))
    }

    /// Runs a write, whose commands go through `sent`, until the deadline.
    ///
    /// # Errors
    /// At the deadline [`StoreError::OutcomeUnknown`] if a command was sent and not answered, else
    /// [`StoreError::Unavailable`].
    pub(crate) async fn write<T>(
        self,
        sent: &InFlight,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.run(call).await {
            Some(result) => result,
            None if sent.0.load(Ordering::Relaxed) => Err(StoreError::outcome_unknown(self.exceeded())),
            None => Err(self.exceeded()),
        }
    }

    /// Does not start a call after the deadline: `timeout_at` would poll it once.
    async fn run<T>(self, call: impl Future<Output = T> + Send) -> Option<T> {
        if self.at <= Instant::now() { None } else { timeout_at(self.at, call).await.ok() }
    }

    fn exceeded(self) -> StoreError {
        StoreError::unavailable(format!("no answer within {:?}", self.limit))
    }
}

/// Whether a command that writes was sent and is not answered yet.
#[derive(Debug, Default)]
pub(crate) struct InFlight(AtomicBool);

impl InFlight {
    /// Sends a command that writes, and waits for its answer.
    pub(crate) async fn send<T>(&self, command: impl Future<Output = T>) -> T {
        self.0.store(true, Ordering::Relaxed);
        let answer = command.await;
        self.0.store(false, Ordering::Relaxed);
        answer
    }
}

/// The client knows credentials, so not even its name is shown.
impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore").field("time_limit", &self.time_limit).finish_non_exhaustive()
    }
}
