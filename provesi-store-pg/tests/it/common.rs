//! What the tests share: a store over a database of its own, and things to put in it.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use provesi_core::{
    Actor, Client, ClientId, ClientName, NewOrder, OrderState, OrderStatus, ReturnReason, Stamp, StoreAdmin,
    StoreError, Timestamp,
};
use provesi_store_pg::{PgStore, SharedTransaction};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::database::{Database, Kept, database};

/// How many connections a store has: more than some test has tasks that wait for each other.
pub(crate) const CONNECTIONS: u32 = 8;

/// Databases that a test is done with, migrated: making one takes longer than most tests do.
type Used = Mutex<Vec<Database>>;

static USED: Kept<Used> = Kept::new();

pub(crate) struct Fixture {
    pub(crate) store: PgStore,
    pub(crate) database: Lent,
}

impl Fixture {
    /// A store that is ready for use, without a row. Its schema is not to be changed: other tests get it afterwards.
    pub(crate) async fn new() -> Self {
        let used = USED.get(async || Some(Mutex::default())).await.unwrap();
        let lent = used.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(database) = lent {
            empty(&database).await;
            let store = PgStore::open(database.url(), CONNECTIONS).unwrap();
            return Self { store, database: Lent { database: Some(database), back: Some(used) } };
        }
        let mut fixture = Self::empty().await;
        fixture.store.migrate().await.unwrap();
        fixture.database.back = Some(used);
        fixture
    }

    /// A store over an empty database.
    pub(crate) async fn empty() -> Self {
        let Some(database) = database().await else {
            // What is left out was said. This program tests nothing else.
            std::process::exit(0);
        };
        let store = PgStore::open(database.url(), CONNECTIONS).unwrap();
        Self { store, database: Lent { database: Some(database), back: None } }
    }

    /// A connection that knows nothing of the store, as another program's.
    pub(crate) async fn raw(&self) -> PgConnection {
        PgConnectOptions::from_str(self.database.url()).unwrap().connect().await.unwrap()
    }
}

/// TRUNCATE makes a file for each table and index, and takes twenty times as long.
const EMPTY: &str = "
    DELETE FROM orders_order; ALTER TABLE orders_order ALTER COLUMN id RESTART;
    DELETE FROM provesi_order_events; ALTER TABLE provesi_order_events ALTER COLUMN id RESTART;
    DELETE FROM provesi_entries WHERE kind <> 'store';
    DELETE FROM provesi_clients;
    DELETE FROM provesi_audit_subjects;
    DELETE FROM provesi_audit;
    UPDATE provesi_audit_head SET sequence = 0, hash = decode(repeat('00', 32), 'hex')";

/// Takes all rows out, once nobody is connected any more: what the test before dropped may go on for a moment.
async fn empty(database: &Database) {
    let mut raw = PgConnectOptions::from_str(database.url()).unwrap().connect().await.unwrap();
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut raw).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    raw.execute(EMPTY).await.unwrap();
    raw.close().await.unwrap();
}

/// A database that goes back to the others when the test is done, unless it failed.
pub(crate) struct Lent {
    database: Option<Database>,
    back: Option<Arc<Used>>,
}

impl Deref for Lent {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database.as_ref().unwrap()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(back), Some(database), false) = (&self.back, self.database.take(), std::thread::panicking()) {
            back.lock().unwrap_or_else(PoisonError::into_inner).push(database);
        }
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000).unwrap()
}

pub(crate) fn stamp(second: i64) -> Stamp {
    Stamp { at: at(second), actor: Actor::system("test").unwrap(), address: Some([192, 0, 2, 7].into()) }
}

pub(crate) fn client_id(n: u8) -> ClientId {
    ClientId::from_bytes([n; 12])
}

pub(crate) fn order(number: &str, status: OrderStatus) -> NewOrder {
    NewOrder::builder()
        .number(number.parse().unwrap())
        .client_id(client_id(7))
        .state(OrderState::new(status, ReturnReason::parse("Caja rota").ok(), at(0)).unwrap())
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

pub(crate) fn client(n: u8) -> Client {
    Client::builder()
        .id(client_id(n))
        .name(ClientName::parse(format!("Ana {n}")).unwrap())
        .email(format!("Ana{n}@ejemplo.co").parse().unwrap())
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

/// The outcome of the only write or key of a call.
pub(crate) fn only<T>(outcomes: Vec<Result<T, StoreError>>) -> Result<T, StoreError> {
    let [outcome] = <[_; 1]>::try_from(outcomes).ok().unwrap();
    outcome
}

/// A transaction of the caller's, and the store within it.
pub(crate) async fn begin(store: &PgStore) -> Result<(SharedTransaction, PgStore), StoreError> {
    let transaction = store.begin().await?;
    let inside = store.in_transaction(&transaction);
    Ok((transaction, inside))
}
