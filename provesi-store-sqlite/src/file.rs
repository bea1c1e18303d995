//! Which file a store works on. A path may come to name another one while the first is open: somebody moves it, deletes
//! it, or puts a backup in its place. SQLite goes on with the file that it opened, so that writes would be
//! acknowledged and be gone with the next start, and connections opened later would read the other file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use provesi_core::StoreError;

/// The file that a store works on, known from the first look at it.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    identity: Arc<OnceLock<Identity>>,
}

/// Device and inode where there are such things, and nothing elsewhere: where an open file cannot be moved or deleted
/// in the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(Option<(u64, u64)>);

const REPLACED: &str = "the database file was moved, deleted or replaced while it was open; put it back, or restart";

impl OpenFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: Arc::default() }
    }

    /// Whether the path still names the file that it named when this was first called.
    ///
    /// # Errors
    /// [`StoreError::Degraded`] where it does not.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.look().map_err(|error| StoreError::degraded("file deleted", error))
    }

    /// As [`check`](Self::check), with the driver's kind of error.
    pub(crate) fn look(&self) -> io::Result<()> {
        let now = match identity(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(io::Error::other(REPLACED)),
            now => now?,
        };
        let first = self.identity.get_or_init(|| now);
        if *first == now { Ok(()) } else { Err(io::Error::other(REPLACED)) }
    }
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
