//! Another program that writes orders beside the servers, as the Python system does with `QuerySet.update`: one column, without a
//! new `updated_at`, and without an event.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::sync::watch;

use super::history::WriteElsewhere;
use super::workload::Recorder;

/// How long a statement may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The other program.
pub(super) struct Elsewhere {
    /// The store of orders.
    pub(super) url: String,
    pub(super) recorder: Arc<Recorder>,
    pub(super) stop: watch::Receiver<bool>,
}

enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    async fn connect(url: &str) -> sqlx::Result<Self> {
        if url.starts_with("sqlite:") {
            return SqliteConnection::connect(url).await.map(Self::Sqlite);
        }
        PgConnection::connect(url).await.map(Self::Postgres)
    }

    /// Replaces the reason of a return, and tells its id.
    async fn replace_reason(&mut self, number: &str, reason: &str) -> sqlx::Result<Option<i64>> {
        match self {
            Self::Postgres(connection) => {
                let update = "UPDATE orders_order SET return_reason = $1 \
                              WHERE lower(order_number) = lower($2) AND status = 'returned' RETURNING id";
                sqlx::query_scalar(update).bind(reason).bind(number).fetch_optional(connection).await
            }
            Self::Sqlite(connection) => {
                let update = "UPDATE orders SET return_reason = ? \
                              WHERE order_number = ? COLLATE NOCASE AND status = 'returned' RETURNING id";
                sqlx::query_scalar(update).bind(reason).bind(number).fetch_optional(connection).await
            }
        }
    }
}

impl Elsewhere {
    /// Writes until the run is over.
    pub(super) async fn run(self, seed: u64, numbers: impl Fn() -> Vec<String>) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut database = None;
        while !*self.stop.borrow() {
            tokio::time::sleep(Duration::from_millis(rng.random_range(5..40))).await;
            if database.is_none() {
                database = tokio::time::timeout(PATIENCE, Database::connect(&self.url)).await.ok().and_then(Result::ok);
            }
            let (Some(open), Some(number)) = (&mut database, numbers().choose(&mut rng).cloned()) else { continue };
            let reason = format!("elsewhere-{}", self.recorder.next_id());
            let invoked = self.recorder.now();
            let answer =
                tokio::time::timeout(PATIENCE, open.replace_reason(&number, &reason)).await.ok().and_then(Result::ok);
            let (order, is_answered) = (answer.flatten(), answer.is_some());
            if !is_answered {
                database = None;
            }
            let returned = self.recorder.now();
            self.recorder.add_elsewhere(WriteElsewhere { reason, invoked, returned, order, is_answered });
        }
    }
}
