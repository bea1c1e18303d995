//! The figures of a run, and where its history is kept when something is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::time::Duration;

use super::check::Violation;
use super::history::{History, Outcome};

/// What a run did.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Figures {
    pub calls: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub unavailable: u64,
    pub unknown: u64,
    pub not_sent: u64,
    pub kills: u64,
    pub server_freezes: u64,
    pub database_freezes: u64,
    pub database_restarts: u64,
    pub violations: u64,
    pub time: Duration,
}

impl Figures {
    /// Counts the calls of a history.
    pub(super) fn count(&mut self, history: &History) {
        for call in &history.calls {
            self.calls += 1;
            match &call.outcome {
                _ if !call.is_write() => {}
                Outcome::Done { .. } => self.acknowledged += 1,
                Outcome::Refused { status: 503, .. } => self.unavailable += 1,
                Outcome::Refused { .. } => self.refused += 1,
                Outcome::NotSent => self.not_sent += 1,
                Outcome::Unknown { .. } | Outcome::Failed { .. } => self.unknown += 1,
            }
        }
    }

    /// Freezes of all processes.
    #[must_use]
    pub fn freezes(&self) -> u64 {
        self.server_freezes + self.database_freezes
    }
}

impl AddAssign<&Figures> for Figures {
    fn add_assign(&mut self, other: &Figures) {
        self.calls += other.calls;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.unknown += other.unknown;
        self.not_sent += other.not_sent;
        self.kills += other.kills;
        self.server_freezes += other.server_freezes;
        self.database_freezes += other.database_freezes;
        self.database_restarts += other.database_restarts;
        self.violations += other.violations;
        self.time += other.time;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls; writes: {} acknowledged, {} refused, {} 503, {} unknown, {} not sent; {} kills, {} freezes of the \
             server, {} freezes and {} restarts of databases; {} s; {} violations",
            self.calls,
            self.acknowledged,
            self.refused,
            self.unavailable,
            self.unknown,
            self.not_sent,
            self.kills,
            self.server_freezes,
            self.database_freezes,
            self.database_restarts,
            self.time.as_secs(),
            self.violations
        )
    }
}

/// Saves a history in the folder for temporary files and returns its path.
///
/// # Panics
/// Where it cannot be written.
#[must_use]
pub fn save(history: &History) -> PathBuf {
    let folder = std::env::temp_dir().join("provesi-chaos");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written to");
    let path = folder.join(format!("{}-{}.json", history.arrangement, history.seed));
    let text = serde_json::to_vec(history).expect("a history is JSON");
    std::fs::write(&path, text).expect("the temporary folder can be written to");
    path
}

/// A short report of violations: the first few of each kind.
#[must_use]
pub fn summary(violations: &[Violation]) -> String {
    const SHOWN: usize = 3;
    let mut kinds: BTreeMap<_, Vec<&Violation>> = BTreeMap::new();
    for violation in violations {
        kinds.entry(violation.kind).or_default().push(violation);
    }
    let mut text = String::new();
    for (kind, all) in kinds {
        text.push_str(&format!("{kind:?}: {}\n", all.len()));
        for violation in all.iter().take(SHOWN) {
            text.push_str(&format!("  {}\n", violation.what));
        }
    }
    text
}
