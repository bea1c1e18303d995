//! A test process of its own, as `cargo test` starts one after the other: this binary again, with an environment of
//! its own, running one test that asks for a database and says what it got.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use provesi_testkit::servers::{self, Kind};

use crate::rows::{count, put};

const KIND: &str = "PROVESI_PROBE_KIND";
const HOLD: &str = "PROVESI_PROBE_HOLD";

#[tokio::test]
#[ignore = "is run by other tests, as a process of its own"]
async fn asks_for_a_database() {
    let Ok(kind) = std::env::var(KIND) else { return };
    let (kind, store) = if kind == "postgres" { (Kind::Postgres, "postgres") } else { (Kind::MongoDb, "mongodb") };
    if !servers::wanted(store) {
        return;
    }
    let database = match kind {
        Kind::Postgres => servers::postgres().await,
        Kind::MongoDb => servers::mongodb().await,
    };
    put(kind, database.url(), 1).await;
    assert_eq!(count(kind, database.url()).await, Ok(1));
    println!("\nprobe {} {}", database.name(), database.url());
    if std::env::var_os(HOLD).is_some() {
        std::thread::sleep(std::time::Duration::from_secs(300));
    }
}

/// What a probe got, and what it said on stderr.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) said: String,
}

#[derive(Debug)]
pub(crate) struct Probe {
    command: Command,
}

impl Probe {
    pub(crate) fn of(kind: Kind) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "probe::asks_for_a_database", "--ignored", "--nocapture"]);
        for variable in ["POSTGRES_URL", "MONGODB_URL", "POSTGRES_WAY", "MONGODB_WAY", "STORES"] {
            command.env_remove(format!("PROVESI_TEST_{variable}"));
        }
        command.env(KIND, if kind == Kind::Postgres { "postgres" } else { "mongodb" });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command }
    }

    /// Sets a variable for the kind, such as `WAY`, or one by its full name.
    pub(crate) fn env(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    pub(crate) fn url(self, url: &str) -> Self {
        self.env("PROVESI_TEST_POSTGRES_URL", url).env("PROVESI_TEST_MONGODB_URL", url)
    }

    pub(crate) fn way(self, way: &str) -> Self {
        self.env("PROVESI_TEST_POSTGRES_WAY", way).env("PROVESI_TEST_MONGODB_WAY", way)
    }

    pub(crate) fn start(mut self) -> Child {
        self.command.spawn().unwrap()
    }

    /// Runs it to its end, and expects that it got a database.
    pub(crate) fn run(self) -> Seen {
        let (succeeded, out, said) = self.end();
        assert!(succeeded, "{out}\n{said}");
        seen(&out, said)
    }

    /// Runs it to its end: whether it passed, its stdout and its stderr.
    pub(crate) fn end(self) -> (bool, String, String) {
        let output = self.start().wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Starts it, waits until it has its database, and lets it hold that.
    pub(crate) fn hold(self) -> (Child, Seen) {
        let mut process = self.env(HOLD, "1").start();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let Some(line) = lines.into_iter().find(|line| line.starts_with("probe ")) else {
            let mut said = String::new();
            process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no database: {said}");
        };
        (process, seen(&line, String::new()))
    }
}

fn seen(out: &str, said: String) -> Seen {
    let line = out.lines().find(|line| line.starts_with("probe ")).unwrap_or_else(|| panic!("{out}\n{said}"));
    let mut words = line.split(' ').skip(1).map(str::to_owned);
    Seen { name: words.next().unwrap(), url: words.next().unwrap(), said }
}
