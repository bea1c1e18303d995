//! The folder of a server: its data, its log, and a lock that tells other runs whether we are still there.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::keeper::RunAs;

const PREFIX: &str = "provesi-test-";
const LOCK: &str = "owner.lock";
/// A folder without a lock is one that is just being made, unless it has been there for long.
const MAKING: Duration = Duration::from_secs(600);

/// A folder below the temporary one, gone with this value or, where that is never dropped, through its keeper.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held while we live: the system lets go of it however we end.
    _lock: File,
}

impl Folder {
    pub(super) fn new(store: &str) -> io::Result<Self> {
        let path = tempfile::Builder::new().prefix(&format!("{PREFIX}{store}-")).tempdir()?.keep();
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Hands the folder to the user that the server runs as.
    pub(super) fn give_to(&self, user: Option<RunAs>) -> io::Result<()> {
        user.map_or(Ok(()), |user| chown(&self.path, Some(user.uid), Some(user.gid)))
    }

    /// The end of the server's log: why it did not start.
    pub(super) fn log_end(&self) -> String {
        let log = fs::read(self.path.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// The process that the keeper started.
    pub(super) fn server_pid(&self) -> io::Result<u32> {
        let pid = fs::read_to_string(self.path.join("server.pid"))?;
        pid.trim().parse().map_err(io::Error::other)
    }

    /// Whether we are root, who must not run PostgreSQL: then the user to run it as.
    pub(super) fn other_than_root(&self) -> io::Result<Option<RunAs>> {
        if fs::metadata(&self.path)?.uid() != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let find = |name: &str| {
            let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let user = fields.find(|fields| fields.len() > 3 && fields[0] == name)?;
            Some(RunAs { uid: user[2].parse().ok()?, gid: user[3].parse().ok()? })
        };
        let user = find("postgres").or_else(|| find("nobody"));
        user.map(Some).ok_or_else(|| io::Error::other("root may not run it, and there is no user postgres or nobody"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether the process that holds this lock has ended, or never was.
pub(super) fn is_orphaned(lock: &Path) -> bool {
    match File::open(lock) {
        Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes what runs left that were killed together with their keepers.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if ours && (path.join(LOCK).exists() || is_older_than(&path, MAKING)) && is_orphaned(&path.join(LOCK)) {
            end_server_in(&path);
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn is_older_than(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|passed| passed > age))
}

fn end_server_in(folder: &Path) {
    let Ok(pid) = fs::read_to_string(folder.join("server.pid")) else { return };
    let pid = pid.trim();
    // The number may be another program's by now: ours has its folder among its arguments.
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy()) {
        let _ =
            Command::new("/bin/sh").args(["-c", "kill -s QUIT \"$0\"; sleep 0.5; kill -s KILL \"$0\"", pid]).output();
    }
}
