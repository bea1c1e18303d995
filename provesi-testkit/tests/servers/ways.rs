//! Each way to a server, on machines where it is possible.

use std::env;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use provesi_testkit::servers::{Kind, OwnServer, Way};

use crate::probe::Probe;
use crate::rows::{count, has_database, put};

/// A server by this way, unless it is impossible here; then a line says why.
pub(crate) async fn server_by(kind: Kind, way: Way) -> Option<OwnServer> {
    if !is_possible_here(kind, way) {
        return None;
    }
    match OwnServer::of(kind).way(way).try_start().await {
        Ok(server) => Some(server),
        Err(error) if way == Way::Pypi && is_out_of_reach(&error.reasons()) => {
            not_here(kind, way, &error.reasons());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Whether there is what this way needs; where there is not, a line says so.
pub(crate) fn is_possible_here(kind: Kind, way: Way) -> bool {
    let possible = possible(kind, way);
    if let Err(reason) = &possible {
        not_here(kind, way, reason);
    }
    possible.is_ok()
}

fn not_here(kind: Kind, way: Way, reason: &str) {
    // Past the test harness, which keeps back what tests print that pass.
    let _ = writeln!(std::io::stderr(), "not tested here: {kind} by the way `{}`: {reason}", way.name());
}

/// Looked up apart from the code under test, which must not get away with finding nothing.
fn possible(kind: Kind, way: Way) -> Result<(), String> {
    let ok = |holds: bool, reason: &str| if holds { Ok(()) } else { Err(reason.to_owned()) };
    match (way, kind) {
        (Way::Url, _) => Ok(()),
        (Way::Container, _) => {
            let socket = env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
            let answers = socket.strip_prefix("unix://").is_none_or(|path| UnixStream::connect(path).is_ok());
            ok(answers, "no Docker engine listens")
        }
        (Way::Local, Kind::Postgres) => {
            let found = on_path("initdb") || Path::new("/usr/lib/postgresql").is_dir();
            ok(found, "PostgreSQL is not installed")
        }
        (Way::Local, Kind::MongoDb) => {
            ok(on_path("mongod") || env::var_os("PROVESI_MONGOD").is_some(), "MongoDB is not installed")
        }
        (Way::Pypi, _) => {
            let venv = Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
            ok(venv.is_ok_and(|ran| ran.status.success()), "no python3 with venv")
        }
    }
}

pub(crate) fn on_path(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file())
}

/// What pip says where it reaches no index.
fn is_out_of_reach(reason: &str) -> bool {
    ["connection", "resolve", "timed out", "(from versions: none)"]
        .iter()
        .any(|sign| reason.to_lowercase().contains(sign))
}

async fn a_server_is_had(kind: Kind, way: Way) {
    let Some(server) = server_by(kind, way).await else { return };
    assert_eq!(server.way(), way, "{}", server.origin());
    let database = server.database().await;
    assert_eq!(count(kind, database.url()).await, Ok(0));
    put(kind, database.url(), 1).await;
    assert_eq!(count(kind, database.url()).await, Ok(1));
}

#[tokio::test]
async fn postgres_is_had_in_a_container() {
    a_server_is_had(Kind::Postgres, Way::Container).await;
}

#[tokio::test]
async fn mongodb_is_had_in_a_container() {
    a_server_is_had(Kind::MongoDb, Way::Container).await;
}

#[tokio::test]
async fn postgres_is_had_from_programs_of_the_machine() {
    a_server_is_had(Kind::Postgres, Way::Local).await;
}

#[tokio::test]
async fn mongodb_is_had_from_programs_of_the_machine() {
    a_server_is_had(Kind::MongoDb, Way::Local).await;
}

#[tokio::test]
async fn postgres_is_had_from_pypi() {
    a_server_is_had(Kind::Postgres, Way::Pypi).await;
}

#[tokio::test]
async fn mongodb_is_had_from_pypi() {
    a_server_is_had(Kind::MongoDb, Way::Pypi).await;
}

/// `mongod` cannot be installed everywhere; a program with the arguments that we give it can be made.
#[tokio::test]
async fn mongodb_is_had_from_the_program_that_is_named() {
    // Installs it.
    let Some(_server) = server_by(Kind::MongoDb, Way::Pypi).await else { return };
    let target = env::current_exe().unwrap();
    let target = target.ancestors().find(|folder| folder.join("provesi-servers").is_dir()).unwrap();
    let servers = std::fs::read_dir(target.join("provesi-servers")).unwrap().flatten();
    let secantus = servers.map(|entry| entry.path().join("bin/secantusd-py")).find(|file| file.is_file()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mongod = folder.path().join("mongod");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $3 $4 $5 $6\" = '--dbpath --bind_ip 127.0.0.1 --nounixsocket --port' ] || exit 1\n\
         exec '{}' --standalone --storage-path \"$2\" --port \"$7\"\n",
        secantus.display()
    );
    std::fs::write(&mongod, script).unwrap();
    std::fs::set_permissions(&mongod, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let seen = Probe::of(Kind::MongoDb).way("local").env("PROVESI_MONGOD", mongod.to_str().unwrap()).run();

    assert!(seen.said.contains(&format!("by {}", mongod.display())), "{}", seen.said);
}

/// The other side of the URL is a server of this test's; the one that takes the URL is another process.
async fn a_url_is_taken(kind: Kind) {
    let server = OwnServer::of(kind).start().await;
    let database = server.database().await;
    let seen = Probe::of(kind).url(database.url()).run();
    assert!(seen.said.contains("_URL, after"), "{}", seen.said);
    let port = |url: &str| url.split(':').next_back().unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(port(&seen.url), port(database.url()));
    assert!(has_database(kind, database.url(), database.name()).await || kind == Kind::MongoDb);
    assert!(!has_database(kind, database.url(), &seen.name).await, "the database is dropped there too");
}

#[tokio::test]
async fn postgres_is_taken_by_its_url() {
    a_url_is_taken(Kind::Postgres).await;
}

#[tokio::test]
async fn mongodb_is_taken_by_its_url() {
    a_url_is_taken(Kind::MongoDb).await;
}
