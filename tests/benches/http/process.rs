//! The processes under measurement.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// As many readers as the server has by default.
const READERS: &str = "4";

/// A server process, ended when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until it had answered.
    pub(crate) first_answer: Duration,
}

impl Running {
    fn start(mut command: Command, probe: &str) -> Self {
        let start = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let address = lines
            .find_map(|line| {
                let line = line.expect("its output is text");
                line.split("http://").nth(1)?.trim().trim_end_matches('/').parse().ok()
            })
            .expect("it says where it listens");
        // Whoever stops reading gets the server a closed pipe at its next line.
        std::thread::spawn(move || lines.for_each(drop));
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {probe} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Self { child, address, first_answer: start.elapsed() }
    }

    /// The bare handler of this benchmark, in a process of its own.
    pub(crate) fn bare(file: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("bare").arg(file).arg(READERS);
        Self::start(command, "/ready")
    }

    /// Resident memory now.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most resident memory so far.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux has /proc");
        let line = status.lines().find(|line| line.starts_with(key)).expect("the kernel says it");
        let kib: f64 = line.split_whitespace().nth(1).expect("with a number").parse().expect("a number");
        kib / 1024.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server over this file.
pub(crate) fn server(file: &Path) -> Running {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--clients"]).arg(url(file));
    command.arg("--orders").arg(url(file));
    Running::start(command, "/api/health")
}

/// A file of 100,000 clients and 1,000,000 orders, made once.
pub(crate) fn million_orders() -> PathBuf {
    let file = bench_dir().join("million.db");
    if !file.exists() {
        let made = file.with_extension("new.db");
        let _ = fs::remove_file(&made);
        let start = Instant::now();
        let status = Command::new(binary())
            .args(["seed", "--clients", "100000", "--orders", "1000000"])
            .env("PROVESI_CLIENTS_URL", url(&made))
            .env("PROVESI_ORDERS_URL", url(&made))
            .status()
            .expect("the server's seed runs");
        assert!(status.success(), "seeding failed");
        println!("seed of 100,000 clients and 1,000,000 orders: {:.1} s", start.elapsed().as_secs_f64());
        fs::rename(&made, &file).expect("the file can be moved");
    }
    file
}

/// Where the benchmark keeps its files.
pub(crate) fn bench_dir() -> PathBuf {
    let target = binary().ancestors().nth(2).expect("binaries lie in target/release").join("bench");
    fs::create_dir_all(&target).expect("the target folder can be written");
    target
}

fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

fn binary() -> PathBuf {
    provesi_tests::server_binary(true)
}
