//! PostgreSQL and MongoDB servers for tests.
//!
//! ```no_run
//! # async fn example() {
//! use provesi_testkit::servers;
//!
//! let database = servers::postgres().await;
//! let url = database.url(); // postgres://…/provesi_test_…, an empty database of this test's own
//! # let _ = url;
//! # }
//! ```
//!
//! A server is started at the first call and shared by all tests of the process, whatever runtimes they are on. Each
//! call gives another empty database, dropped with its [`TestDatabase`]. [`OwnServer`] is a server that one test has for
//! itself, to stop it, let it crash or hang, and start it again.
//!
//! When the process has ended, in whatever way, a small keeper process ends its servers and removes their data. Should
//! that be killed too, the next run removes what it left.
//!
//! Where servers come from, and the variables that say so, are in the crate's README, under "Servers for tests".

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
mod pgbouncer;
mod postgres;
mod process;
mod pypi;
mod server;
mod shared;
mod statements;
mod stores;
mod url;
mod way;

pub use database::TestDatabase;
pub use own::{Frozen, OwnServer, OwnServerBuilder};
pub use pgbouncer::{PgBouncer, PoolMode};
pub use statements::Statements;
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
