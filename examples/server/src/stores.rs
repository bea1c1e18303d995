//! The stores behind their URLs: the only place that names every one of them.

mod announce;
mod audited;
mod error;
mod pair;
mod same_file;

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use provesi_core::{App, AuditStore, ClientRepository, OrderRepository, OrdersWithClients, StoreAdmin, StoreError};
use provesi_http::client::SecureServiceClient;
use provesi_runtime::{AuditQueue, Batched};
use provesi_store_mongo::{MongoAudit, MongoStore};
use provesi_store_pg::PgStore;
use provesi_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::settings::{DEFAULT_FILE, Secret, SettingError, SqlUrl, StoreSettings, StoreUrl};
use crate::{Failure, check};
pub(crate) use announce::Kind;
pub(crate) use error::OpenError;
use same_file::same_file;

/// The setting of the store of the audit.
const AUDIT_STORE: &str = "--audit-store";

/// How long a MongoDB is given to end the sessions of a client that is closed.
const MONGO_SHUTDOWN: Duration = Duration::from_secs(1);

/// What a command wants of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Ready to serve. The default file is created where it is missing, others with `create` alone, and a file's tables are
    /// brought up to date; those of a server are not touched unasked, and must be up to date.
    Prepare { create: bool },
    /// A file is created where it is missing; tables are left as they are. With `shared`, also in a database of another
    /// program.
    Untouched { shared: bool },
    /// It exists, and is up to date.
    AsItIs,
    /// As [`Self::AsItIs`]; where the default file is missing, an empty one elsewhere for the time being.
    Look,
    /// Tables are left as they are; where a file is missing, an empty one elsewhere for the time being.
    Inspect,
    /// As [`Self::AsItIs`], whether or not clients and orders belong together.
    AnyPair,
}

/// One database, opened.
struct Part {
    setting: &'static str,
    place: String,
    store: Box<dyn StoreAdmin>,
    /// Until it is shut down.
    mongo: Option<mongodb::Client>,
}

/// The stores of clients, of orders and of audit records: one database, or several.
pub(crate) struct Stores {
    clients: Arc<dyn ClientRepository>,
    orders: Arc<dyn OrderRepository>,
    /// Set if clients and orders are in one database.
    joined: Option<Arc<dyn OrdersWithClients>>,
    audit: Arc<dyn AuditStore>,
    /// What waits to be recorded.
    queue: Option<AuditQueue>,
    parts: Vec<Part>,
    /// Which of the parts have the clients, if they are not another process's, and the orders.
    pair: (Option<usize>, usize),
    /// Where clients, orders and audit records are, for the operator.
    places: [String; 3],
    /// Held for as long as the stores are.
    _temporary: Option<TempDir>,
}

/// The migrations that a database lacked.
pub(crate) struct Migrated {
    pub(crate) place: String,
    pub(crate) applied: Vec<String>,
}

/// An opening that is under way.
struct Opener<'a> {
    settings: &'a StoreSettings,
    opening: Opening,
    temporary: Option<TempDir>,
    /// What is open so far.
    parts: Vec<Part>,
}

impl Stores {
    /// Opens the databases. Two URLs of the same one share a store: a file has one writer, a server one pool. Records of
    /// access are beside the orders where `audit` does not say otherwise.
    pub(crate) async fn open(
        settings: &StoreSettings,
        audit: Option<&StoreUrl>,
        opening: Opening,
    ) -> Result<Self, OpenError> {
        let wants_temporary = matches!(opening, Opening::Look | Opening::Inspect);
        let temporary = wants_temporary.then(TempDir::new).transpose().map_err(OpenError::Temporary)?;
        let mut opener = Opener { settings, opening, temporary, parts: Vec::new() };
        let stores = match opener.open(audit).await {
            Ok(stores) => stores,
            Err(error) => {
                close(opener.parts).await;
                return Err(error);
            }
        };
        let paired = match opening {
            Opening::Prepare { .. } => stores.require_pair(true).await,
            Opening::AsItIs => stores.require_pair(false).await,
            Opening::Untouched { .. } | Opening::Look | Opening::Inspect | Opening::AnyPair => Ok(()),
        };
        match paired {
            Ok(()) => Ok(stores),
            Err(error) => {
                stores.close().await;
                Err(error)
            }
        }
    }

