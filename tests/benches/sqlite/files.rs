//! The files under measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::process::Running;

/// The server over this file.
pub(crate) fn server(file: &Path) -> Running {
    server_with(file, |_| {})
}

/// The same, with further arguments and variables.
pub(crate) fn server_with(file: &Path, set: impl FnOnce(&mut Command)) -> Running {
    Running::server(&url(file), &url(file), set)
}

/// A new file of 5,000 clients and 20,000 orders.
pub(crate) fn small(name: &str) -> PathBuf {
    let file = bench_dir().join(name);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bench_dir().join(format!("{name}{suffix}")));
    }
    run(&url(&file), &["migrate"]);
    run(&url(&file), &["seed", "--clients", "5000", "--orders", "20000"]);
    file
}

/// A file of 100,000 clients and 1,000,000 orders, made once.
pub(crate) fn million_orders() -> PathBuf {
    let file = bench_dir().join("million.db");
    if !file.exists() {
        let made = file.with_extension("new.db");
        let _ = fs::remove_file(&made);
        let start = Instant::now();
        run(&url(&made), &["migrate"]);
        run(&url(&made), &["seed", "--clients", "100000", "--orders", "1000000"]);
        println!("seed of 100,000 clients and 1,000,000 orders: {:.1} s", start.elapsed().as_secs_f64());
        fs::rename(&made, &file).expect("the file can be moved");
    }
    file
}

/// Runs a command over the file at `url`.
fn run(url: &str, args: &[&str]) {
    let mut command = Command::new(binary());
    command.args(args).env("PROVESI_CLIENTS_URL", url).env("PROVESI_ORDERS_URL", url).stdout(Stdio::null());
    assert!(command.status().expect("the program runs").success(), "{args:?} failed");
}

/// Paths of orders with a client, spread over the file.
pub(crate) fn order_paths(file: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection: SqliteConnection = options.connect().await.expect("the file opens");
        let numbers: Vec<String> = sqlx::query_scalar(
            "SELECT order_number FROM orders WHERE id % 97 = 0 AND client_id IS NOT NULL LIMIT 10000",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the orders can be read");
        connection.close().await.expect("the file closes");
        numbers.iter().map(|number| format!("/api/orders/{number}")).collect()
    })
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
