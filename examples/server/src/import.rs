//! CSV files into the stores: good rows in, a line per fault, and nothing changed that is there already.
//!
//! A file is read by a thread of its own that decodes, splits and checks; batches of rows come over a short channel,
//! and each batch is looked up and inserted with many inserts in flight, so that a store can commit them together.
//! Memory does not grow with the file, but for 17 to 35 bytes a row that tell duplicates in it.

mod clients;
mod csv;
mod decode;
mod orders;
mod report;
mod values;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;
use std::{io, thread};

use provesi_core::{App, AuditAction, Caller, Field, ObjectIds, StoreError, Subject, Timestamp};
use tokio::sync::mpsc;

use csv::{Broken, CsvFile, Record};
pub(crate) use report::{Report, Summary, Tally};
use values::Fault;
pub(crate) use values::instant;

/// How many rows are looked up and inserted together: the most that one query of a store takes.
const BATCH: usize = 1_000;
/// How many inserts are under way at once.
const INSERTS_IN_FLIGHT: usize = 256;
/// How many look-ups are under way at once: a little more than a reader pool has connections.
const LOOKUPS_IN_FLIGHT: usize = 16;

/// What to import.
#[derive(Clone, Debug, Default)]
pub(crate) struct Import {
    /// The file of clients, if any.
    pub(crate) clients: Option<PathBuf>,
    /// The file of orders, if any.
    pub(crate) orders: Option<PathBuf>,
    /// Whether everything is checked and nothing is written.
    pub(crate) dry_run: bool,
}

/// Why an import stopped. What was written before stays; the same import again goes on from there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("{}: cannot be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: is not a regular file; it is read twice, so it cannot be a pipe or a directory", path.display())]
    NotAFile { path: PathBuf },
    #[error("{}:{line}: is not a text file (it holds a NUL byte or broken characters)", path.display())]
    NotText { path: PathBuf, line: u64 },
    #[error("{}: is UTF-16 text; save it as UTF-8 or as CSV", path.display())]
    Utf16 { path: PathBuf },
    #[error("{}: is empty; the first line must name the columns", path.display())]
    NoHeader { path: PathBuf },
    #[error("{}:1: needs the columns {missing}; it has {found}", path.display())]
    ColumnsMissing { path: PathBuf, missing: String, found: String },
    #[error("{}:1: names the column {column} twice", path.display())]
    ColumnTwice { path: PathBuf, column: String },
    #[error("{}:{line}: {broken}", path.display())]
    BrokenHeader { path: PathBuf, line: u64, broken: Broken },
    #[error("the store of clients failed")]
    Clients(#[source] StoreError),
    #[error("the store of orders failed")]
    Orders(#[source] StoreError),
    #[error("the audit failed; what was written stays")]
    Audit(#[source] StoreError),
    #[error("the thread that reads the file stopped")]
    ReaderStopped,
    #[error("the report cannot be written")]
    Report(#[source] io::Error),
}

/// Imports the files. Both are opened, and their headers checked, before anything is written.
pub(crate) async fn import(
    app: &App,
    caller: &Caller,
    what: &Import,
    report: &mut Report,
) -> Result<Summary, ImportError> {
    let clients = what.clients.as_deref().map(clients::open).transpose()?;
    let orders = what.orders.as_deref().map(orders::open).transpose()?;
    let files = [clients.as_ref().map(|(file, ..)| file), orders.as_ref().map(|(file, ..)| file)];
    report.start(files.into_iter().flatten().map(|file| file.progress().0).sum());
    let mut run = Run {
        app,
        caller,
        dry_run: what.dry_run,
        now: app.now(),
        ids: ObjectIds::new(),
        emails: Seen::default(),
        report,
    };
    let mut summary = Summary { dry_run: what.dry_run, ..Summary::default() };
    if let Some((file, columns, unknown)) = clients {
        run.report.read_as(file.path(), file.encoding())?;
        run.report.unknown_columns(file.path(), &unknown)?;
        summary.clients = Some(clients::import(&mut run, file, columns).await?);
    }
    if let Some((file, columns, unknown)) = orders {
        run.report.read_as(file.path(), file.encoding())?;
        run.report.unknown_columns(file.path(), &unknown)?;
        summary.orders = Some(orders::import(&mut run, file, columns).await?);
    }
    run.report.finish();
    Ok(summary)
}

/// What both files share in one import.
struct Run<'a> {
    app: &'a App,
    caller: &'a Caller,
    dry_run: bool,
    /// The instant of rows that name none.
    now: Timestamp,
    ids: ObjectIds,
    /// The e-mail addresses of the good rows of the file of clients.
    emails: Seen,
    report: &'a mut Report,
}

impl Run<'_> {
    /// Puts on record what was done to the records of a batch.
    async fn recorded(&self, action: AuditAction, fields: &[Field], subjects: Vec<Subject>) -> Result<(), ImportError> {
        self.app.record_access(self.caller, action, fields, subjects).await.map_err(ImportError::Audit)
    }
}

/// The keys of a file with the lines where they stood first.
///
/// Holds hashes with a random seed, 8 bytes a key, rather than the keys: with a million rows, one import in 37
/// million would take two different keys for the same, and say so.
#[derive(Default)]
struct Seen {
    seed: RandomState,
    lines: HashMap<u64, u32>,
}

impl Seen {
    /// Notes a key. `Some` line where it stood before.
    fn note(&mut self, key: &str, line: u64) -> Option<u32> {
        match self.lines.entry(self.seed.hash_one(key)) {
            std::collections::hash_map::Entry::Occupied(entry) => Some(*entry.get()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(u32::try_from(line).unwrap_or(u32::MAX));
                None
            }
        }
    }

    fn contains(&self, key: &str) -> bool {
        self.lines.contains_key(&self.seed.hash_one(key))
    }
}

/// A checked row, or all that is wrong with it.
struct Row<R> {
    line: u64,
    checked: Result<R, Vec<Fault>>,
}

/// Rows that are handled together, and how far in the file they reach.
struct Batch<R> {
    rows: Vec<Row<R>>,
    consumed: u64,
}

/// The batches of a file, as its thread reads them.
struct Batches<R>(mpsc::Receiver<Result<Option<Batch<R>>, ImportError>>);

impl<R> Batches<R> {
    /// The next batch, `None` at the end of the file.
    async fn next(&mut self) -> Result<Option<Batch<R>>, ImportError> {
        // A thread that ends without saying so has panicked; that is no end of the file.
        self.0.recv().await.unwrap_or(Err(ImportError::ReaderStopped))
    }
}

/// Reads and checks a file on a thread of its own. The channel is short: the reader waits for the store.
fn batches<R: Send + 'static>(
    mut file: CsvFile,
    check: impl Fn(&Record) -> Result<R, Vec<Fault>> + Send + 'static,
) -> Batches<R> {
    let (sender, receiver) = mpsc::channel(2);
    thread::spawn(move || {
        let mut read = || {
            let mut rows = Vec::with_capacity(BATCH);
            while rows.len() < BATCH {
                match file.next() {
                    Ok(Some(record)) => rows.push(Row { line: record.line, checked: check(&record) }),
                    Ok(None) => return (rows, Some(Ok(None)), file.progress().1),
                    Err(error) => return (rows, Some(Err(error)), file.progress().1),
                }
            }
            (rows, None, file.progress().1)
        };
        loop {
            let (rows, end, consumed) = read();
            // Where nobody receives any more, the import stopped.
            if sender.blocking_send(Ok(Some(Batch { rows, consumed }))).is_err() {
                return;
            }
            if let Some(end) = end {
                let _ = sender.blocking_send(end);
                return;
            }
        }
    });
    Batches(receiver)
}

