#![doc = include_str!("../README.md")]

pub mod chaos;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The statements of the table of orders, as it was recorded of the Python system.
pub const DJANGO_TABLE: &str = include_str!("../recorded/orders_order.sql");

/// The folder of this package. As cargo says it to what it runs: a target folder may outlive the checkout that it was
/// built for, and with it what was compiled in.
#[must_use]
pub fn package_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// The path of the server's binary, built if it is missing or out of date, in release mode or in that of the tests.
///
/// # Panics
/// Where cargo cannot build it.
#[must_use]
pub fn server_binary(release: bool) -> PathBuf {
    // Cargo sets CARGO for what it runs; outside of it, the one on the path will do.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--package", "provesi-server", "--message-format", "json"]);
    command.args(release.then_some("--release")).current_dir(package_dir().join(".."));
    // What cargo says of this package to what it runs is not to reach the build of another: a build script that looks
    // at it would be run again each time, and whatever depends on its crate be compiled again.
    let of_this_package = |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_this_package)) {
        command.env_remove(name);
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where the binary is")
}

/// The server's binary in the mode of the tests. Cargo is asked once a process: it takes a second to find that there is
/// nothing to do.
///
/// # Panics
/// Where cargo cannot build it.
#[must_use]
pub fn tested_server() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| server_binary(false));
    &BINARY
}

/// Cargo's target folder, where the server's binary is.
///
/// # Panics
/// Where cargo cannot build it.
#[must_use]
pub fn target_dir() -> &'static Path {
    tested_server().ancestors().nth(2).expect("binaries lie in a folder of the target folder")
}
