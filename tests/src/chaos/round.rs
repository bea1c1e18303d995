//! One round: an empty place, clients and faults for some time, then the check of what is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use provesi_testkit::servers::TestDatabase;
use tempfile::TempDir;
use tokio::sync::watch;

use super::check::{Violation, check};
use super::history::History;
use super::nemesis::{Databases, Nemesis, NemesisOptions};
use super::process::ServerProcess;
use super::report::{Figures, save, summary};
use super::survey;
use super::workload::{Recorder, Workload};

/// How long one step around the calls may take: far longer than any does, so that a step that hangs ends the run and
/// names itself.
const STEP: Duration = Duration::from_secs(300);

/// How a round runs.
#[derive(Clone, Debug)]
pub struct RoundOptions {
    /// Of all random choices. What the scheduler does is not among them.
    pub seed: u64,
    /// How long clients call.
    pub time: Duration,
    /// How many clients call concurrently.
    pub clients: u64,
    /// What goes wrong; `None` for a quiet round.
    pub nemesis: Option<NemesisOptions>,
    /// Where the clients send their calls instead of to the server, given its address: a proxy, say.
    pub through: Option<fn(std::net::SocketAddr) -> std::net::SocketAddr>,
    /// Prints every fault on stderr.
    pub verbose: bool,
}

impl RoundOptions {
    /// 32 clients for this long.
    #[must_use]
    pub fn new(seed: u64, time: Duration) -> Self {
        Self { seed, time, clients: 32, nemesis: Some(NemesisOptions::default()), through: None, verbose: false }
    }
}

/// The stores of a round.
#[derive(Clone, Copy, Debug)]
pub enum Stores<'a> {
    /// Clients and orders in one SQLite file.
    OneFile,
    /// Orders in PostgreSQL, clients in MongoDB.
    Pair(&'a Databases),
}

/// A round whose clients are done and whose processes all run.
#[derive(Debug)]
pub struct Round {
    history: History,
    figures: Figures,
    server: ServerProcess,
    started: Instant,
    /// The file, with one file.
    pub file: Option<PathBuf>,
    _folder: TempDir,
    _databases: Vec<TestDatabase>,
}

impl Round {
    /// Runs clients and faults.
    ///
    /// # Panics
    /// Where a process does not start.
    pub async fn run(binary: &std::path::Path, stores: Stores<'_>, options: &RoundOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (arrangement, file, databases) = match stores {
            Stores::OneFile => ("sqlite", Some(folder.path().join("provesi.db")), Vec::new()),
            Stores::Pair(pair) => {
                let databases = async { vec![pair.mongodb.database().await, pair.postgres.database().await] };
                ("pair", None, step("create the databases", STEP, databases).await)
            }
        };
        let [clients, orders] = match (&file, &databases[..]) {
            (Some(file), _) => [(); 2].map(|()| format!("sqlite:{}", file.display())),
            (None, databases) => [0, 1].map(|at| databases[at].url().to_owned()),
        };
        let mut server = ServerProcess::new(binary, &clients, &orders, folder.path().join("server.log"));
        step("migrate", STEP, server.migrate()).await;
        step("start the server", STEP, server.start()).await;

        let started = Instant::now();
        let recorder = Arc::new(Recorder::new(options.verbose));
        let (stop, stopped) = watch::channel(false);
        let address = options.through.map_or(server.address, |through| through(server.address));
        let workload = Workload::start(address, &server.client, options, &recorder, &stopped);
        let mut figures = Figures::default();
        if let Some(nemesis) = options.nemesis.clone() {
            let nemesis = Nemesis { options: nemesis, recorder: Arc::clone(&recorder), stop: stopped };
            let databases = async {
                let Stores::Pair(pair) = stores else { return [Figures::default(), Figures::default()] };
                let (postgres, mongodb) = tokio::join!(
                    nemesis.torment_database(options.seed ^ 1 << 62, "PostgreSQL", &pair.postgres),
                    nemesis.torment_database(options.seed ^ 1 << 61, "MongoDB", &pair.mongodb),
                );
                [postgres, mongodb]
            };
            let clock = async {
                tokio::time::sleep(options.time).await;
                let _ = stop.send(true);
            };
            let faults =
                async { tokio::join!(clock, databases, nemesis.torment_server(options.seed ^ 1 << 63, &mut server)) };
            let ((), [postgres, mongodb], own) = step("end the faults", options.time + STEP, faults).await;
            for part in [postgres, mongodb, own] {
                figures += &part;
            }
        } else {
            tokio::time::sleep(options.time).await;
            let _ = stop.send(true);
        }
        recorder.log("all faults are over");
        step("end the calls", STEP, workload.join()).await;
        recorder.log("the clients are done");
        survey::wait_until_healthy(&server).await;
        recorder.log("the server is healthy");
        let mut history = recorder.take();
        (history.seed, history.arrangement) = (options.seed, arrangement.to_owned());
        Self { history, figures, server, started, file, _folder: folder, _databases: databases }
    }

    /// What the clients recorded so far.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Restarts the server once more, reads everything, and checks it. A history with violations is saved and reported.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn finish(mut self) -> (Figures, Vec<Violation>) {
        self.server.kill().await;
        self.server.start().await;
        survey::wait_until_healthy(&self.server).await;
        self.history.end = step("read everything", STEP, survey::read(&self.server, &self.history)).await;
        let violations = check(&self.history);
        self.figures.count(&self.history);
        self.figures.time = self.started.elapsed();
        self.figures.violations = violations.len() as u64;
        if !violations.is_empty() {
            let (seed, path) = (self.history.seed, save(&self.history));
            println!("seed {seed}, history in {}\n{}", path.display(), summary(&violations));
            println!("the end of the server's log:\n{}", self.server.log_end());
        }
        (self.figures, violations)
    }
}

/// The outcome of a step.
///
/// # Panics
/// If it takes longer than `limit`.
async fn step<T>(name: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("{name}: not done after {limit:?}"))
}
