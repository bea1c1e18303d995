//! The two database servers, with durable settings.

use provesi_testkit::servers::{OwnServer, OwnServerBuilder, TestDatabase, Way};

/// Both servers, and a database on each; gone when dropped.
pub(crate) struct Pair {
    orders: TestDatabase,
    clients: TestDatabase,
    // After the databases on them.
    _servers: [OwnServer; 2],
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let postgres = start("POSTGRES", OwnServer::postgres().durable()).await;
        let mongodb = start("MONGODB", OwnServer::mongodb().durable()).await;
        println!("{} and {}", postgres.origin(), mongodb.origin());
        Self { orders: postgres.database().await, clients: mongodb.database().await, _servers: [postgres, mongodb] }
    }

    pub(crate) fn orders(&self) -> &str {
        self.orders.url()
    }

    pub(crate) fn clients(&self) -> &str {
        self.clients.url()
    }
}

/// As programs of this machine rather than in containers: an engine's proxy would copy every byte, and their time on the
/// processors can be told. `PROVESI_TEST_…_WAY` says otherwise.
async fn start(kind: &str, builder: OwnServerBuilder) -> OwnServer {
    if std::env::var_os(format!("PROVESI_TEST_{kind}_WAY")).is_none() {
        for way in [Way::Local, Way::Pypi] {
            if let Ok(server) = builder.way(way).try_start().await {
                return server;
            }
        }
    }
    builder.start().await
}
