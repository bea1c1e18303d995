//! The program as a process: how it starts, stays ready, and ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A server in a folder of its own, whose log is read. Killed when a test fails.
struct Server {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
    dir: TempDir,
}

impl Server {
    /// Starts it by `prefix`, a piece of shell such as `ulimit -n 300`.
    fn start(prefix: &str, args: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{prefix}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_provesi-server")]);
        command.args(["--listen", "127.0.0.1:0"]).args(args).current_dir(dir.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROVESI_")) {
            command.env_remove(name);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving http://").unwrap().parse().unwrap();
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, address, log, dir }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The first line of the log that holds `text`, and those before it.
    fn logged(&self, text: &str) -> String {
        let mut log = String::new();
        while !log.contains(text) {
            let line = self.log.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no {text}:\n{log}"));
            log = format!("{log}{line}\n");
        }
        log
    }

    /// Sends a signal, and waits for the end.
    fn stop(&mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_database_that_does_not_answer_is_waited_for_and_named_with_its_error() {
    // A port that was free a moment ago: nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ana:hunter2@127.0.0.1:{port}/provesi");
    let mut server = Server::start("true", &["--clients", &url, "--orders", &url]);
    assert!(server.get("/livez").starts_with("HTTP/1.1 200 "));
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("starting"), "{ready}");
    assert!(ready.contains("clients_unavailable"), "{ready}");
    assert!(server.get("/api/orders/").contains("server.starting"));
    let log = server.logged("waiting for a database");
    assert!(log.contains("Connection refused") && !log.contains("timed out") && !log.contains("hunter2"), "{log}");
    assert_eq!(server.stop("-TERM"), Some(0));
}

#[test]
fn a_server_that_drains_is_not_ready_and_still_serves_for_the_drain_delay() {
    for (signal, delays) in [("-TERM", true), ("-INT", false)] {
        let mut server = Server::start("true", &["--drain-delay", "3s"]);
        assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
        let start = Instant::now();
        if delays {
            server.signal(signal);
            server.logged("not ready any more");
            let ready = server.get("/readyz");
            assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("draining"), "{ready}");
            assert!(server.get("/api/orders/").starts_with("HTTP/1.1 200 "));
            let status = server.child.wait().unwrap();
            assert_eq!(status.code(), Some(0));
        } else {
            assert_eq!(server.stop(signal), Some(0));
        }
        assert_eq!(start.elapsed() >= Duration::from_secs(3), delays, "{:?}", start.elapsed());
    }
}

#[test]
fn the_limit_of_open_files_is_raised_or_fewer_connections_are_allowed() {
    let server = Server::start("ulimit -Sn 200", &["--max-connections", "512", "--log", "warn"]);
    let sockets: Vec<_> = (0..250).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    assert!(server.get("/livez").starts_with("HTTP/1.1 200 "));
    drop(sockets);
    let warned: Vec<_> = server.log.try_iter().filter(|line| line.contains("open files")).collect();
    assert_eq!(warned, Vec::<String>::new());

    let server = Server::start("ulimit -n 250", &["--max-connections", "512", "--log", "warn"]);
    server.logged("does not fit the limit of open files");
    let _sockets: Vec<_> = (0..300).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let start = Instant::now();
    assert!(server.get("/livez").starts_with("HTTP/1.1 200 "));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// The process follows its folder, and SQLite does not.
#[test]
fn a_file_whose_folder_was_moved_is_reported() {
    let server = Server::start("true", &[]);
    let (path, away) = (server.dir.path(), server.dir.path().with_extension("away"));
    std::fs::rename(path, &away).unwrap();
    let start = Instant::now();
    while !server.get("/readyz").contains("orders_file_deleted") {
        assert!(start.elapsed() < LIMIT, "{}", server.get("/readyz"));
        thread::sleep(Duration::from_millis(10));
    }
    std::fs::rename(&away, path).unwrap();
}
