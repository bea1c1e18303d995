//! The processes under measurement.

use std::collections::HashMap;
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
    /// The server over these stores, with what `set` adds to its arguments and variables.
    pub(crate) fn server(clients: &str, orders: &str, set: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(provesi_tests::server_binary(true));
        command.args(["serve", "--create", "--listen", "127.0.0.1:0"]);
        command.args(["--clients", clients, "--orders", orders]);
        set(&mut command);
        // As on a machine where somebody keeps the log.
        command.stderr(tempfile::tempfile().expect("a temporary file"));
        Self::start(command, "/api/health")
    }

    /// The bare handler of this benchmark, in a process of its own.
    pub(crate) fn bare(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("bare").args(arguments).stderr(Stdio::null());
        Self::start(command, "/ready")
    }

    fn start(mut command: Command, probe: &str) -> Self {
        let start = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
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
    pub(crate) fn processor_seconds(&self) -> f64 {
        statistics(self.child.id()).expect("it runs").seconds
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

/// Processor time that the database servers have used so far, which this process started, in seconds. Those in containers are not
/// among them.
pub(crate) fn databases_seconds() -> f64 {
    let me = std::process::id();
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let processes: HashMap<u32, Statistics> = ids.filter_map(|id| Some((id, statistics(id)?))).collect();
    let is_ours = |mut id| {
        while let Some(process) = processes.get(&id) {
            if process.parent == me {
                return true;
            }
            id = process.parent;
        }
        false
    };
    let own = processes.get(&me).map(|process| process.name.as_str());
    let serves_data = |process: &Statistics| !process.name.starts_with("provesi-server") && Some(&*process.name) != own;
    let servers = processes.iter().filter(|(id, process)| serves_data(process) && is_ours(**id));
    servers.map(|(_, process)| process.seconds).sum()
}

/// What the kernel counts of a process.
struct Statistics {
    name: String,
    parent: u32,
    /// On the processors, with its children that have ended.
    seconds: f64,
}

fn statistics(process: u32) -> Option<Statistics> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses, and may hold blanks and more of them.
    let (head, tail) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // Hundredths of a second on every Linux.
    let ticks = fields.get(11..15)?.iter().filter_map(|ticks| ticks.parse::<f64>().ok());
    Some(Statistics {
        name: head.split_once('(')?.1.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        seconds: ticks.sum::<f64>() / 100.0,
    })
}