    /// Where clients, orders and audit records are: database and host, or absolute path.
    pub(crate) const fn places(&self) -> [&str; 3] {
        let [clients, orders, audit] = &self.places;
        [clients.as_str(), orders.as_str(), audit.as_str()]
    }

    /// The application over the stores.
    pub(crate) fn app(&self) -> App {
        let app = App::new(Arc::clone(&self.clients), Arc::clone(&self.orders));
        match &self.joined {
            Some(joined) => app.with_joined_reads(Arc::clone(joined)),
            None => app,
        }
    }

    /// What the databases lack. With `shared`, also those that hold tables of another program and none of ours.
    pub(crate) async fn pending(&self, shared: bool) -> Result<Vec<Migrated>, OpenError> {
        self.refuse_foreign().await?;
        let mut all = Vec::new();
        for part in &self.parts {
            let applied = part.store.pending_migrations().await.map_err(|source| part.failed(source))?;
            if !applied.is_empty() && !shared {
                let tables = part.store.foreign_tables().await.map_err(|source| part.failed(source))?;
                if !tables.is_empty() {
                    return Err(OpenError::Unrelated { setting: part.setting, place: part.place.clone(), tables });
                }
            }
            all.push(Migrated { place: part.place.clone(), applied });
        }
        Ok(all)
    }

    /// Brings the tables of every database up to date, and tells what was lacking.
    pub(crate) async fn migrate(&self, shared: bool) -> Result<Vec<Migrated>, OpenError> {
        let pending = self.pending(shared).await?;
        // Large databases take long, each for itself. All of them come to their end, also where one fails.
        let parts =
            self.parts.iter().map(async |part| part.store.migrate().await.map_err(|source| part.failed(source)));
        join_all(parts).await.into_iter().collect::<Result<(), OpenError>>()?;
        self.record_pair().await?;
        Ok(pending)
    }

    /// Prints what the records say before a migration: those that it refuses, and those that break rules. Returns whether it
    /// refuses none.
    pub(crate) async fn preview(&self, pending: &[Migrated]) -> Result<bool, Failure> {
        let mut is_free = true;
        // One that is up to date has none.
        for (part, _) in self.parts.iter().zip(pending).filter(|(_, pending)| !pending.applied.is_empty()) {
            for conflict in part.store.conflicts().await.map_err(|source| part.failed(source))? {
                is_free = false;
                let _ = writeln!(io::stdout(), "{}: cannot be migrated: {conflict}", part.place);
            }
        }
        check::preview(&self.app(), self.pair.0.is_some()).await?;
        Ok(is_free)
    }

    /// Writes what waits and closes the databases.
    pub(crate) async fn close(self) {
        if let Some(queue) = self.queue {
            audited::flush(&queue).await;
        }
        close(self.parts).await;
    }
}

/// Closes databases.
async fn close(parts: Vec<Part>) {
    for mut part in parts {
        part.store.close().await;
        if let Some(client) = &part.mongo
            && timeout(MONGO_SHUTDOWN, client.clone().shutdown()).await.is_ok()
        {
            part.mongo = None;
        }
    }
}

/// The last handle on a MongoDB client that was not shut down would end its sessions in a task, which panics if the runtime stops
/// meanwhile. So one handle is never dropped.
impl Drop for Part {
    fn drop(&mut self) {
        mem::forget(self.mongo.take());
    }
}

/// A store of all ports.
#[derive(Clone)]
struct Sql {
    clients: Arc<dyn ClientRepository>,
    orders: Arc<dyn OrderRepository>,
    joined: Arc<dyn OrdersWithClients>,
    audit: Arc<dyn AuditStore>,
}

