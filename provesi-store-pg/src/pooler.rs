//! Recognizes a connection pooler between us and PostgreSQL, and which of its modes is safe.
//!
//! A pooler in transaction or statement mode gives the statements of one connection to different servers. Prepared
//! statements, session settings and advisory locks then end up on the wrong one, and rows come back for another query.
//! `docs/decisions/0014-poolers-in-session-mode-only.md` says why this is refused and not worked around.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use provesi_core::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::error::{connect_error, store_error};

/// A setting of our own, which connections ask for when they start. A server has it afterwards. A pooler does not hand it
/// on: it shares servers among clients, whose settings differ.
pub(crate) const MARKER: (&str, &str) = ("provesi.direct", "1");

const READ_MARKER: &str = "SELECT coalesce(current_setting('provesi.direct', true), '')";

const BACKEND: &str = "SELECT pg_backend_pid()";

/// In one exchange, since each costs a round trip.
const BEGIN: &str = "BEGIN; SELECT pg_backend_pid()";

const SET: &str = "SELECT set_config($1, $2, false)";

/// How often the servers of two connections are compared. One comparison is enough when a pooler is idle; when others use
/// it, the first connection may get its former server again, because the others hold the rest.
const FIRST_COMPARISONS: u32 = 24;

/// Likewise once a pooler in session mode was seen.
const COMPARISONS: u32 = 8;

/// The longest pause between two comparisons. Without pauses, connections that start together compare in step, and each keeps
/// finding the one server that the others leave.
const MAX_PAUSE_MS: u64 = 2;

/// How long the second connection may wait for a server.
const WAIT: Duration = Duration::from_millis(700);

const REFUSAL: &str = "a connection pooler in transaction or statement mode is between this process and PostgreSQL; set \
    its mode to session (PgBouncer: pool_mode = session), or connect to PostgreSQL directly";

const UNKNOWN: &str = "a connection pooler has no second server for a look at its mode; its pool_size is too small";

/// What the connections of a store learned about a pooler.
#[derive(Debug, Default)]
pub(crate) struct Pooler {
    /// Whether one in session mode was seen: a busy one is then believed to be still in it.
    keeps_sessions: AtomicBool,
}

impl Pooler {
    /// Checks a new connection, and gives its session the settings that a pooler has dropped.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] behind a pooler that shares servers between transactions.
    pub(crate) async fn admit(
        &self,
        connection: &mut PgConnection,
        options: &PgConnectOptions,
    ) -> Result<(), StoreError> {
        let marker = text(connection, READ_MARKER).await.map_err(store_error)?;
        if marker != MARKER.1 {
            if !self.keeps_sessions(connection, options).await? {
                return Err(StoreError::backend(REFUSAL));
            }
            self.keeps_sessions.store(true, Ordering::Relaxed);
            for (name, value) in settings(options.get_options().unwrap_or_default()) {
                sqlx::query(SET).bind(name).bind(value).execute(&mut *connection).await.map_err(store_error)?;
            }
        }
        // Prepared, so that this connection has a prepared statement, by which `PgStore::lease` knows it again.
        sqlx::query("SELECT 1").execute(connection).await.map_err(store_error)?;
        Ok(())
    }

    /// Whether the connection keeps its server while another one is in a transaction.
    async fn keeps_sessions(
        &self,
        connection: &mut PgConnection,
        options: &PgConnectOptions,
    ) -> Result<bool, StoreError> {
        let Ok(other) = timeout(WAIT, PgConnection::connect_with(options)).await else {
            return self.last_known();
        };
        let mut other = other.map_err(connect_error)?;
        let backend = text(connection, BACKEND).await.map_err(store_error)?;
        let comparisons = if self.keeps_sessions.load(Ordering::Relaxed) { COMPARISONS } else { FIRST_COMPARISONS };
        for _ in 0..comparisons {
            let others = match timeout(WAIT, text(&mut other, BEGIN)).await {
                Ok(Ok(backend)) => backend,
                // In statement mode, no transaction is allowed.
                Ok(Err(sqlx::Error::Database(_))) => return Ok(false),
                Ok(Err(error)) => return Err(store_error(error)),
                Err(_) => return self.last_known(),
            };
            // Without an answer, the other transaction has the only server, or the server is slow.
            let Ok(now) = timeout(WAIT, text(connection, BACKEND)).await else { return self.last_known() };
            if others == backend || now.map_err(store_error)? != backend {
                return Ok(false);
            }
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.map_err(store_error)?;
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..=MAX_PAUSE_MS))).await;
        }
        Ok(true)
    }

    fn last_known(&self) -> Result<bool, StoreError> {
        if self.keeps_sessions.load(Ordering::Relaxed) { Ok(true) } else { Err(StoreError::unavailable(UNKNOWN)) }
    }
}

/// The only value of a statement without parameters, by the simple protocol: one exchange, which is safe in every mode.
async fn text(connection: &mut PgConnection, statement: &'static str) -> Result<String, sqlx::Error> {
    sqlx::raw_sql(statement).fetch_one(connection).await?.try_get_unchecked(0)
}

/// The settings of start-up options as sqlx writes them: `-c name=value`, with blanks and backslashes escaped.
fn settings(options: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut chars = options.chars();
    while let Some(c) = chars.next() {
        match (c, words.last_mut()) {
            ('\\', Some(word)) => word.extend(chars.next()),
            (' ', _) => words.push(String::new()),
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    let named = words.iter().filter_map(|word| word.split_once('='));
    named.map(|(name, value)| (name.trim_start_matches("-c").to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_driver_writes_them() {
        let options = PgConnectOptions::new().options([("a", "1"), ("search_path", r"x, y\z")]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings(options.get_options().unwrap()), [pair("a", "1"), pair("search_path", r"x, y\z")]);
        assert_eq!(settings("-ca=1 -c b=2"), [pair("a", "1"), pair("b", "2")]);
        assert_eq!(settings(""), []);
    }
}
