//! The database file: creating it, checking it before it is opened, and noticing that it was deleted or replaced while it
//! is open. SQLite keeps working on the file that it opened: writes would be acknowledged and be lost at the next start,
//! and connections that are opened later would read another file.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use provesi_core::StoreError;

/// The file that a store works on. Its identity is recorded by the first check.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    identity: Arc<OnceLock<Identity>>,
    /// The write-ahead log, which SQLite keeps beside the file that a symbolic link leads to.
    log: Arc<OnceLock<(PathBuf, Identity)>>,
}

/// Device and inode on Unix. Elsewhere an open file cannot be moved or deleted, and nothing needs to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(Option<(u64, u64)>);

#[derive(Debug, thiserror::Error)]
#[error("the database file {} was {what} while it was open: {advice}", path.display())]
struct Lost {
    path: PathBuf,
    what: &'static str,
    advice: &'static str,
}

/// The log holds acknowledged writes. Without its file they are lost, and beside another file they damage that one.
const PUT_BACK: &str = "put it back before the next start, beside its -wal file";
const REMOVE_LOG: &str =
    "put the old one back, or stop, and remove the -wal and -shm files of the old one before the next start";
const STOP: &str = "stop, which saves what the open log holds; writes are refused until then";

impl OpenFile {
    pub(crate) fn new(path: &Path) -> Self {
        // As SQLite does: a relative path would follow the folder of the process when that is moved.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, identity: Arc::default(), log: Arc::default() }
    }

    /// Checks that the path still names the file that it named at the first check.
    ///
    /// # Errors
    /// - [`StoreError::Degraded`] if the file was deleted, moved or replaced.
    /// - [`StoreError::Unavailable`] if the path cannot be looked up.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(now) if *self.identity.get_or_init(|| now) == now => Ok(()),
            Ok(_) => Err(StoreError::degraded("file replaced", self.lost("replaced", REMOVE_LOG))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.deleted("moved or deleted", PUT_BACK)),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    /// As [`check`](Self::check), and also checks that the write-ahead log exists, and that it is the one of
    /// [`record_log`](Self::record_log): a connection that is opened after it was deleted creates another, which the older
    /// connections do not use. The caller must have a transaction open: SQLite creates the log when the first one begins, and
    /// removes it when the last connection is closed.
    pub(crate) fn check_with_log(&self) -> Result<(), StoreError> {
        self.check()?;
        match self.log.get() {
            Some((log, known)) if self.log_identity(log)? == *known => Ok(()),
            Some(_) => Err(self.log_deleted()),
            None => self.log_identity(&self.log_path()?).map(drop),
        }
    }

    /// Records the log for [`check_with_log`](Self::check_with_log), which it checks. For a connection that has read and stays
    /// open, so that SQLite does not remove the log.
    pub(crate) fn record_log(&self) -> Result<(), StoreError> {
        let log = self.log_path()?;
        let identity = self.log_identity(&log)?;
        self.log.get_or_init(|| (log, identity));
        self.check_with_log()
    }

    fn log_path(&self) -> Result<PathBuf, StoreError> {
        Ok(log_of(&self.path.canonicalize().map_err(StoreError::unavailable)?))
    }

    fn log_identity(&self, log: &Path) -> Result<Identity, StoreError> {
        identity(log).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.log_deleted(),
            _ => StoreError::unavailable(error),
        })
    }

    fn log_deleted(&self) -> StoreError {
        self.deleted("left without its write-ahead log, which was deleted", STOP)
    }

    fn deleted(&self, what: &'static str, advice: &'static str) -> StoreError {
        StoreError::degraded("file deleted", self.lost(what, advice))
    }

    fn lost(&self, what: &'static str, advice: &'static str) -> Lost {
        Lost { path: self.path.clone(), what, advice }
    }
}

/// What is wrong with a path that was to be opened.
#[derive(Debug, thiserror::Error)]
enum PathError {
    #[error("there is no database file {}", .0.display())]
    Missing(PathBuf),
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is empty: it is not a database yet", .0.display())]
    Empty(PathBuf),
    #[error("{} is not an SQLite database", .0.display())]
    NotADatabase(PathBuf, #[source] sqlx::Error),
    #[error("the database file {} cannot be opened: may this user read and write the file and its folder?", .0.display())]
    NotPermitted(PathBuf, #[source] sqlx::Error),
    #[error(
        "there is no database file {}, but its -wal file, which holds writes to it: put the file back beside it, or remove it to \
         begin anew", .0.display()
    )]
    LogAlone(PathBuf),
    #[error("the database file {} cannot be created", .0.display())]
    NotCreated(PathBuf, #[source] io::Error),
    #[error("{} cannot be looked up", .0.display())]
    NotFound(PathBuf, #[source] io::Error),
}

/// Held while a file is created. Closing a descriptor of a file drops the locks that SQLite holds on this file in the same
/// process (<https://www.sqlite.org/howtocorrupt.html>, 2.2), so no connection may be opened before it is closed.
static CREATING: Mutex<()> = Mutex::new(());

/// Checks that `path` names a file that may be a database. Does not open it, see [`CREATING`].
pub(crate) fn check_existing(path: &Path) -> Result<(), StoreError> {
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    check_path(path, false)
}

/// Checks that `path` names a regular file, also an empty one, before it is opened.
pub(crate) fn check_kind(path: &Path) -> Result<(), StoreError> {
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    check_path(path, true)
}

/// Creates an empty file at `path` that only its owner can read and write, whatever the umask. SQLite gives the files that
/// it creates beside it the same permissions. An existing file keeps its permissions.
pub(crate) fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = std::fs::metadata(path).map_or(true, |file| file.is_file() && file.len() == 0);
    if is_new && std::fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::backend(PathError::LogAlone(path.to_owned())));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
    match options.open(path) {
        Ok(file) => restrict(&file).map_err(|error| not_created(path, error)),
        // An empty file is also what a process leaves that ended while it created the database.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_path(path, true),
        Err(error) => Err(not_created(path, error)),
    }
}

/// The write-ahead log of a database file.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// What SQLite's refusal to open the file at `path` means.
pub(crate) fn open_error(path: &Path, error: sqlx::Error) -> StoreError {
    match crate::error::result_code(&error) {
        Some(CANNOT_OPEN) => StoreError::backend(PathError::NotPermitted(path.to_owned(), error)),
        Some(NOT_A_DATABASE) => StoreError::backend(PathError::NotADatabase(path.to_owned(), error)),
        _ => crate::error::store_error(error),
    }
}

/// `SQLITE_CANTOPEN` and `SQLITE_NOTADB`.
const CANNOT_OPEN: u32 = 14;
const NOT_A_DATABASE: u32 = 26;

fn check_path(path: &Path, may_be_empty: bool) -> Result<(), StoreError> {
    let named = path.to_owned();
    let wrong = match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => PathError::NotAFile(named),
        Ok(file) if file.len() == 0 && !may_be_empty => PathError::Empty(named),
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => PathError::Missing(named),
        Err(error) => PathError::NotFound(named, error),
    };
    Err(StoreError::backend(wrong))
}

fn not_created(path: &Path, error: io::Error) -> StoreError {
    StoreError::backend(PathError::NotCreated(path.to_owned(), error))
}

#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// The umask may have taken permissions of the owner away.
#[cfg(unix)]
fn restrict(file: &std::fs::File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(OWNER_ONLY))
}

#[cfg(not(unix))]
fn restrict(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|file| Identity(Some((file.dev(), file.ino()))))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| Identity(None))
}