impl Sql {
    fn of(
        store: &(impl ClientRepository + OrderRepository + OrdersWithClients + AuditStore + Clone + 'static),
    ) -> Self {
        Self {
            clients: Arc::new(store.clone()),
            orders: Arc::new(store.clone()),
            joined: Arc::new(store.clone()),
            audit: Arc::new(store.clone()),
        }
    }
}

impl Opener<'_> {
    /// Opens the stores. After an error, the caller closes the parts that are open.
    async fn open(&mut self, audit: Option<&StoreUrl>) -> Result<Stores, OpenError> {
        let settings = self.settings;
        // Clients come first, so that an error that concerns both names their setting.
        let (clients, of_clients) = self.clients().await?;
        let clients_part = self.parts.len().checked_sub(1);
        let shared = of_clients.as_ref().filter(|_| same(&settings.clients, &settings.orders));
        let joined = shared.map(|sql| Arc::new(Batched::new(Arc::clone(&sql.joined))) as Arc<dyn OrdersWithClients>);
        let sql = match shared {
            Some(sql) => sql.clone(),
            None => self.sql(settings.orders_setting, &settings.orders).await?,
        };
        let orders_part = self.parts.len() - 1;
        let (to_clients, to_orders) = (settings.clients.to_string(), settings.orders.to_string());
        let to_audit = audit.map_or_else(|| to_orders.clone(), ToString::to_string);
        let audit: Arc<dyn AuditStore> = match audit {
            Some(StoreUrl::Mongo(url)) => Arc::new(self.mongo(AUDIT_STORE, url, MongoAudit::new).await?),
            Some(url @ StoreUrl::Sql(own)) if !same(url, &settings.orders) => match &of_clients {
                Some(of_clients) if same(&settings.clients, own) => Arc::clone(&of_clients.audit),
                _ => self.sql(AUDIT_STORE, own).await?.audit,
            },
            _ => sql.audit,
        };
        let places = [to_clients, to_orders, to_audit];
        let pair = (clients_part, orders_part);
        // Concurrent calls share statements.
        let (clients, orders) = (Arc::new(Batched::new(clients)), Arc::new(Batched::new(sql.orders)));
        let (parts, _temporary) = (mem::take(&mut self.parts), self.temporary.take());
        Ok(Stores { clients, orders, joined, audit, queue: None, parts, pair, places, _temporary })
    }

    async fn clients(&mut self) -> Result<(Arc<dyn ClientRepository>, Option<Sql>), OpenError> {
        match &self.settings.clients {
            StoreUrl::Sql(url) => {
                let sql = self.sql(self.settings.clients_setting, url).await?;
                Ok((Arc::clone(&sql.clients), Some(sql)))
            }
            StoreUrl::Mongo(url) => {
                let store = self.mongo(self.settings.clients_setting, url, MongoStore::new).await?;
                Ok((Arc::new(store), None))
            }
            StoreUrl::Service(base) => {
                let strict = self.settings.peer.as_ref().is_some_and(|peer| peer.strict_messages);
                Ok((Arc::new(self.service(base)?.with_strict_messages(strict)), None))
            }
        }
    }

    async fn sql(&mut self, setting: &'static str, url: &SqlUrl) -> Result<Sql, OpenError> {
        match url {
            SqlUrl::Sqlite(path) => Ok(Sql::of(&self.sqlite(setting, path).await?)),
            SqlUrl::Postgres(url) => Ok(Sql::of(&self.postgres(setting, url).await?)),
        }
    }

    async fn sqlite(&mut self, setting: &'static str, path: &Path) -> Result<SqliteStore, OpenError> {
        let place = SqlUrl::Sqlite(path.to_owned()).to_string();
        let failed = |source| OpenError::Store { setting, place: place.clone(), source: definite(source, path) };
        let (mut opened, mut migrates) = (path.to_owned(), matches!(self.opening, Opening::Prepare { .. }));
        let exists = path.exists();
        if exists {
            let tables = provesi_store_sqlite::foreign_tables(path).await.map_err(failed)?;
            if !tables.is_empty() && self.opening != (Opening::Untouched { shared: true }) {
                return Err(OpenError::Unrelated { setting, place, tables });
            }
        } else {
            let is_default = self.settings.is_default && path == Path::new(DEFAULT_FILE);
            match (self.opening, self.temporary.as_ref().map(TempDir::path)) {
                (Opening::Prepare { create }, _) if create || is_default => {
                    tracing::warn!("{place}: new, empty");
                }
                (Opening::Untouched { .. }, _) => {}
                (Opening::Look, Some(temporary)) if is_default => {
                    (opened, migrates) = (temporary.join(setting), true);
                }
                (Opening::Inspect, Some(temporary)) => opened = temporary.join(setting),
                _ => return Err(OpenError::Missing { setting, place }),
            }
        }
        let readers = self.settings.readers.get();
        let store = if exists {
            SqliteStore::open(&opened, readers).await
        } else {
            SqliteStore::open_or_create(&opened, readers).await
        };
        let store = store.map_err(failed)?;
        if migrates {
            store.migrate().await.map_err(failed)?;
        }
        self.add(setting, place, store, None).await
    }

