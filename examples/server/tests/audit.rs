//! The audit of the running program: its lines in the log, and a chain that is cut under it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};
use tempfile::TempDir;

struct Server {
    dir: TempDir,
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(file: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provesi-server"));
    command.env_clear().env("PROVESI_CLIENTS_URL", file).env("PROVESI_ORDERS_URL", file).stdin(Stdio::null());
    command
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let file = format!("sqlite:{}", dir.path().join("provesi.db").display());
        let seeded = program(&file).args(["migrate"]).output().unwrap();
        assert!(seeded.status.success(), "{seeded:?}");
        let seeded = program(&file).args(["seed", "--clients", "20", "--orders", "2500"]).output().unwrap();
        assert!(seeded.status.success(), "{seeded:?}");
        let mut process = program(&file)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
        Self { dir, process, address }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("provesi.db")
    }

    /// The body of the answer, which is 200.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// The lines of the log that hold `text`, once there is one.
    fn logged(&self, text: &str) -> Vec<String> {
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap();
            let lines: Vec<_> = log.lines().filter(|line| line.contains(text)).map(ToOwned::to_owned).collect();
            if !lines.is_empty() {
                return lines;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "no {text} in {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    fn verify(&self, expected: &str) -> (Option<i32>, String) {
        let file = format!("sqlite:{}", self.file().display());
        let output = program(&file).args(["audit", "verify", "--expect", expected]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn value<'l>(line: &'l str, name: &str) -> &'l str {
    let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn a_tail_that_is_cut_under_a_running_strict_server_is_in_its_log_whatever_its_level() {
    let mut server = Server::start(&["--audit", "strict", "--log", "off"]);
    for _ in 0..5 {
        server.get("/api/orders/?limit=5");
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut raw = SqliteConnection::connect(&format!("sqlite:{}", server.file().display())).await.unwrap();
        let cut = "DELETE FROM audit WHERE sequence > 2; \
            UPDATE audit_head SET sequence = 2, hash = (SELECT hash FROM audit WHERE sequence = 2)";
        raw.execute(cut).await.unwrap();
        raw.close().await.unwrap();
    });
    server.get("/api/orders/?limit=5");
    let alarm = server.logged("the audit was tampered with");
    assert!(
        matches!(&*alarm, [alarm] if alarm.contains("ERROR") && value(alarm, "expected").starts_with("5:")),
        "{alarm:?}"
    );
    server.get("/api/orders/?limit=5");
    server.stop();
    let heads = server.logged("the head of the audit");
    let whens: Vec<_> = heads.iter().map(|line| value(line, "when")).collect();
    assert_eq!(whens, ["start", "stop"]);
    assert_eq!(server.logged("the audit was tampered with").len(), 1);
    // The head at the stop is what `verify` expects, and the one that was lost is missed.
    assert_eq!(server.verify(value(&heads[1], "head")).0, Some(0));
    let (code, told) = server.verify(value(&alarm[0], "expected"));
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn a_whole_list_is_a_few_short_lines_and_no_level_switches_them_off() {
    let server = Server::start(&["--log", "error"]);
    assert!(server.get("/api/orders/?status=received&status=shipped&q=ORD").len() > 10_000);
    server.get("/api/orders/");
    let lines = server.logged("provesi::audit");
    assert!(lines.len() < 10 && lines.iter().all(|line| line.len() < 400), "{lines:#?}");
    assert!(lines[0].contains(r#"filter="status=received,shipped q_len=3""#), "{}", lines[0]);
    let orders =
        |line: &String| line.split_once("orders=").unwrap().1.split_once(' ').unwrap().0.parse::<u32>().unwrap();
    let whole = lines.iter().filter(|line| line.contains(r#"filter="""#)).map(orders).sum::<u32>();
    assert_eq!(whole, 2_500);
}
