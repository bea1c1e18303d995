//! The driver of the browser: one process a run, started by whoever needs it first, gone when the tests have ended.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// The browser's names on the systems that have it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVER: &str = "chromedriver";

/// Runs the driver until the pipe from the tests ends, however they ended: what is in a `static` is never dropped.
/// Profiles are made in a folder that goes with it.
const KEEP: &str = r#"
TMPDIR=$(mktemp -d) || exit 1; export TMPDIR
"$@" </dev/null & driver=$!
cat >/dev/null
kill "$driver"; wait "$driver"
rm -rf "$TMPDIR"
"#;

/// The programs, and where the driver listens.
pub(super) struct Driver {
    pub(super) url: String,
    pub(super) browser: PathBuf,
    /// Holds the pipe.
    _keeper: Child,
}

pub(super) static RUNNING: LazyLock<Driver> = LazyLock::new(|| {
    let (browser, driver) = programs().unwrap_or_else(|| {
        let installed = install();
        programs().unwrap_or_else(|| {
            panic!(
                "the pages are tested in Chromium: install `chromium` and `chromedriver` (Debian: `apt-get install chromium \
                 chromium-driver`), or leave these tests out with PROVESI_TEST_BROWSER=none. {installed}"
            )
        })
    });
    start(browser, &driver)
});

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((BROWSERS.iter().find_map(|name| on_path(name))?, on_path(DRIVER)?))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Tries what a bare Debian machine allows, and says what came of it.
fn install() -> String {
    let mut said = String::new();
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"]]
    {
        let apt = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output();
        match apt {
            Ok(ran) if ran.status.success() => {}
            Ok(ran) => said = format!("apt-get says: {}", String::from_utf8_lossy(&ran.stderr).trim()),
            Err(error) => return format!("apt-get: {error}"),
        }
    }
    said
}

fn start(browser: PathBuf, driver: &Path) -> Driver {
    let mut keeper = Command::new("/bin/sh")
        .args(["-c", KEEP, "sh"])
        .arg(driver)
        .arg("--port=0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell runs");
    let mut lines = BufReader::new(keeper.stdout.take().expect("its output is piped"));
    let mut line = String::new();
    let port: u16 = loop {
        line.clear();
        assert!(lines.read_line(&mut line).expect("its output is text") > 0, "{} does not start", driver.display());
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim().trim_end_matches('.').parse().expect("a port");
        }
    };
    // Whoever stops reading gets the driver a closed pipe at its next line.
    std::thread::spawn(move || std::io::copy(&mut lines.by_ref(), &mut std::io::sink()));
    Driver { url: format!("http://127.0.0.1:{port}"), browser, _keeper: keeper }
}
