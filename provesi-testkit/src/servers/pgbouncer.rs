//! `PgBouncer` between a test and its database.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::background::{self, say};
use super::folder::Folder;
use super::local::{clean, find_program, free_port};
use super::process::{Process, Program};
use super::url::{hosts, user, with_hosts};
use super::way::set;

/// Names servers, comma-separated, whose absence is a failure instead of a line in the log.
const REQUIRED: &str = "PROVESI_TEST_REQUIRED";
const PROGRAM: &str = "pgbouncer";
/// How long it may take to listen.
const READY: Duration = Duration::from_secs(20);

/// When `PgBouncer` gives a server to another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// When a client disconnects.
    Session,
    /// After each transaction.
    Transaction,
    /// After each statement.
    Statement,
}

impl PoolMode {
    /// The value of the setting `pool_mode`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// A `PgBouncer` of a test's own, which ends with this value.
#[derive(Debug)]
pub struct PgBouncer {
    url: String,
    _process: Process,
}

impl PgBouncer {
    /// Starts one in front of the database at `url`, with at most `pool_size` servers.
    ///
    /// `None` when the program is not on this machine: one line to stderr says so.
    ///
    /// # Panics
    /// When it does not start, or is missing although `PROVESI_TEST_REQUIRED` names it.
    pub async fn start(url: &str, mode: PoolMode, pool_size: u32) -> Option<Self> {
        let Some(program) = find_program(PROGRAM) else {
            let required = set(REQUIRED).is_some_and(|names| names.split(',').any(|name| name.trim() == PROGRAM));
            assert!(!required, "{REQUIRED} names {PROGRAM}, which is not on this machine: apt-get install {PROGRAM}");
            say("PgBouncer is left out: there is no `pgbouncer` on this machine (apt-get install pgbouncer)");
            return None;
        };
        let given = url.to_owned();
        let started = background::blocking(move || {
            let (port, folder) = (free_port(), Folder::new(PROGRAM)?);
            let user = folder.other_than_root()?;
            write_settings(&folder, &given, mode, pool_size, port)?;
            folder.give_to(user)?;
            let mut command = clean(program);
            command.arg(folder.path().join("pgbouncer.ini"));
            let mut process = Process::new(folder, Program { command, user, stop: "INT", crash: "KILL" });
            process.start()?;
            io::Result::Ok((process, port))
        });
        let (mut process, port) = started.await.unwrap_or_else(|error| panic!("PgBouncer does not start: {error}"));
        let address = format!("127.0.0.1:{port}");
        let start = Instant::now();
        while background::run(tokio::net::TcpStream::connect(address.clone())).await.is_err() {
            if let Some(why) = process.failure() {
                panic!("PgBouncer does not start: {why}");
            }
            assert!(start.elapsed() < READY, "PgBouncer does not listen within {} s", READY.as_secs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { url: with_hosts(url, &address), _process: process })
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for PoolMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn write_settings(folder: &Folder, url: &str, mode: PoolMode, pool_size: u32, port: u16) -> io::Result<()> {
    let server = hosts(url);
    let (host, server_port) = server.rsplit_once(':').unwrap_or((server, "5432"));
    let (name, password) = user(url);
    let users = folder.path().join("users.txt");
    fs::write(&users, format!("\"{name}\" \"{password}\"\n"))?;
    // Readable for the user that it runs as; the folder is that user's alone.
    fs::set_permissions(&users, Permissions::from_mode(0o644))?;
    let settings = format!(
        "[databases]\n* = host={host} port={server_port}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = trust\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = {pool_size}\n\
         max_client_conn = 500\nignore_startup_parameters = extra_float_digits,options\n",
        users.display()
    );
    fs::write(folder.path().join("pgbouncer.ini"), settings)
}
