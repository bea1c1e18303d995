//! Where a server under test keeps its records.

use provesi_testkit::servers::{self, OwnServer, TestDatabase};
use tempfile::TempDir;

/// Where a server keeps clients and orders. Gone when this is dropped.
pub(crate) struct Place {
    pub(crate) clients: String,
    pub(crate) orders: String,
    /// Further variables of the program.
    pub(crate) variables: Vec<(&'static str, String)>,
    _folder: Option<TempDir>,
    _databases: Vec<TestDatabase>,
}

impl Place {
    /// One file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("provesi.db").display());
        let (clients, _databases) = (url.clone(), Vec::new());
        Self { clients, orders: url, variables: Vec::new(), _folder: Some(folder), _databases }
    }

    /// This place, with further variables of the program.
    pub(crate) fn with_variables(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// Orders in PostgreSQL, clients in MongoDB, both empty.
    pub(crate) async fn pair() -> Self {
        let (orders, clients) = (servers::postgres().await, servers::mongodb().await);
        Self::of(orders, clients)
    }

    /// As [`pair`](Self::pair), on servers that the test has for itself.
    pub(crate) async fn own_pair(postgres: &OwnServer, mongodb: &OwnServer) -> Self {
        Self::of(postgres.database().await, mongodb.database().await)
    }

    /// Somewhere that leads to these databases.
    pub(crate) fn behind(clients: &str, orders: &str, databases: Vec<TestDatabase>) -> Self {
        let (clients, orders) = (clients.to_owned(), orders.to_owned());
        Self { clients, orders, variables: Vec::new(), _folder: None, _databases: databases }
    }

    fn of(orders: TestDatabase, clients: TestDatabase) -> Self {
        let (to_clients, to_orders) = (clients.url().to_owned(), orders.url().to_owned());
        Self::behind(&to_clients, &to_orders, vec![orders, clients])
    }
}

/// Makes two tests of each case: over one file, and over the two servers.
macro_rules! on_every_arrangement {
    ($($case:ident),+ $(,)?) => {
        mod one_file {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    if provesi_testkit::servers::wanted("sqlite") {
                        super::$case($crate::place::Place::sqlite().await).await;
                    }
                }
            )+
        }

        mod two_servers {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    use provesi_testkit::servers::wanted;
                    if wanted("postgres") && wanted("mongodb") {
                        super::$case($crate::place::Place::pair().await).await;
                    }
                }
            )+
        }
    };
}

pub(crate) use on_every_arrangement;