/// Inserts, and tries again if the store does not answer or does not confirm: another process may be writing to the same
/// file. An insert that was not confirmed and was made is refused at the next try, as a record that exists already.
async fn patiently<T>(insert: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut pauses = [100, 500, 2_000].into_iter();
    loop {
        match (insert().await, pauses.next()) {
            (Err(error), Some(pause)) if error.is_transient() || matches!(error, StoreError::OutcomeUnknown { .. }) => {
                tracing::debug!("the store does not answer; trying again");
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            (result, _) => return result,
        }
    }
}

/// What became of a good row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    New,
    AlreadyThere { differs: bool },
}

/// The rows of a batch, by whether there is anything wrong with them.
struct Sifted<R> {
    good: Vec<R>,
    bad: Vec<(u64, Vec<Fault>)>,
}

impl Seen {
    /// Takes out of a batch the rows with faults, and those whose key stood in the file before.
    fn sift<R>(&mut self, batch: Batch<R>, key_column: &'static str, key: impl Fn(&R) -> String) -> Sifted<(u64, R)> {
        let mut sifted = Sifted { good: Vec::with_capacity(batch.rows.len()), bad: Vec::new() };
        for Row { line, checked } in batch.rows {
            match checked.map(|row| (self.note(&key(&row), line), row)) {
                Ok((None, row)) => sifted.good.push((line, row)),
                Ok((Some(first), _)) => {
                    let fault = Fault::new(key_column, format!("the same stands in line {first} already"));
                    sifted.bad.push((line, vec![fault]));
                }
                Err(faults) => sifted.bad.push((line, faults)),
            }
        }
        sifted
    }
}

#[cfg(test)]
mod tests;
