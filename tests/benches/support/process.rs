//! The processes under measurement.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server process, ended when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until it had answered.
    pub(crate) first_answer: Duration,
}

impl Running {
    /// The server over these stores.
    pub(crate) fn server(clients: &str, orders: &str) -> Self {
        Self::server_with(clients, orders, |_| {})
    }

    /// The same, with further arguments and variables.
    pub(crate) fn server_with(clients: &str, orders: &str, set: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(provesi_tests::server_binary(true));
        command.args(["serve", "--create", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.args(["--clients", clients, "--orders", orders]);
        set(&mut command);
        Self::start(command, "/api/health")
    }

    /// The bare handler of this benchmark, in a process of its own.
    pub(crate) fn bare(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("bare").args(arguments);
        Self::start(command, "/ready")
    }

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
        write!(stream, "GET {probe} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Self { child, address, first_answer: start.elapsed() }
    }

    /// Resident memory now.
    pub(crate) fn resident_mib(&self) -> f64 {
        memory_mib(self.child.id(), "VmRSS:").expect("it runs")
    }

    /// The most resident memory so far.
    pub(crate) fn peak_mib(&self) -> f64 {
        memory_mib(self.child.id(), "VmHWM:").expect("it runs")
    }

    /// Processor time that it has used so far, in all its threads, in seconds.
    #[allow(dead_code, reason = "one of the benchmarks looks at it")]
    pub(crate) fn processor_seconds(&self) -> f64 {
        let id = self.child.id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
        // After the name, which may hold anything: the 14th and 15th field, in hundredths of a second on every Linux.
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the kernel says of a process's memory under `key`; `None` once it has ended.
pub(crate) fn memory_mib(process: u32, key: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
