//! A database of a test's own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::background;
use super::server::Server;
use super::url::with_database;
use super::{Kind, Way, mongodb, postgres};

const PREFIX: &str = "provesi_test_";
/// A database of ours that is older than this belongs to a run that was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a drop may take before the test goes on without it.
const DROP_TIMEOUT: Duration = Duration::from_secs(20);

/// An empty database, dropped with this value.
///
/// Keep it until the test is done: a pool or client does not keep it. Connections that are still open are ended.
pub struct TestDatabase {
    server: Arc<Server>,
    name: String,
    url: String,
}

impl TestDatabase {
    pub(super) async fn on(server: Arc<Server>) -> Result<Self, String> {
        let name = new_name();
        if server.kind() == Kind::Postgres {
            let (url, name) = (server.url().to_owned(), name.clone());
            let made = background::run(async move { postgres::create(&url, &name).await }).await;
            made.map_err(|error| format!("no database on {}: {error}", server.origin()))?;
        }
        let url = with_database(server.kind(), server.url(), &name);
        Ok(Self { server, name, url })
    }

    /// Where it is: user, password, host, port and the name of the database, as drivers take it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database, which no other test has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its server comes from.
    #[must_use]
    pub fn way(&self) -> Way {
        self.server.way()
    }

    /// Where its server comes from, in words, without any password.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.server.origin()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.server.is_stopped() {
            // Its data go when the server goes, unless it is started again; then there is one database more on it.
            return;
        }
        let (kind, url, name) = (self.server.kind(), self.server.url().to_owned(), self.name.clone());
        let dropped = background::block(async move {
            let drop = async {
                match kind {
                    Kind::Postgres => postgres::drop(&url, &name).await.map_err(|error| error.to_string()),
                    Kind::MongoDb => mongodb::drop(&url, &name).await.map_err(|error| error.to_string()),
                }
            };
            let late = |_| Err(format!("not within {} s", DROP_TIMEOUT.as_secs()));
            tokio::time::timeout(DROP_TIMEOUT, drop).await.unwrap_or_else(late)
        });
        if let Some(Err(error)) = dropped {
            background::say(&format!("the database {} stays: {error}", self.name));
        }
    }
}

/// Without the URL, which has the password.
impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDatabase").field("name", &self.name).field("origin", &self.origin()).finish_non_exhaustive()
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The second in which it was made, so that a later run knows its age, and a number that tells runs apart.
fn new_name() -> String {
    format!("{PREFIX}{}_{:016x}", seconds(), rand::random::<u64>())
}

/// Whether a database of this name was left by a run that was killed.
pub(super) fn is_stale(name: &str) -> bool {
    let made = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()).and_then(|made| made.parse().ok());
    made.is_some_and(|made: u64| made.saturating_add(STALE.as_secs()) < seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_databases_of_ours_are_stale() {
        assert!(is_stale("provesi_test_1000000000_00ff"));
        assert!(!is_stale(&new_name()));
        assert!(!is_stale("provesi_1000000000_00ff"));
        assert!(!is_stale("provesi_test_orders"));
    }
}
