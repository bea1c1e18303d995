//! Settings that are refused.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{command, refused, run, stderr};

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
