//! What an import tells while it runs and at its end.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ImportError;
use super::decode::Encoding;
use super::values::Fault;

/// Where faults are told, and how far the import is.
pub(crate) struct Report {
    out: Box<dyn Write + Send>,
    bar: ProgressBar,
    /// The bytes of the files that are done.
    done: u64,
}

impl Report {
    /// Faults on standard error, with a progress bar where that is a terminal.
    pub(crate) fn stderr() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self { out: Box::new(io::stderr()), bar, done: 0 }
    }

    /// Faults to `out`, without a bar.
    #[cfg(test)]
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), bar: ProgressBar::hidden(), done: 0 }
    }

    pub(super) fn start(&self, bytes: u64) {
        // The template is constant; the default bar does as well.
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}% {bytes}/{total_bytes} {msg} ETA {eta}")
        {
            self.bar.set_style(style);
        }
        self.bar.set_length(bytes);
    }

    pub(super) fn at(&self, consumed: u64) {
        self.bar.set_position(self.done + consumed);
    }

    pub(super) fn file_done(&mut self, size: u64) {
        self.done += size;
        self.bar.set_position(self.done);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&mut self, text: fmt::Arguments<'_>) -> Result<(), ImportError> {
        let out = &mut self.out;
        self.bar.suspend(|| writeln!(out, "{text}")).map_err(ImportError::Report)
    }

    /// Says where letters may come out wrong: a file that is UTF-8 but for one byte is windows-1252 as well.
    pub(super) fn read_as(&mut self, path: &Path, encoding: Encoding) -> Result<(), ImportError> {
        match encoding {
            Encoding::Utf8 => Ok(()),
            Encoding::Windows1252 => {
                self.line(format_args!("{}: note: it is not UTF-8, so it is read as windows-1252", path.display()))
            }
        }
    }

    pub(super) fn unknown_columns(&mut self, path: &Path, columns: &[Box<str>]) -> Result<(), ImportError> {
        if columns.is_empty() {
            return Ok(());
        }
        let columns = one_line(&columns.join(", "));
        self.line(format_args!("{}:1: warning: unknown columns are not read: {columns}", path.display()))
    }

    /// Counts the bad rows of a batch, and tells each fault, in the order of the file.
    pub(super) fn bad_rows(
        &mut self,
        path: &Path,
        mut bad: Vec<(u64, Vec<Fault>)>,
        tally: &mut Tally,
    ) -> Result<(), ImportError> {
        bad.sort_by_key(|(line, _)| *line);
        for (line, faults) in bad {
            tally.failed += 1;
            for Fault { column, why } in faults {
                match column {
                    Some(column) => self.line(format_args!("{}:{line}: column {column}: {why}", path.display()))?,
                    None => self.line(format_args!("{}:{line}: {why}", path.display()))?,
                }
            }
        }
        Ok(())
    }
}

/// A text of a file as a terminal can show it.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What became of the rows of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Rows that were inserted, or would be.
    pub(crate) new: u64,
    /// Rows whose record was there before.
    pub(crate) already_there: u64,
    /// Those of [`Self::already_there`] whose record says something else.
    pub(crate) differ: u64,
    /// Rows with faults.
    pub(crate) failed: u64,
}

impl Tally {
    pub(super) fn count(&mut self, fate: super::Fate) {
        match fate {
            super::Fate::New => self.new += 1,
            super::Fate::AlreadyThere { differs } => {
                self.already_there += 1;
                self.differ += u64::from(differs);
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} new, {} already there", self.new, self.already_there)?;
        if self.differ > 0 {
            write!(f, " ({} of them differ and were left as they are)", self.differ)?;
        }
        write!(f, ", {} failed", self.failed)
    }
}

/// What became of all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Whether nothing was written.
    pub(crate) dry_run: bool,
    /// The file of clients, where one was given.
    pub(crate) clients: Option<Tally>,
    /// The file of orders, where one was given.
    pub(crate) orders: Option<Tally>,
}

impl Summary {
    /// How many rows have faults.
    pub(crate) fn failed(&self) -> u64 {
        [self.clients, self.orders].into_iter().flatten().map(|tally| tally.failed).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tally) = self.clients {
            writeln!(f, "clients: {tally}")?;
        }
        if let Some(tally) = self.orders {
            writeln!(f, "orders: {tally}")?;
        }
        if self.dry_run {
            writeln!(f, "dry run: nothing was written")?;
        }
        Ok(())
    }
}
