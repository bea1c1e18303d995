//! A database for one test, and what tests that run at the same time share.

use std::sync::{Arc, Weak};

use provesi_testkit::servers;
use tokio::sync::Mutex;

pub(crate) use provesi_testkit::servers::TestDatabase as Database;

/// An empty database on the server of this test program; none where PostgreSQL is left out by name.
pub(crate) async fn database() -> Option<Database> {
    if servers::wanted("postgres") { Some(servers::postgres().await) } else { None }
}

/// A thing that is kept as long as some test has it. What a `static` holds for good is never dropped, and a database
/// would stay on a server that was given by URL.
pub(crate) struct Kept<T>(Mutex<Weak<T>>);

impl<T> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    /// The thing, made where no test has it.
    pub(crate) async fn get(&self, make: impl AsyncFnOnce() -> Option<T>) -> Option<Arc<T>> {
        let mut kept = self.0.lock().await;
        if let Some(thing) = kept.upgrade() {
            return Some(thing);
        }
        let thing = Arc::new(make().await?);
        *kept = Arc::downgrade(&thing);
        Some(thing)
    }
}
