//! Whether two settings name one SQLite file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Whether two paths name one file, which need not exist yet.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    fn resolved(path: &Path) -> Option<PathBuf> {
        if let Ok(path) = path.canonicalize() {
            return Some(path);
        }
        let dir = path.parent().filter(|dir| *dir != OsStr::new("")).unwrap_or(Path::new("."));
        Some(dir.canonicalize().ok()?.join(path.file_name()?))
    }
    /// Two names of one file that exists: a hard link, or a folder that is mounted twice.
    #[cfg(unix)]
    fn linked(a: &Path, b: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| path.metadata().map(|file| (file.dev(), file.ino())).ok();
        identity(a).is_some_and(|a| identity(b) == Some(a))
    }
    #[cfg(not(unix))]
    fn linked(_: &Path, _: &Path) -> bool {
        false
    }
    a == b || linked(a, b) || resolved(a).is_some_and(|a| resolved(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_one_file_however_it_is_named() {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        assert!(same_file(Path::new("a.db"), Path::new("./a.db")));
        assert!(same_file(&path("a.db"), &path("../").join(dir.path()).join("./a.db")));
        assert!(!same_file(&path("a.db"), &path("b.db")));
        std::fs::write(path("a.db"), "").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("a.db"), path("c.db")).unwrap();
            assert!(same_file(&path("a.db"), &path("c.db")));
            std::fs::hard_link(path("a.db"), path("d.db")).unwrap();
            assert!(same_file(&path("d.db"), &path("a.db")) && !same_file(&path("d.db"), &path("b.db")));
        }
    }
}
