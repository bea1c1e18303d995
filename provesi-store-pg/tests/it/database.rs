//! A database for one test.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// An empty database, dropped with this.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Where the tests of this crate connect to.
    pub(crate) fn url(&self) -> String {
        let (server, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let after_scheme = server.find("://").map_or(0, |at| at + 3);
        let host = server[after_scheme..].find('/').map_or(server, |at| &server[..after_scheme + at]);
        format!("{host}/{}?{query}", self.name)
    }
}

/// Makes a database on the server that `PROVESI_TEST_POSTGRES_URL` names, whose user must be allowed to.
pub(crate) async fn database() -> Database {
    let server = std::env::var("PROVESI_TEST_POSTGRES_URL").expect(
        "PROVESI_TEST_POSTGRES_URL is to name a PostgreSQL server, such as postgres://postgres@127.0.0.1:5432/postgres",
    );
    let name = format!("provesi_test_{:016x}", rand::random::<u64>());
    run(&server, &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")).await.unwrap();
    Database { server, name }
}

async fn run(server: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnectOptions::from_str(server)?.disable_statement_logging().connect().await?;
    connection.execute(AssertSqlSafe(statement.to_owned())).await?;
    connection.close().await
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // The runtime of the test is at its end: one of its own does what takes a connection.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &statement))
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("a test database is left over: {error}");
        }
    }
}
