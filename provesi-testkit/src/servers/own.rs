//! A server of a test's own, to be stopped and started while the test looks on.

use std::fmt;
use std::sync::Arc;

use super::background;
use super::server::{Options, Server};
use super::{Kind, NoServer, TestDatabase, Way};

/// A server that no other test uses, gone with this value and the databases on it.
///
/// Never one that was given by URL: such a server is not ours to stop.
pub struct OwnServer {
    server: Arc<Server>,
}

/// Without the URL, which has the password.
impl fmt::Debug for OwnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnServer").field("origin", &self.origin()).finish_non_exhaustive()
    }
}

/// How a server of a test's own is to be.
#[derive(Debug, Clone, Copy)]
pub struct OwnServerBuilder {
    kind: Kind,
    options: Options,
}

impl OwnServerBuilder {
    /// Takes this way, and no other where it does not work.
    #[must_use]
    pub fn way(mut self, way: Way) -> Self {
        self.options.way = Some(way);
        self
    }

    /// Lets what was committed outlive a power cut, as in production. By default it need not: that is faster.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.options.durable = true;
        self
    }

    /// Starts the server, and waits until it answers.
    ///
    /// # Errors
    /// Where no way leads to a server; the error says what to do.
    pub async fn try_start(self) -> Result<OwnServer, NoServer> {
        let server = background::run(Server::start(self.kind, self.options)).await?;
        Ok(OwnServer { server: Arc::new(server) })
    }

    /// Starts the server, and waits until it answers.
    ///
    /// # Panics
    /// Where no way leads to a server; the message says what to do.
    pub async fn start(self) -> OwnServer {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl OwnServer {
    /// A server of this kind, not started yet.
    #[must_use]
    pub fn of(kind: Kind) -> OwnServerBuilder {
        OwnServerBuilder { kind, options: Options { own: true, ..Options::default() } }
    }

    /// A PostgreSQL server, not started yet.
    #[must_use]
    pub fn postgres() -> OwnServerBuilder {
        Self::of(Kind::Postgres)
    }

    /// A MongoDB server, not started yet.
    #[must_use]
    pub fn mongodb() -> OwnServerBuilder {
        Self::of(Kind::MongoDb)
    }

    /// An empty database on it.
    ///
    /// # Panics
    /// Where the server is stopped or refuses.
    pub async fn database(&self) -> TestDatabase {
        TestDatabase::on(Arc::clone(&self.server)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Where the server comes from.
    #[must_use]
    pub fn way(&self) -> Way {
        self.server.way()
    }

    /// Where the server comes from, in words, without any password.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.server.origin()
    }

    /// Ends the server in good order, and its connections with it; the data stay.
    ///
    /// # Panics
    /// Where it cannot be stopped.
    pub async fn stop(&self) {
        self.end(true).await;
    }

    /// Ends the server as if it had crashed; what it holds on disk stays as it is.
    ///
    /// # Panics
    /// Where it cannot be stopped.
    pub async fn crash(&self) {
        self.end(false).await;
    }

    async fn end(&self, in_order: bool) {
        let server = Arc::clone(&self.server);
        let stopped = background::run(async move { server.stop(in_order).await }).await;
        stopped.unwrap_or_else(|error| panic!("{} does not stop: {error}", self.origin()));
    }

    /// Lets the server stand still, as if it hung: its connections stay open and nothing is answered, until it is thawed.
    ///
    /// # Panics
    /// Where it cannot be frozen.
    pub async fn freeze(&self) -> Frozen {
        let server = Arc::clone(&self.server);
        let frozen = background::run(async move { server.freeze(true).await }).await;
        frozen.unwrap_or_else(|error| panic!("{} does not freeze: {error}", self.origin()));
        Frozen { server: Some(Arc::clone(&self.server)) }
    }

    /// Starts the server again after a stop or a crash, on the same port and data, and waits until it answers.
    ///
    /// # Panics
    /// Where it does not answer within a minute.
    pub async fn start(&self) {
        let server = Arc::clone(&self.server);
        let started = background::run(async move { server.start_again().await }).await;
        started.unwrap_or_else(|error| panic!("{} does not start again: {error}", self.origin()));
    }
}

/// A server that stands still until this is thawed or dropped.
#[must_use = "it is thawed when this is dropped"]
pub struct Frozen {
    server: Option<Arc<Server>>,
}

impl Frozen {
    /// Lets the server go on where it stood.
    ///
    /// # Panics
    /// Where it cannot.
    pub async fn thaw(mut self) {
        if let Some(server) = self.server.take() {
            let thawed = background::run(async move { server.freeze(false).await }).await;
            thawed.unwrap_or_else(|error| panic!("a server does not thaw: {error}"));
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let thawed = background::block(async move { server.freeze(false).await });
            if let Some(Err(error)) = thawed {
                background::say(&format!("a server does not thaw: {error}"));
            }
        }
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen").finish_non_exhaustive()
    }
}
