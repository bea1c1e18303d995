//! What goes wrong during a run: processes are killed, frozen and started again, each target by a loop and a random
//! sequence of its own, so that faults of different targets overlap.

use std::sync::Arc;
use std::time::Duration;

use provesi_testkit::servers::OwnServer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use super::process::ServerProcess;
use super::report::Figures;
use super::workload::Recorder;

/// The database servers of the pair, which rounds share.
#[derive(Debug)]
pub struct Databases {
    /// The store of orders.
    pub postgres: OwnServer,
    /// The store of clients.
    pub mongodb: OwnServer,
}

/// How long the calm between two faults and the faults are, in milliseconds.
#[derive(Clone, Debug)]
pub struct NemesisOptions {
    /// Between two faults of the server.
    pub server_calm: (u64, u64),
    /// Between two faults of one database.
    pub database_calm: (u64, u64),
    /// How long a process is frozen.
    pub freeze: (u64, u64),
    /// How many of 100 faults of the server are freezes.
    pub server_freezes: u32,
}

impl Default for NemesisOptions {
    fn default() -> Self {
        Self { server_calm: (200, 1500), database_calm: (2000, 7000), freeze: (500, 5000), server_freezes: 8 }
    }
}

pub(super) struct Nemesis {
    pub(super) options: NemesisOptions,
    pub(super) recorder: Arc<Recorder>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Nemesis {
    /// Waits for a random time; false once the run is over.
    async fn calm(&self, rng: &mut StdRng, range: (u64, u64)) -> bool {
        let mut stop = self.stop.clone();
        let pause = tokio::time::sleep(millis(rng, range));
        tokio::select! {
            () = pause => true,
            _ = stop.wait_for(|stop| *stop) => false,
        }
    }

    /// Kills and freezes the server until the run is over; it runs then.
    pub(super) async fn torment_server(&self, seed: u64, server: &mut ServerProcess) -> Figures {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut figures = Figures::default();
        while self.calm(&mut rng, self.options.server_calm).await {
            let freezes = rng.random_range(0..100) < self.options.server_freezes;
            let kills = !freezes || rng.random_bool(0.3);
            let begin = self.recorder.now();
            self.recorder.log(if freezes { "freeze server" } else { "kill server" });
            if freezes {
                server.freeze(true).await;
                tokio::time::sleep(millis(&mut rng, self.options.freeze)).await;
                figures.server_freezes += 1;
            }
            // A frozen process can be killed, too.
            if kills {
                server.kill().await;
                server.start().await;
                figures.kills += 1;
            } else {
                server.freeze(false).await;
            }
            self.recorder.fault(if kills { "kill server" } else { "freeze server" }, begin);
        }
        figures
    }

    /// Crashes, stops and freezes a database until the run is over; it runs then.
    pub(super) async fn torment_database(&self, seed: u64, name: &str, database: &OwnServer) -> Figures {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut figures = Figures::default();
        while self.calm(&mut rng, self.options.database_calm).await {
            let begin = self.recorder.now();
            self.recorder.log(&format!("fault of {name}"));
            let what = match rng.random_range(0..10) {
                0..7 => {
                    let frozen = database.freeze().await;
                    tokio::time::sleep(millis(&mut rng, self.options.freeze)).await;
                    frozen.thaw().await;
                    figures.database_freezes += 1;
                    "freeze"
                }
                fault => {
                    let crashes = fault < 9;
                    if crashes {
                        database.crash().await
                    } else {
                        database.stop().await
                    }
                    tokio::time::sleep(millis(&mut rng, (0, 1500))).await;
                    database.start().await;
                    figures.database_restarts += 1;
                    if crashes { "crash" } else { "restart" }
                }
            };
            self.recorder.fault(&format!("{what} {name}"), begin);
        }
        figures
    }
}

fn millis(rng: &mut StdRng, (from, until): (u64, u64)) -> Duration {
    Duration::from_millis(rng.random_range(from..=until))
}