    async fn postgres(&mut self, setting: &'static str, url: &Secret) -> Result<PgStore, OpenError> {
        let store = PgStore::open(url.expose(), self.settings.pool.get())
            .map_err(|_| SettingError::new(setting, "must be a URL such as postgres://USER:PASSWORD@HOST/DATABASE"))?;
        self.add(setting, SqlUrl::Postgres(url.clone()).to_string(), store, None).await
    }

    async fn mongo<S: StoreAdmin + Clone + 'static>(
        &mut self,
        setting: &'static str,
        url: &Secret,
        store: impl FnOnce(&mongodb::Database) -> S,
    ) -> Result<S, OpenError> {
        let database = self.mongo_database(setting, url).await?;
        let place = StoreUrl::Mongo(url.clone()).to_string();
        self.add(setting, place, store(&database), Some(database.client().clone())).await
    }

    async fn mongo_database(&self, setting: &'static str, url: &Secret) -> Result<mongodb::Database, OpenError> {
        let refused = || {
            SettingError::new(setting, "must be a URL such as mongodb://USER:PASSWORD@HOST/DATABASE, with a database")
        };
        let mut options = provesi_store_mongo::client_options(url.expose()).await.map_err(|_| refused())?;
        options.max_pool_size.get_or_insert(self.settings.pool.get());
        let database = options.default_database.clone().ok_or_else(refused)?;
        let client = mongodb::Client::with_options(options).map_err(|_| refused())?;
        Ok(client.database(&database))
    }

    /// The clients of another process, which is not asked before it is needed: the two may be started in any order.
    fn service(&self, base: &str) -> Result<SecureServiceClient, SettingError> {
        let setting = self.settings.clients_setting;
        let peer = self.settings.peer.clone().ok_or_else(|| SettingError::new(setting, "needs a token and keys"))?;
        let destination = "clients".parse().expect("it has letters only");
        SecureServiceClient::new(base, peer.name, destination, peer.token.expose(), peer.keys)
            .map_err(|error| SettingError::new(setting, provesi_core::Chain(&error).to_string()))
    }

    /// Notes an open database, and refuses it where it is not as the command wants it.
    async fn add<S: StoreAdmin + Clone + 'static>(
        &mut self,
        setting: &'static str,
        place: String,
        store: S,
        mongo: Option<mongodb::Client>,
    ) -> Result<S, OpenError> {
        self.parts.push(Part { setting, place, store: Box::new(store.clone()), mongo });
        let part = &self.parts[self.parts.len() - 1];
        if !matches!(self.opening, Opening::Untouched { .. } | Opening::Inspect) {
            let pending = part.store.pending_migrations().await.map_err(|source| part.failed(source))?;
            if !pending.is_empty() {
                return Err(OpenError::Outdated { setting, place: part.place.clone() });
            }
        }
        Ok(store)
    }
}

impl Part {
    fn failed(&self, source: StoreError) -> OpenError {
        OpenError::Store { setting: self.setting, place: self.place.clone(), source }
    }
}

/// What SQLite says of a file that cannot be opened does not pass, as it does when another process holds the file.
fn definite(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Unavailable { source } if File::options().read(true).write(true).open(path).is_err() => {
            StoreError::Backend { source }
        }
        error => error,
    }
}

/// Whether two stores are in one database.
fn same(clients: &StoreUrl, orders: &SqlUrl) -> bool {
    match (clients, orders) {
        (StoreUrl::Sql(SqlUrl::Sqlite(clients)), SqlUrl::Sqlite(orders)) => same_file(clients, orders),
        (StoreUrl::Sql(SqlUrl::Postgres(clients)), SqlUrl::Postgres(orders)) => clients == orders,
        _ => false,
    }
}
