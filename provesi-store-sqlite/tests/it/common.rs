//! What the tests share: a store over a file of its own, and things to put in it.

use std::path::{Path, PathBuf};

use provesi_core::{
    Actor, Client, ClientId, ClientName, NewOrder, OrderState, OrderStatus, ReturnReason, Stamp, StoreAdmin, Timestamp,
};
use provesi_store_sqlite::{SqliteStore, writer_options};
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) store: SqliteStore,
    pub(crate) path: PathBuf,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = SqliteStore::open_or_create(&path, 4).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, path, _dir: dir }
    }

    /// A connection that knows nothing of the store, as another program's.
    pub(crate) async fn raw(&self) -> SqliteConnection {
        writer_options(&self.path).connect().await.unwrap()
    }
}

/// A copy of this test program beside the file at `path`, for another user, who may not reach the target folder.
pub(crate) fn program_beside(path: &Path) -> PathBuf {
    let copy = path.with_file_name("test-program");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    copy
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
