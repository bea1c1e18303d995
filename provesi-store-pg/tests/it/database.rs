//! A database for one test.

use provesi_testkit::servers;

pub(crate) use provesi_testkit::servers::TestDatabase as Database;

/// An empty database on the server of this test program; none where PostgreSQL is left out by name.
pub(crate) async fn database() -> Option<Database> {
    if servers::wanted("postgres") { Some(servers::postgres().await) } else { None }
}
