//! The file itself: opening and creating it, its permissions, and a file that is moved, deleted or replaced while it is
//! open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use provesi_core::{Chain, ClientRepository, OrderRepository, OrderRepositoryExt, OrderStatus, StoreAdmin, StoreError};
use provesi_store_sqlite::SqliteStore;

use crate::common::{Fixture, order, program_beside, stamp};

/// The database and the files that SQLite keeps beside it.
fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", path.display()).into())
}

fn rename(from: &Path, to: &Path) {
    for (from, to) in files(from).iter().zip(files(to)) {
        std::fs::rename(from, to).unwrap();
    }
}

async fn insert(store: &SqliteStore, number: &str) -> Result<(), StoreError> {
    OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(0)).await.map(drop)
}

async fn assert_degraded(store: &SqliteStore, number: &str, expected: &str) {
    for result in [insert(store, number).await, OrderRepository::ping(store).await, ClientRepository::ping(store).await]
    {
        assert!(matches!(result, Err(StoreError::Degraded { reason, .. }) if reason == expected), "{result:?}");
    }
}

#[tokio::test]
async fn no_connection_creates_a_file() {
    use sqlx::ConnectOptions;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.db");
    for options in [provesi_store_sqlite::reader_options(&path), provesi_store_sqlite::writer_options(&path)] {
        assert!(options.connect().await.is_err());
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn opening_a_missing_file_fails_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("none.db"), dir.path().join("no-folder").join("none.db")] {
        let error = SqliteStore::open(&path, 1).await.unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        assert!(Chain(&error).to_string().contains("there is no database file"), "{}", Chain(&error));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    SqliteStore::open_or_create(dir.path().join("none.db"), 1).await.unwrap().migrate().await.unwrap();
    SqliteStore::open(dir.path().join("none.db"), 1).await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_no_database_is_refused_with_the_reason_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (notes, empty) = (dir.path().join("notes.txt"), dir.path().join("empty.db"));
    std::fs::write(&notes, "no database ".repeat(100)).unwrap();
    std::fs::write(&empty, "").unwrap();
    let cases = [(dir.path(), "is not a regular file"), (&*notes, "is not an SQLite database"), (&*empty, "is empty")];
    for (path, expected) in cases {
        let error = SqliteStore::open(path, 1).await.unwrap_err();
        assert!(Chain(&error).to_string().contains(expected), "{}", Chain(&error));
        assert!(!error.is_transient(), "{error:?}");
    }
    for path in [dir.path(), &notes, &dir.path().join("no-folder").join("a.db")] {
        let error = SqliteStore::open_or_create(path, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
    }
    assert_eq!(std::fs::read(&notes).unwrap().len(), 1_200);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    // An earlier attempt that was killed left an empty file.
    SqliteStore::open_or_create(&empty, 1).await.unwrap().migrate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_is_acknowledged_that_would_be_lost_with_a_moved_file() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let away = fixture.path.with_extension("away");
    rename(&fixture.path, &away);
    assert_degraded(&fixture.store, "A-2", "file deleted").await;
    rename(&away, &fixture.path);
    insert(&fixture.store, "A-3").await.unwrap();
    OrderRepository::ping(&fixture.store).await.unwrap();
    assert_eq!(fixture.store.feed(None, provesi_core::PageLimit::MAX).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_is_not_created_again_and_can_still_be_read() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    insert(store, "A-1").await.unwrap();
    let number = "A-1".parse().unwrap();
    store.find_by_number(&number).await.unwrap();
    for file in files(&fixture.path) {
        std::fs::remove_file(file).unwrap();
    }
    // The writer opens a new connection after each failure.
    for number in ["A-2", "A-3", "A-4"] {
        assert_degraded(store, number, "file deleted").await;
    }
    assert!(store.find_by_number(&number).await.unwrap().is_some());
    // More reads than connections are open: the pool tries to open others.
    let reads = (0..64).map(|_| tokio::time::timeout(Duration::from_secs(1), store.find_by_number(&number)));
    futures_util::future::join_all(reads).await;
    store.close().await;
    assert_eq!(std::fs::read_dir(fixture.path.parent().unwrap()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_write_ahead_log_stops_writes_and_loses_none() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    std::fs::remove_file(&files(&fixture.path)[1]).unwrap();
    let refused = insert(&fixture.store, "A-2").await;
    assert!(matches!(refused, Err(StoreError::Degraded { reason: "file deleted", .. })), "{refused:?}");
    fixture.store.close().await;
    let store = SqliteStore::open(&fixture.path, 1).await.unwrap();
    assert!(store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().is_some());
    assert!(store.find_by_number(&"A-2".parse().unwrap()).await.unwrap().is_none());
}

/// A connection that is opened after the log was deleted creates another, which a look at its name does not tell apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_deleted_and_created_again_takes_no_writes() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let log = &files(&fixture.path)[1];
    std::fs::remove_file(log).unwrap();
    // As SQLite creates it.
    std::fs::write(log, "").unwrap();
    let refused = insert(&fixture.store, "A-2").await;
    assert!(matches!(refused, Err(StoreError::Degraded { reason: "file deleted", .. })), "{refused:?}");
    assert!(OrderRepository::ping(&fixture.store).await.is_err());
    fixture.store.close().await;
    let store = SqliteStore::open(&fixture.path, 1).await.unwrap();
    assert!(store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().is_some());
    assert!(store.find_by_number(&"A-2".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_is_not_created_beside_the_log_of_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    std::fs::write(&files(&path)[1], "writes").unwrap();
    for empty in [false, true] {
        if empty {
            std::fs::write(&path, "").unwrap();
        }
        let error = SqliteStore::open_or_create(&path, 1).await.unwrap_err();
        assert!(Chain(&error).to_string().contains("put the file back beside it"), "{}", Chain(&error));
        assert_eq!(std::fs::read(&files(&path)[1]).unwrap(), b"writes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_replaces_the_open_one_is_neither_written_nor_read() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let other = Fixture::new().await;
    insert(&other.store, "B-1").await.unwrap();
    other.store.close().await;
    rename(&fixture.path, &fixture.path.with_extension("away"));
    std::fs::copy(&other.path, &fixture.path).unwrap();
    assert_degraded(&fixture.store, "A-2", "file replaced").await;
    let number = "B-1".parse().unwrap();
    let reads: Vec<_> = (0..64)
        .map(|_| {
            let (store, number) = (fixture.store.clone(), "B-1".parse().unwrap());
            tokio::spawn(async move { store.find_by_number(&number).await })
        })
        .collect();
    for read in reads {
        assert!(!matches!(read.await.unwrap(), Ok(Some(_))));
    }
    // A new store opens the new file.
    let new = SqliteStore::open(&fixture.path, 2).await.unwrap();
    assert!(new.find_by_number(&number).await.unwrap().is_some());
    insert(&new, "B-2").await.unwrap();
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    const FILE: &str = "PROVESI_TEST_PERMISSIONS_FILE";

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// This test program, running one of its ignored tests. The umask is of the whole process.
    fn child(umask: &str, test: &str, path: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask $0; exec \"$@\"", umask])
            .arg(program_beside(path))
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(FILE, path);
        command
    }

    #[test]
    fn new_files_belong_to_their_owner_alone_whatever_the_umask() {
        for umask in ["000", "022", "377"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("new.db");
            let test = "file::permissions::child_that_creates_a_file_and_writes";
            let output = child(umask, test, &path).output().unwrap();
            assert!(output.status.success(), "umask {umask}: {output:?}");
            for file in files(&path) {
                assert_eq!(mode(&file), 0o600, "umask {umask}: {}", file.display());
            }
        }
    }

    /// Ends without closing the store, so that the files beside the database stay.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "not a test: run by another test in a process with another umask"]
    async fn child_that_creates_a_file_and_writes() {
        let Ok(path) = std::env::var(FILE) else { return };
        let store = SqliteStore::open_or_create(&path, 1).await.unwrap();
        store.migrate().await.unwrap();
        insert(&store, "A-1").await.unwrap();
        std::process::exit(0);
    }

    #[tokio::test]
    async fn an_existing_file_keeps_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        for (name, given) in [("a.db", 0o600), ("b.db", 0o640)] {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            set_mode(&path, given);
            let store = SqliteStore::open_or_create(&path, 1).await.unwrap();
            store.migrate().await.unwrap();
            insert(&store, "A-1").await.unwrap();
            assert_eq!(files(&path).map(|file| mode(&file)), [given; 3]);
        }
    }

    #[test]
    fn a_file_without_permission_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o755);
        let path = dir.path().join("secret.db");
        std::fs::write(&path, "x").unwrap();
        set_mode(&path, 0o000);
        let mut child = child("022", "file::permissions::child_that_may_not_open_the_file", &path);
        // Permissions do not stop root.
        if runs_as_root() {
            child.uid(65_534).gid(65_534);
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    fn runs_as_root() -> bool {
        let own = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::MetadataExt::uid(&own.as_file().metadata().unwrap()) == 0
    }

    #[tokio::test]
    #[ignore = "not a test: run by another test as a user that may not open the file"]
    async fn child_that_may_not_open_the_file() {
        let Ok(path) = std::env::var(FILE) else { return };
        let error = SqliteStore::open(&path, 1).await.unwrap_err();
        assert!(Chain(&error).to_string().contains("may this user read and write"), "{}", Chain(&error));
        let beside = Path::new(&path).with_file_name("new.db");
        let error = SqliteStore::open_or_create(&beside, 1).await.unwrap_err();
        assert!(Chain(&error).to_string().contains("cannot be created: Permission denied"), "{}", Chain(&error));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_behind_a_symbolic_link_can_be_written() {
        let fixture = Fixture::new().await;
        fixture.store.close().await;
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link.db");
        symlink(&fixture.path, &link).unwrap();
        let store = SqliteStore::open(&link, 1).await.unwrap();
        insert(&store, "A-1").await.unwrap();
        OrderRepository::ping(&store).await.unwrap();
    }
}

/// Opening a named pipe waits until somebody writes to it.
#[cfg(unix)]
#[tokio::test]
async fn a_named_pipe_and_a_text_are_refused_before_their_tables_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (pipe, text) = (dir.path().join("pipe.db"), dir.path().join("text.db"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&text, "a text that is longer than the header of a database file".repeat(9)).unwrap();
    for (path, why) in [(pipe, "is not a regular file"), (text, "is not an SQLite database")] {
        let looked_at = tokio::time::timeout(Duration::from_secs(10), provesi_store_sqlite::foreign_tables(&path));
        let error = looked_at.await.expect("an answer").unwrap_err();
        assert!(Chain(&error).to_string().contains(why), "{}", Chain(&error));
    }
}
