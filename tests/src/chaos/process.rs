//! The server's process: started, killed, frozen and started again on one port and one place.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

/// How long the server may take until it answers, with its databases running.
const READY: Duration = Duration::from_secs(60);

/// The server of a round.
#[derive(Debug)]
pub(super) struct ServerProcess {
    binary: PathBuf,
    clients: String,
    orders: String,
    log: PathBuf,
    pub(super) address: SocketAddr,
    child: Option<Child>,
    /// One for all calls of a round: building it reads the certificates of the system.
    pub(super) client: reqwest::Client,
}

/// The header that carries the call into the events.
pub(super) const CALL_HEADER: &str = "x-chaos-call";

impl ServerProcess {
    pub(super) fn new(binary: &Path, clients: &str, orders: &str, log: PathBuf) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self {
            binary: binary.to_owned(),
            clients: clients.to_owned(),
            orders: orders.to_owned(),
            log,
            address,
            child: None,
            client: http_client(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("PROVESI_CLIENTS_URL", &self.clients).env("PROVESI_ORDERS_URL", &self.orders);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    pub(super) async fn migrate(&self) {
        let output =
            self.command().arg("migrate").stderr(Stdio::piped()).output().await.expect("the server's binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = self.command();
        command
            .args(["serve", "--log", "warn", "--user-header", CALL_HEADER, "--listen"])
            .arg(self.address.to_string());
        command.stderr(log).spawn()
    }

    /// Starts the server and waits until it answers, whatever it answers. A server that ends because a database is
    /// down is started again.
    pub(super) async fn start(&mut self) {
        let started = Instant::now();
        let url = format!("http://{}/api/orders/health/status", self.address);
        loop {
            let ended = match &mut self.child {
                Some(child) => child.try_wait().expect("the process can be looked at").is_some(),
                None => true,
            };
            if ended {
                self.child = Some(self.spawn().expect("the server's binary runs"));
            }
            if self.client.get(&url).timeout(Duration::from_secs(3)).send().await.is_ok() {
                return;
            }
            assert!(started.elapsed() < READY, "the server does not answer; its log: {}", self.log_end());
            tokio::time::sleep(Duration::from_millis(if ended { 20 } else { 5 })).await;
        }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("the process can be killed");
        }
    }

    /// SIGSTOP or SIGCONT.
    pub(super) async fn freeze(&self, frozen: bool) {
        if let Some(id) = self.child.as_ref().and_then(Child::id) {
            let signal = if frozen { "-STOP" } else { "-CONT" };
            let status = Command::new("kill").args([signal, &id.to_string()]).status().await;
            assert!(status.is_ok_and(|status| status.success()), "the process takes signals");
        }
    }

    pub(super) fn log_end(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned()
    }
}

fn http_client() -> reqwest::Client {
    // Where several crates of a build bring cryptography, rustls must be told which to use; the first to do so wins.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A port below those that the system gives to outgoing connections, so that it is still free after a kill.
fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..15_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
