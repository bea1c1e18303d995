#![doc = include_str!("../docs/servers.md")]

#[cfg(not(unix))]
compile_error!("the feature `servers` of provesi-testkit starts servers by Unix means; leave it out here");

mod background;
mod container;
mod database;
mod folder;
mod keeper;
mod local;
mod mongodb;
mod own;
mod postgres;
mod process;
mod pypi;
mod server;
mod shared;
mod stores;
mod url;
mod way;

pub use database::TestDatabase;
pub use own::{OwnServer, OwnServerBuilder};
pub use stores::wanted;
pub use way::{Kind, NoServer, Way};

/// An empty database on the PostgreSQL server of this process, which is started at the first call.
///
/// # Panics
/// Where no server can be had, or it refuses to make a database; the message says what to do.
pub async fn postgres() -> TestDatabase {
    shared::database(Kind::Postgres).await
}

/// An empty database on the MongoDB server of this process, which is started at the first call.
///
/// # Panics
/// Where no server can be had; the message says what to do.
pub async fn mongodb() -> TestDatabase {
    shared::database(Kind::MongoDb).await
}
