//! What the tests share: a store over a database of its own, and things to put in it.

use std::str::FromStr;

use provesi_core::{
    Actor, Client, ClientId, ClientName, NewOrder, OrderState, OrderStatus, ReturnReason, Stamp, Timestamp,
};
use provesi_store_pg::PgStore;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::database::{Database, database};

/// How many connections a store has: more than some test has tasks that wait for each other.
const CONNECTIONS: u32 = 8;

pub(crate) struct Fixture {
    pub(crate) store: PgStore,
    pub(crate) database: Database,
}

impl Fixture {
    /// A store that is ready for use.
    pub(crate) async fn new() -> Self {
        let fixture = Self::empty().await;
        fixture.store.migrate().await.unwrap();
        fixture
    }

    /// A store over an empty database.
    pub(crate) async fn empty() -> Self {
        let Some(database) = database().await else {
            // What is left out was said. This program tests nothing else.
            std::process::exit(0);
        };
        let store = PgStore::open(database.url(), CONNECTIONS).unwrap();
        Self { store, database }
    }

    /// A connection that knows nothing of the store, as another program's.
    pub(crate) async fn raw(&self) -> PgConnection {
        PgConnectOptions::from_str(self.database.url()).unwrap().connect().await.unwrap()
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
    NewOrder {
        number: number.parse().unwrap(),
        client_id: Some(client_id(7)),
        state: OrderState::new(status, ReturnReason::parse("Caja rota").ok(), at(0)).unwrap(),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn client(n: u8) -> Client {
    Client {
        id: client_id(n),
        name: ClientName::parse(format!("Ana {n}")).unwrap(),
        email: format!("Ana{n}@ejemplo.co").parse().unwrap(),
        phone: None,
        address: None,
        created_at: at(0),
        updated_at: at(0),
    }
}
