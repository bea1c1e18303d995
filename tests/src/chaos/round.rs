//! One round: an empty place, clients and faults for some time, then the check of what is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use provesi_testkit::servers::TestDatabase;
use tempfile::TempDir;
use tokio::sync::watch;

use super::check::{Violation, check};
use super::elsewhere::Elsewhere;
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
    /// How many processes of the server share the stores.
    pub servers: usize,
    /// How many clients call concurrently, each of them one process.
    pub clients: u64,
    /// Whether another program writes orders, too.
    pub elsewhere: bool,
    /// What goes wrong; `None` for a quiet round.
    pub nemesis: Option<NemesisOptions>,
    /// Where the clients send their calls instead of to a server, given its address: a proxy, say.
    pub through: Option<fn(std::net::SocketAddr) -> std::net::SocketAddr>,
    /// Prints every fault on stderr.
    pub verbose: bool,
}

impl RoundOptions {
    /// 64 clients of two processes, and another program, for this long.
    #[must_use]
    pub fn new(seed: u64, time: Duration) -> Self {
        let nemesis = Some(NemesisOptions::default());
        Self { seed, time, servers: 2, clients: 64, elsewhere: true, nemesis, through: None, verbose: false }
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
    servers: Vec<ServerProcess>,
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
        let log = |number: usize| folder.path().join(format!("server-{number}.log"));
        let mut servers: Vec<_> =
            (0..options.servers).map(|number| ServerProcess::new(binary, &clients, &orders, log(number))).collect();
        step("migrate", STEP, servers[0].migrate()).await;
        step("start the servers", STEP, join_all(servers.iter_mut().map(ServerProcess::start))).await;

        let started = Instant::now();
        let recorder = Arc::new(Recorder::new(options.verbose));
        let (stop, stopped) = watch::channel(false);
        let address =
            |server: &ServerProcess| options.through.map_or(server.address, |through| through(server.address));
        let addresses: Vec<_> = servers.iter().map(address).collect();
        let workload = Workload::start(&addresses, &servers[0].client, options, &recorder, &stopped);
        let elsewhere = options.elsewhere.then(|| {
            let elsewhere = Elsewhere { url: orders, recorder: Arc::clone(&recorder), stop: stopped.clone() };
            tokio::spawn(elsewhere.run(options.seed ^ 1 << 60, workload.numbers()))
        });
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
            let own =
                (1 << 63..).zip(&mut servers).map(|(bit, server)| nemesis.torment_server(options.seed ^ bit, server));
            let faults = async { tokio::join!(clock, databases, join_all(own)) };
            let ((), databases, own) = step("end the faults", options.time + STEP, faults).await;
            for part in own.iter().chain(&databases) {
                figures += part;
            }
        } else {
            tokio::time::sleep(options.time).await;
            let _ = stop.send(true);
        }
        recorder.log("all faults are over");
        step("end the calls", STEP, workload.join()).await;
        if let Some(elsewhere) = elsewhere {
            step("end the other program", STEP, elsewhere).await.expect("it does not panic");
        }
        recorder.log("the clients are done");
        join_all(servers.iter().map(survey::wait_until_healthy)).await;
        recorder.log("the servers are healthy");
        let mut history = recorder.take();
        (history.seed, history.arrangement) = (options.seed, arrangement.to_owned());
        Self { history, figures, servers, started, file, _folder: folder, _databases: databases }
    }

    /// What the clients recorded so far.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Restarts the servers once more, reads everything, and checks it. A history with violations is saved and reported.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn finish(mut self) -> (Figures, Vec<Violation>) {
        for server in &mut self.servers {
            server.kill().await;
        }
        for server in &mut self.servers {
            server.start().await;
        }
        let server = &self.servers[0];
        survey::wait_until_healthy(server).await;
        self.history.end = step("read everything", STEP, survey::read(server, &self.history)).await;
        let violations = check(&self.history);
        self.figures.count(&self.history);
        self.figures.time = self.started.elapsed();
        self.figures.violations = violations.len() as u64;
        if !violations.is_empty() {
            let (seed, path) = (self.history.seed, save(&self.history));
            println!("seed {seed}, history in {}\n{}", path.display(), summary(&violations));
            for server in &self.servers {
                println!("the end of a server's log:\n{}", server.log_end());
            }
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
