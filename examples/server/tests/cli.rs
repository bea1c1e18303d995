//! The program as a process: what it prints, how it ends, and that it stops without dropping anybody.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use provesi_crypto::Keys;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provesi-server"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if ["PROVESI_", "MICROSERVICE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command that ends. One that serves instead is killed after a minute.
fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = command(dir, args);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let (ended, waiting) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_mins(1)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            Command::new("kill").args(["-KILL", &id]).status().unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watch.join().unwrap();
    output
}

/// Runs a statement of another program on the default file.
fn change_file(dir: &Path, statement: &'static str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(dir.join("provesi.db")).connect().await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Asserts that a start was refused with one line, and hands it back.
fn refused(output: &Output, code: i32) -> &str {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!((stdout(output), stderr(output).lines().count()), ("", 1), "{output:?}");
    stderr(output).trim_end()
}

/// A server on a free port. Killed when a test fails.
struct Server {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let args = [&["--listen", "127.0.0.1:0", "--log", "off"], args].concat();
        let mut child = command(dir.path(), &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("serving http://").unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        Self { child, address, dir }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end, and hands back the exit code.
    fn ended(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(20), "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const HEALTH: &str = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn serves_without_set_up_and_ends_with_0_on_both_signals() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let answer = server.ask(HEALTH);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""status":"ok""#), "{answer}");
        assert!(server.dir.path().join("provesi.db").is_file());
        server.signal(signal);
        assert_eq!(server.ended(), Some(0));
        // The write-ahead log is in the file again.
        assert!(!server.dir.path().join("provesi.db-wal").exists());
    }
}

#[test]
fn a_request_in_flight_ends_and_no_new_one_is_taken() {
    let mut server = Server::start(&["serve"]);
    let body = r#"{"name":"Ana Núñez","email":"ana@example.com"}"#;
    let (first, rest) = body.split_at(10);
    let mut stream = server.connect();
    // Idle connections are in nobody's way.
    let _idle = server.connect();
    let head = "POST /api/clients/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length:";
    write!(stream, "{head} {}\r\n\r\n{first}", body.len()).unwrap();
    // The handler is there once it has read the start of the body; there is no sign of that to wait for.
    std::thread::sleep(Duration::from_millis(300));
    server.signal("-TERM");
    let started = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(5), "the port stays open");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.child.try_wait().unwrap().is_none());
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(server.ended(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "something else was waited for");
}

#[test]
fn what_does_not_end_is_cut_after_the_drain_timeout_or_by_a_second_signal() {
    for (drain, signals) in [("300ms", 1), ("1h", 2)] {
        let mut server = Server::start(&["--drain-timeout", drain]);
        let mut stream = server.connect();
        stream.write_all(b"POST /api/clients/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..signals {
            server.signal("-TERM");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(server.ended(), Some(0));
    }
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let server = Server::start(&["--idle-timeout", "300ms"]);
    for start in ["", "GET /api/he"] {
        let mut stream = server.connect();
        stream.write_all(start.as_bytes()).unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(started.elapsed() < Duration::from_secs(5), "{start:?}");
    }
}

#[test]
fn a_connection_takes_the_place_of_one_that_is_idle() {
    let server = Server::start(&["--max-connections", "1", "--idle-timeout", "500ms"]);
    let _first = server.connect();
    assert!(server.ask(HEALTH).starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_takes_nothing_of_an_answer_does_not_keep_the_others_out() {
    let server = Server::start(&["--max-connections", "1", "--idle-timeout", "500ms"]);
    let mut slow = server.connect();
    // Far more than the sockets between the two hold.
    let asked = "GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(40);
    slow.write_all(asked.as_bytes()).unwrap();
    assert!(server.ask(HEALTH).starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_closes_their_half_after_the_request_gets_the_answer() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    stream.write_all(HEALTH.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}

#[test]
fn a_taken_port_is_one_line() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(dir.path(), &["--listen", &address, "--log", "off"]);
    let line = refused(&output, 1);
    assert!(line.starts_with("provesi-server: --listen: ") && line.contains(&address), "{line}");
}

#[test]
fn a_bad_setting_is_one_line_that_names_it() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["--body-limit", "much"]);
    assert!(refused(&output, 2).starts_with("provesi-server: --body-limit: must be "));
    let output = command(dir.path(), &["serve"]).env("PROVESI_LISTEN", "here").output().unwrap();
    assert!(refused(&output, 2).starts_with("provesi-server: PROVESI_LISTEN: must be "));
    let both = |url| ["--listen", "127.0.0.1:0", "--clients", url, "--orders", url];
    let output = run(dir.path(), &both("sqlite:./no/such/dir/x.db"));
    let line = refused(&output, 1);
    assert!(line.starts_with("provesi-server: --clients: SQLite /") && line.contains("/no/such/dir/x.db: "), "{line}");
    std::fs::write(dir.path().join("text.db"), "no database at all, but a text that is long enough").unwrap();
    let line = run(dir.path(), &both("sqlite:text.db"));
    let line = refused(&line, 1);
    assert!(line.starts_with("provesi-server: --clients: SQLite /") && line.contains("/text.db: "), "{line}");
}

#[test]
fn tokens_and_keys_that_cannot_be_are_one_line_without_what_they_are() {
    let dir = TempDir::new().unwrap();
    for (name, value, told) in [
        ("MICROSERVICE_SERVICE_TOKEN", "hunter2", "a token must have at least 16 characters"),
        ("PROVESI_SERVICE_TOKENS", "orders:hunter2", "part 1 must be NAME=TOKEN"),
        ("MICROSERVICE_AES_KEY", "hunter2", "must be set where MICROSERVICE_AES_KEY is"),
    ] {
        let output = command(dir.path(), &["serve"]).env(name, value).output().unwrap();
        let line = refused(&output, 2);
        assert!(line.contains(told) && !line.contains("hunter2"), "{line}");
    }
    let output = run(dir.path(), &["--clients", "https://clients.example.com", "--orders", "sqlite:o.db"]);
    assert!(refused(&output, 2).starts_with("provesi-server: PROVESI_CLIENTS_TOKEN: must be set where --clients"));
    let output = run(dir.path(), &["--clients", "http://clients.example.com", "--orders", "sqlite:o.db"]);
    assert!(refused(&output, 2).starts_with("provesi-server: --clients: must start with https://"));
}

#[test]
fn secrets_in_urls_are_never_printed() {
    let dir = TempDir::new().unwrap();
    let away = "ana:hunter2@127.0.0.1:1/db";
    // At once: each tries for a while to reach who is away.
    let start = |command: &mut Command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = [
        (format!("postgres://{away}"), 1, 1),
        (format!("mongodb://{away}"), 2, 1),
        ("mongodb://ana:hunter2@127.0.0.1:1".to_owned(), 2, 2),
        ("postgres://ana:hunter2@[/db".to_owned(), 2, 2),
        ("nonsense://ana:hunter2@h".to_owned(), 2, 2),
        ("hunter2".to_owned(), 2, 2),
    ]
    .map(|(url, of_orders, of_clients)| {
        // One folder each: they would wait for each other's file.
        let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let orders = start(&mut command(dirs[0].path(), &["migrate", "--clients", "sqlite:c.db", "--orders", &url]));
        let clients =
            start(command(dirs[1].path(), &["migrate", "--orders", "sqlite:o.db"]).env("PROVESI_CLIENTS_URL", &url));
        (url, dirs, [(orders, of_orders), (clients, of_clients)])
    });
    for (url, _dirs, started) in started {
        for (process, code) in started {
            let output = process.wait_with_output().unwrap();
            let told = refused(&output, code);
            assert!(!told.contains("hunter2") && told.lines().count() == 1, "{url}: {told}");
        }
    }
    let output = run(dir.path(), &["serve", &format!("postgres://{away}")]);
    assert!(output.status.code() == Some(2) && !stderr(&output).contains("hunter2"), "{output:?}");
}

#[test]
fn migrate_says_what_it_did_and_does_it_once() {
    let dir = TempDir::new().unwrap();
    let migrate = ["migrate", "--clients", "sqlite:clients.db", "--orders", "sqlite:orders.db"];
    let output = run(dir.path(), &migrate);
    let told = stdout(&output);
    let applied = |file: &str| told.lines().filter(|line| line.contains(&format!("/{file}: applied: "))).count();
    let [clients, orders] = ["clients.db", "orders.db"].map(applied);
    assert!(output.status.success() && clients > 1 && clients == orders, "{output:?}");
    assert_eq!(told.lines().count(), clients + orders, "{told}");
    let output = run(dir.path(), &migrate);
    let lines: Vec<_> = stdout(&output).lines().collect();
    let place = |file: &str| format!("SQLite {}: up to date", dir.path().canonicalize().unwrap().join(file).display());
    assert_eq!(lines, [place("clients.db"), place("orders.db")]);
    let told: Vec<_> = stderr(&output).lines().filter(|line| line.starts_with("will change SQLite /")).collect();
    assert!(told.len() == 2 && told[0].ends_with("/clients.db, which holds 0 clients"), "{output:?}");
}

#[test]
fn import_ends_with_1_where_a_row_failed_and_a_dry_run_makes_no_file() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\nLuz,\n").unwrap();
    let output = run(dir.path(), &["import", "--clients", "c.csv", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "clients: 1 new, 0 already there, 1 failed\ndry run: nothing was written\n");
    assert_eq!(stderr(&output), "c.csv:3: column email: must be an e-mail address: there is no @\n");
    let output = run(dir.path(), &["import", "--clients", "c.csv"]);
    assert!(
        refused(&output, 1)
            .ends_with("/provesi.db: there is no such file; `provesi-server migrate` creates it, or `serve --create`")
    );
    assert!(!dir.path().join("provesi.db").exists());
    assert!(run(dir.path(), &["migrate"]).status.success());
    let output = run(dir.path(), &["import", "--clients", "c.csv"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), "clients: 1 new, 0 already there, 1 failed\n"));
    assert!(stderr(&output).starts_with("will change SQLite /"), "{output:?}");
    let output = run(dir.path(), &["import", "--clients", "nothing.csv"]);
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("provesi-server: nothing.csv: cannot be read: ")
    );
}

#[test]
fn check_finds_orders_whose_client_does_not_exist_and_detaches_as_many_as_were_confirmed() {
    let dir = TempDir::new().unwrap();
    let stores = ["--clients", "sqlite:a.db", "--orders", "sqlite:b.db"];
    let command = |args: &[&str]| run(dir.path(), &[&stores[..], args].concat());
    assert!(command(&["migrate"]).status.success());
    assert!(command(&["seed", "--clients", "3", "--orders", "50"]).status.success());
    let check = |args: &[&str]| command(&[&["check"], args].concat());
    assert_eq!(check(&[]).status.code(), Some(0));
    // The store of clients is lost, and a new one begun.
    for name in ["a.db", "a.db-wal", "a.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let output = command(&["migrate"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("do not belong together"), "{output:?}");
    assert_eq!(check(&[]).status.code(), Some(1));
    assert!(command(&["pair", "--change", "--confirm", "50"]).status.success());
    let output = check(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = stdout(&output).lines().last().unwrap();
    let dangling = summary.split("; ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(summary.ends_with(&format!("; {dangling} of 50 orders are dangling")) && dangling != "0", "{output:?}");
    // Not over an empty store of clients, whatever is confirmed.
    let output = check(&["--repair", "--confirm", &dangling]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("--repair: refused: the client store holds no clients"), "{output:?}");
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    assert!(command(&["import", "--clients", "c.csv"]).status.success());
    let output = check(&["--repair"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains(&format!("--confirm: must be {dangling} where standard input is no terminal")),
        "{output:?}"
    );
    for wrong in ["0", "1000"] {
        let output = check(&["--repair", "--confirm", wrong]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("nothing was changed"), "{output:?}");
    }
    assert!(stdout(&check(&[])).ends_with(&format!("{summary}\n")));
    let output = check(&["--repair", "--confirm", &dangling]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stderr(&output).starts_with("will change SQLite /") && stderr(&output).contains("holds 50 orders"),
        "{output:?}"
    );
    assert!(stdout(&output).contains(&format!("detached {dangling} orders of ")), "{output:?}");
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(check(&["--confirm", "1"]).status.code(), Some(2));
    assert_eq!(run(TempDir::new().unwrap().path(), &["check"]).status.code(), Some(1));
}

#[test]
fn stores_that_do_not_belong_together_are_refused_until_somebody_says_that_they_do() {
    let dir = TempDir::new().unwrap();
    let with = |clients: &str, orders: &str, args: &[&str]| {
        let (clients, orders) = (format!("sqlite:{clients}"), format!("sqlite:{orders}"));
        run(dir.path(), &[&["--log", "off", "--clients", &clients, "--orders", &orders], args].concat())
    };
    assert!(with("a.db", "b.db", &["migrate"]).status.success());
    assert!(with("a.db", "b.db", &["seed", "--clients", "3", "--orders", "20"]).status.success());
    let output = with("a.db", "b.db", &["pair"]);
    let lines: Vec<_> = stdout(&output).lines().collect();
    let id = lines[0].rsplit(' ').next().unwrap();
    assert!(output.status.success() && lines[1].ends_with(&format!("b.db, belongs to clients {id}")), "{output:?}");
    // Another store of clients, which has clients of its own.
    assert!(with("c.db", "d.db", &["migrate"]).status.success());
    let commands: [&[&str]; 5] =
        [&["serve", "--listen", "127.0.0.1:0"], &["check"], &["migrate"], &["migrate", "--dry-run"], &["seed"]];
    for args in commands {
        let told = with("c.db", "b.db", args);
        assert!(
            refused(&told, 1).contains(&format!("the orders belong to the store of clients {id}")),
            "{args:?} {told:?}"
        );
    }
    let output = with("c.db", "b.db", &["pair"]);
    assert!(output.status.code() == Some(1) && stdout(&output).contains("belongs to other clients"), "{output:?}");
    for (args, expected) in [
        (&["pair", "--change"][..], "--confirm: must be 20"),
        (&["pair", "--change", "--confirm", "3"], "20 orders would be changed, not 3"),
    ] {
        let output = with("c.db", "b.db", args);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(expected), "{output:?}");
    }
    assert_eq!(with("c.db", "b.db", &["check"]).status.code(), Some(1));
    assert!(with("c.db", "b.db", &["pair", "--change", "--confirm", "20"]).status.success());
    assert!(stderr(&with("a.db", "b.db", &["check"])).contains("do not belong together"));
    // One file for both, and then another one for the clients.
    assert!(with("e.db", "e.db", &["migrate"]).status.success());
    assert!(with("e.db", "e.db", &["check"]).status.success());
    assert!(stderr(&with("c.db", "e.db", &["check"])).contains("do not belong together"));
}

#[test]
fn orders_of_an_older_version_are_paired_by_migrate_unless_their_clients_are_missing() {
    let dir = TempDir::new().unwrap();
    let with = |clients: &str, args: &[&str]| {
        let clients = format!("sqlite:{clients}");
        run(dir.path(), &[&["--log", "off", "--clients", &clients, "--orders", "sqlite:provesi.db"], args].concat())
    };
    assert!(with("a.db", &["migrate"]).status.success());
    assert!(with("a.db", &["seed", "--clients", "3", "--orders", "20"]).status.success());
    change_file(dir.path(), "DELETE FROM entries WHERE kind = 'partner'");
    let serve = ["serve", "--create", "--listen", "127.0.0.1:0"];
    let told = with("a.db", &serve);
    assert!(refused(&told, 1).contains("run `provesi-server migrate`"), "{told:?}");
    let told = with("empty.db", &["migrate"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(stderr(&told).contains("empty.db holds none of the clients"), "{told:?}");
    assert!(with("a.db", &["migrate"]).status.success());
    assert!(with("a.db", &["check"]).status.success());
}

#[test]
fn keygen_prints_a_new_pair_of_keys_as_an_env_file_has_them() {
    let dir = TempDir::new().unwrap();
    let pair = || {
        let output = run(dir.path(), &["keygen"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let lines: Vec<_> = stdout(&output).lines().map(str::to_owned).collect();
        let [aes, hmac] = &lines[..] else { panic!("{} lines", lines.len()) };
        let aes = aes.strip_prefix("MICROSERVICE_AES_KEY=").unwrap().to_owned();
        let hmac = hmac.strip_prefix("MICROSERVICE_HMAC_KEY=").unwrap().to_owned();
        Keys::from_base64(&aes, &hmac).unwrap();
        [aes, hmac]
    };
    let (one, other) = (pair(), pair());
    assert!(one.iter().all(|key| !other.contains(key)));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn openapi_prints_the_document_and_help_the_settings() {
    let dir = TempDir::new().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&run(dir.path(), &["openapi"]).stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let output = run(dir.path(), &["--help"]);
    for word in ["PROVESI_LISTEN", "127.0.0.1:8000", "import", "Examples:"] {
        assert!(stdout(&output).contains(word), "{word}");
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

fn audit(dir: &Path, args: &[&str]) -> Output {
    run(dir, &[&["audit"], args].concat())
}

#[test]
fn who_looked_at_whom_is_in_the_store_after_a_stop_and_a_change_of_it_is_found() {
    for (mode, place) in [("store", "provesi.db"), ("strict", "audit.db")] {
        let own = format!("sqlite:{place}");
        let mut server = Server::start(&["--create", "--audit", mode, "--audit-store", &own]);
        let ask = |path| {
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r-7\r\nConnection: close\r\n\r\n");
            let answer = server.ask(&head);
            let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
            id.unwrap_or_else(|| panic!("{answer}")).to_owned()
        };
        // The record has our id of the request, whatever the caller calls it.
        let id = ask("/api/orders/NOPE");
        ask("/api/clients/");
        server.signal("-TERM");
        assert_eq!(server.ended(), Some(0));
        let (dir, own) = (server.dir.path(), ["--audit-store", &*own]);

        let output = audit(dir, &[&["verify"][..], &own].concat());
        assert!(output.status.success(), "{output:?}");
        let told = stdout(&output).to_owned();
        assert!(told.starts_with("2 records, none changed or removed; the head is 2:"), "{told}");
        let head = told.trim_end().rsplit(' ').next().unwrap();

        let output = audit(dir, &[&["show", "--subject", "order:nope", "--since", "2026-01-01"][..], &own].concat());
        assert!(output.status.success(), "{output:?}");
        let fields: Vec<_> = stdout(&output).trim_end().split('\t').collect();
        assert_eq!(fields[1..6], ["anonymous", "127.0.0.1", &id, "order_read", "refused"], "{output:?}");
        assert_eq!(fields[7], "order:nope");
        // Who looked is on record as well.
        let output = audit(dir, &[&["show"][..], &own].concat());
        assert!(stdout(&output).lines().count() == 3 && stdout(&output).contains("\tsystem:audit\t"), "{output:?}");

        let whole = audit(dir, &[&["verify", "--expect", head][..], &own].concat());
        assert!(whole.status.success() && stdout(&whole).starts_with("4 records"), "{whole:?}");
        let rest = audit(dir, &[&["verify", "--from", head][..], &own].concat());
        assert!(stdout(&rest).starts_with("2 records"), "{rest:?}");
        let other = format!("1:{}", "0".repeat(64));
        let anew = audit(dir, &[&["verify", "--expect", &other][..], &own].concat());
        assert_eq!(anew.status.code(), Some(1));
        assert!(stdout(&anew).starts_with("broken at record 1: "), "{anew:?}");
        let mut keyed = command(dir, &[&["audit", "verify"][..], &own].concat());
        let keyed = keyed.env("PROVESI_AUDIT_KEY", "0123456789abcdef0123456789abcdef").output().unwrap();
        assert!(keyed.status.code() == Some(1) && stdout(&keyed).contains("another key"), "{keyed:?}");
    }
}

#[test]
fn commands_are_on_record_where_the_store_is_and_nowhere_else() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\nLuz,luz@example.com\n").unwrap();
    std::fs::write(dir.path().join("o.csv"), "order_number,client_email\nA-1,ana@example.com\nA-2,\n").unwrap();
    let import = ["import", "--clients", "c.csv", "--orders", "o.csv"];
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &[&["--audit", "strict"], &import[..]].concat()).status.success());
    let records = |args: &[&str]| {
        let output = audit(dir.path(), &[&["show"], args].concat());
        assert!(output.status.success(), "{output:?}");
        let lines: Vec<Vec<String>> =
            stdout(&output).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
        lines.into_iter().filter(|fields| fields[1] != "system:audit").collect::<Vec<_>>()
    };
    let told: Vec<String> = records(&[])
        .iter()
        .rev()
        .map(|fields| format!("{} {} {} {}", fields[1], fields[4], fields[6], fields[7].split(' ').count()))
        .collect();
    assert_eq!(
        told,
        [
            "system:import client_create name email phone address 2",
            "system:import client_list  1",
            "system:import order_create order_number client_id status return_reason 3",
        ]
    );
    // What is there already is looked at, and that is on record.
    assert!(run(dir.path(), &[&["--audit", "store"], &import[..]].concat()).status.success());
    assert_eq!(records(&["--subject", "order:a-2"]).len(), 2);
    let before = records(&[]).len();
    assert!(run(dir.path(), &import).status.success());
    assert_eq!(records(&[]).len(), before);
    let seeded = run(dir.path(), &["--audit", "store", "seed", "--yes", "--clients", "2", "--orders", "3"]);
    assert!(seeded.status.success(), "{seeded:?}");
    let seeds: Vec<_> = records(&[]).into_iter().filter(|fields| fields[1] == "system:seed").collect();
    assert_eq!(seeds.iter().map(|fields| &*fields[4]).collect::<Vec<_>>(), ["order_create", "client_create"]);
}

#[test]
fn a_question_to_the_audit_that_cannot_be_is_one_line() {
    let dir = TempDir::new().unwrap();
    for (args, told) in [
        (&["show", "--subject", "ana"][..], "--subject: must be client:ID, order:NUMBER or order-id:ID"),
        (&["show", "--until", "soon"], "--until: must be an instant"),
        (&["verify", "--expect", "7"], "--expect: must be N:HASH"),
        (&["verify", "--from", "x:y"], "--from: must be N:HASH"),
    ] {
        let output = audit(dir.path(), args);
        assert!(refused(&output, 2).starts_with(&format!("provesi-server: {told}")), "{output:?}");
    }
    let output = audit(dir.path(), &["verify"]);
    assert!(refused(&output, 1).contains("there is no such file"), "{output:?}");
}

#[test]
fn no_command_but_migrate_and_serve_creates_a_file() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    let named = ["--clients", "sqlite:a.db", "--orders", "sqlite:a.db"];
    for stores in [&[][..], &named] {
        for command in [
            &["check"][..],
            &["check", "--repair", "--confirm", "1"],
            &["check", "--undo-sweep", "--confirm", "1"],
            &["audit", "show"],
            &["audit", "verify"],
            &["seed", "--clients", "1", "--orders", "1"],
            &["import", "--clients", "c.csv"],
        ] {
            let output = run(dir.path(), &[stores, command].concat());
            assert!(
                refused(&output, 1).contains("there is no such file; `provesi-server migrate` creates it"),
                "{output:?}"
            );
        }
        assert!(run(dir.path(), &[stores, &["migrate", "--dry-run"]].concat()).status.success());
    }
    // A file that was named is not created by serving alone.
    let output = run(dir.path(), &[&named[..], &["--listen", "127.0.0.1:0"]].concat());
    assert!(refused(&output, 1).starts_with("provesi-server: --clients: SQLite /"), "{output:?}");
    let output = run(dir.path(), &[&named[..], &["import", "--clients", "c.csv", "--dry-run"]].concat());
    assert!(refused(&output, 1).contains("there is no such file"), "{output:?}");
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["c.csv"]);
}

#[test]
fn serve_says_that_a_file_is_new_and_where_the_stores_are() {
    for (args, file) in
        [(&["--clients", "sqlite:a.db", "--orders", "sqlite:a.db", "--create"][..], "a.db"), (&[], "provesi.db")]
    {
        let dir = TempDir::new().unwrap();
        let start = || {
            let args = [&["--listen", "127.0.0.1:0"], args].concat();
            let mut child = command(dir.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
            String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
        };
        let place = format!("SQLite {}", dir.path().canonicalize().unwrap().join(file).display());
        let (first, second) = (start(), start());
        assert!(first.contains(&format!("{place}: new, empty")), "{first}");
        assert!(!second.contains("new, empty"), "{second}");
        assert!(second.contains(&format!("clients=\"{place}\" orders=\"{place}\"")), "{second}");
    }
}

#[test]
fn seed_takes_empty_stores_and_its_own_and_others_on_demand_alone() {
    let dir = TempDir::new().unwrap();
    let seed = |args: &[&str]| run(dir.path(), &[&["seed", "--clients", "5", "--orders", "20"], args].concat());
    let refused = |output: &Output, what: &str| {
        let told =
            format!("provesi-server: --yes: must be given, because the stores hold {what} that `seed` did not make");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(output).starts_with(&told) && stdout(output).is_empty(), "{output:?}");
    };
    assert!(run(dir.path(), &["migrate"]).status.success());
    let output = seed(&[]);
    assert!(output.status.success() && stderr(&output).contains("holds 0 clients and 0 orders"), "{output:?}");
    let output = seed(&["--seed", "2"]);
    assert!(output.status.success() && stderr(&output).contains("holds 5 clients and 20 orders"), "{output:?}");
    std::fs::write(dir.path().join("o.csv"), "order_number,client_email\nA-1,\n").unwrap();
    assert!(run(dir.path(), &["import", "--orders", "o.csv"]).status.success());
    refused(&seed(&["--seed", "3"]), "orders");
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    assert!(run(dir.path(), &["import", "--clients", "c.csv"]).status.success());
    refused(&seed(&["--seed", "3"]), "clients");
    let output = seed(&["--seed", "3", "--yes"]);
    assert!(output.status.success() && stdout(&output).contains("clients: 5 new"), "{output:?}");
}

#[test]
fn seed_refuses_orders_that_another_program_wrote_without_events() {
    let dir = TempDir::new().unwrap();
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &["seed", "--clients", "1", "--orders", "2"]).status.success());
    change_file(
        dir.path(),
        "INSERT INTO orders (order_number, number_folded, status, created_at, updated_at) \
         VALUES ('A-1', 'a-1', 'received', 0, 0)",
    );
    let output = run(dir.path(), &["seed", "--clients", "1", "--orders", "2"]);
    assert!(refused(&output, 1).contains("the stores hold orders that `seed` did not make"), "{output:?}");
}

#[test]
fn a_client_that_cannot_be_read_is_not_a_missing_one() {
    let dir = TempDir::new().unwrap();
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &["seed", "--clients", "2", "--orders", "9"]).status.success());
    change_file(dir.path(), "UPDATE clients SET email = 'nobody', email_folded = id");
    let output = run(dir.path(), &["check"]);
    assert!(output.status.success() && stdout(&output).ends_with("; 0 of 9 orders are dangling\n"), "{output:?}");
    assert_eq!(stdout(&output).matches(": email must be an e-mail address: there is no @\n").count(), 2, "{output:?}");
    assert!(stdout(&output).contains("read 2 clients and 9 orders: 2 clients and 0 orders break rules"), "{output:?}");
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("books.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let content = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE books (id INTEGER)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        std::fs::read(&file).unwrap()
    });
    let stores = ["--clients", "sqlite:books.db", "--orders", "sqlite:books.db"];
    for command in [
        &["migrate"][..],
        &["migrate", "--dry-run"],
        &["serve", "--create", "--listen", "127.0.0.1:0"],
        &["check"],
        &["seed"],
    ] {
        let output = run(dir.path(), &[&stores, command].concat());
        let told = "holds tables of another program (books) and none of Provesi's";
        assert!(refused(&output, 1).contains(told), "{output:?}");
        // Its journal mode is in the file as well.
        assert!(std::fs::read(&file).unwrap() == content, "{command:?}");
    }
    let output = run(dir.path(), &[&stores[..], &["migrate", "--shared-database"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(run(dir.path(), &[&stores[..], &["check"]].concat()).status.success());
}
