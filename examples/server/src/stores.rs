//! The stores behind their URLs: the only place that names every one of them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use provesi_core::{App, AuditPolicy, StoreError};
use provesi_store_sqlite::{AuditAck, SqliteStore};
use tempfile::TempDir;

use crate::logging::LogAudit;
use crate::settings::{Audit, StoreSettings, StoreUrl};

/// A store that cannot be opened or used, by the setting that names it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{setting}: {}", path.display())]
    Store {
        setting: &'static str,
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error("{setting}: {}: there is no such file", path.display())]
    Missing { setting: &'static str, path: PathBuf },
    #[error("{setting}: {}: the tables are of an older version; run `provesi-server migrate` first", path.display())]
    Outdated { setting: &'static str, path: PathBuf },
    #[error("no temporary file can be made")]
    Temporary(#[source] std::io::Error),
}

/// What a command wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Make it where it is missing, and bring its tables up to date.
    Prepare,
    /// Make it where it is missing, and leave its tables as they are.
    Untouched,
    /// It is there, and up to date.
    AsItIs,
    /// As [`Self::AsItIs`]; where it is missing, an empty one elsewhere for the time being.
    Look,
}

/// One file, opened.
struct File {
    setting: &'static str,
    path: PathBuf,
    store: SqliteStore,
}

/// The stores of clients and of orders: one file, or two.
pub(crate) struct Stores {
    clients: File,
    /// `None` where the orders are in the file of the clients.
    orders: Option<File>,
    /// Held for as long as the stores are.
    _temporary: Option<TempDir>,
}

/// The migrations that a file lacked.
pub(crate) struct Migrated {
    pub(crate) path: PathBuf,
    pub(crate) applied: Vec<String>,
}

impl Stores {
    /// Opens the files. Two URLs of the same file share one store: a file has one writer.
    pub(crate) async fn open(settings: &StoreSettings, opening: Opening) -> Result<Self, OpenError> {
        let (StoreUrl::Sqlite(clients), StoreUrl::Sqlite(orders)) = (&settings.clients, &settings.orders);
        let temporary = (opening == Opening::Look).then(TempDir::new).transpose().map_err(OpenError::Temporary)?;
        let is_one = same_file(clients, orders);
        let readers = settings.readers.get();
        let temporary_dir = temporary.as_ref().map(TempDir::path);
        let clients = File::open("--clients", clients, readers, opening, temporary_dir).await?;
        let orders =
            if is_one { None } else { Some(File::open("--orders", orders, readers, opening, temporary_dir).await?) };
        Ok(Self { clients, orders, _temporary: temporary })
    }

    fn orders(&self) -> &File {
        self.orders.as_ref().unwrap_or(&self.clients)
    }

    /// The application over the stores.
    pub(crate) fn app(&self) -> App {
        App::new(Arc::new(self.clients.store.clone()), Arc::new(self.orders().store.clone()))
    }

    /// `app` with the audit that was asked for; in the store, records of access are kept beside the orders.
    pub(crate) fn audited(&self, app: App, audit: Audit) -> App {
        match audit {
            Audit::Off => app,
            Audit::Log => app.with_audit(Arc::new(LogAudit), AuditPolicy::BestEffort),
            // What is handed out is on record: a read waits until its record is on the disk, and is not handed out where
            // the disk does not take it.
            Audit::Store => {
                let sink = self.orders().store.clone().with_audit_ack(AuditAck::Committed);
                app.with_audit(Arc::new(sink), AuditPolicy::Strict)
            }
        }
    }

    /// Brings the tables of every file up to date, and tells what was lacking.
    pub(crate) async fn migrate(&self) -> Result<Vec<Migrated>, OpenError> {
        let mut all = Vec::new();
        for file in [Some(&self.clients), self.orders.as_ref()].into_iter().flatten() {
            let applied = file.store.pending_migrations().await.map_err(|source| file.failed(source))?;
            file.store.migrate().await.map_err(|source| file.failed(source))?;
            all.push(Migrated { path: file.path.clone(), applied });
        }
        Ok(all)
    }

    /// Writes what waits and closes the files.
    pub(crate) async fn close(self) {
        self.clients.store.close().await;
        if let Some(orders) = &self.orders {
            orders.store.close().await;
        }
    }
}

impl File {
    async fn open(
        setting: &'static str,
        path: &Path,
        readers: u32,
        opening: Opening,
        temporary: Option<&Path>,
    ) -> Result<Self, OpenError> {
        let mut opened = path.to_owned();
        let mut prepare = opening == Opening::Prepare;
        if !path.exists() {
            match (opening, temporary) {
                (Opening::AsItIs, _) => return Err(OpenError::Missing { setting, path: opened }),
                (Opening::Look, Some(temporary)) => (opened, prepare) = (temporary.join(&setting[2..]), true),
                _ => {}
            }
        }
        let failed = |source| OpenError::Store { setting, path: path.to_owned(), source };
        let store = SqliteStore::open(&opened, readers).await.map_err(failed)?;
        if prepare {
            store.migrate().await.map_err(failed)?;
        } else if opening != Opening::Untouched && !store.pending_migrations().await.map_err(failed)?.is_empty() {
            return Err(OpenError::Outdated { setting, path: path.to_owned() });
        }
        Ok(Self { setting, path: path.to_owned(), store })
    }

    fn failed(&self, source: StoreError) -> OpenError {
        OpenError::Store { setting: self.setting, path: self.path.clone(), source }
    }
}

/// Whether two paths name one file, which need not be there yet.
fn same_file(a: &Path, b: &Path) -> bool {
    fn resolved(path: &Path) -> Option<PathBuf> {
        if let Ok(path) = path.canonicalize() {
            return Some(path);
        }
        let dir = path.parent().filter(|dir| *dir != OsStr::new("")).unwrap_or(Path::new("."));
        Some(dir.canonicalize().ok()?.join(path.file_name()?))
    }
    a == b || resolved(a).is_some_and(|a| resolved(b) == Some(a))
}

#[cfg(test)]
mod tests {
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
        }
    }
}
