//! What is asked of a PostgreSQL server: does it answer, make a database, drop one.

use std::error::Error;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The version of the server.
pub(super) async fn ping(url: &str) -> Result<String, sqlx::Error> {
    let mut server = PgConnection::connect(url).await?;
    let version = sqlx::query_scalar("SHOW server_version").fetch_one(&mut server).await?;
    server.close().await?;
    Ok(version)
}

/// Keeps our password as one round of MD5. By default it is thousands of rounds of SHA-256, which each new connection goes
/// through again: some milliseconds of the server's time, for a password that is made for the run.
pub(super) async fn keep_for_short_logins(url: &str, password: &str) -> Result<(), sqlx::Error> {
    let mut server = PgConnection::connect(url).await?;
    let keep = format!("SET password_encryption = 'md5'; ALTER ROLE CURRENT_USER PASSWORD '{password}'");
    server.execute(AssertSqlSafe(keep)).await?;
    server.close().await
}

/// Makes an empty database. Not from `template1`: it cannot be copied while anybody is connected to it.
pub(super) async fn create(url: &str, name: &str) -> Result<(), sqlx::Error> {
    let mut server = PgConnection::connect(url).await?;
    let create = format!(r#"CREATE DATABASE "{name}" TEMPLATE template0 ENCODING 'UTF8'"#);
    sqlx::query(AssertSqlSafe(create)).execute(&mut server).await?;
    server.close().await
}

/// Drops a database, and ends the connections to it: those of a pool may still be open.
pub(super) async fn drop(url: &str, name: &str) -> Result<(), sqlx::Error> {
    let mut server = PgConnection::connect(url).await?;
    drop_with(&mut server, name).await?;
    server.close().await
}

async fn drop_with(server: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    // `DROP DATABASE … WITH (FORCE)` is not known before version 13.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    for attempts_left in (0..20).rev() {
        sqlx::query(end).bind(name).execute(&mut *server).await?;
        let drop = format!(r#"DROP DATABASE IF EXISTS "{name}""#);
        match sqlx::query(AssertSqlSafe(drop)).execute(&mut *server).await {
            Err(error) if attempts_left > 0 && is_in_use(&error) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            done => return done.map(|_| ()),
        }
    }
    Ok(())
}

/// `object_in_use`: a connection that was ended, or came meanwhile, is still there.
fn is_in_use(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55006")
}

/// Drops the databases that `is_stale` tells by their names, as far as that goes.
pub(super) async fn sweep(url: &str, is_stale: fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
    let mut server = PgConnection::connect(url).await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database").fetch_all(&mut server).await?;
    for name in names.iter().filter(|name| is_stale(name)) {
        drop_with(&mut server, name).await?;
    }
    Ok(server.close().await?)
}
