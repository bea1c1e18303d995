//! The one server of each kind that all tests of a process share.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::watch;

use super::background::{self, say};
use super::server::{Options, Server};
use super::stores::wanted;
use super::{Kind, NoServer, TestDatabase};

type Started = Result<Arc<Server>, NoServer>;
type Slot = OnceLock<watch::Receiver<Option<Started>>>;

// Never dropped: the keeper of each ends it when the process has ended.
static POSTGRES: Slot = OnceLock::new();
static MONGODB: Slot = OnceLock::new();

async fn server(kind: Kind) -> Started {
    let slot = match kind {
        Kind::Postgres => &POSTGRES,
        Kind::MongoDb => &MONGODB,
    };
    let started = slot.get_or_init(|| {
        let (tell, hear) = watch::channel(None);
        // Apart from the test that came first: it may end, or be given up, before the server answers.
        background::start(async move {
            let start = Instant::now();
            let started = Server::start(kind, Options::default()).await.map(Arc::new);
            match &started {
                Ok(server) => say(&format!("{}, after {:.1} s", server.origin(), start.elapsed().as_secs_f32())),
                Err(error) => say(&format!("no {kind}: {}", error.reasons())),
            }
            tell.send_replace(Some(started));
        });
        hear
    });
    let mut started = started.clone();
    let server = started.wait_for(Option::is_some).await.expect("the start ends with a server or the reason why not");
    server.clone().expect("waited for")
}

pub(super) async fn database(kind: Kind) -> TestDatabase {
    let store = kind.store();
    assert!(wanted(store), "PROVESI_TEST_STORES leaves {store} out: ask `servers::wanted` before asking for a server");
    let server = server(kind).await.unwrap_or_else(|error| panic!("{error}"));
    TestDatabase::on(server).await.unwrap_or_else(|error| panic!("{error}"))
}
