//! Whether a recorded history is one that a correct server can have. Pure functions: no clock, no network.

mod chain;
mod clients;
mod elsewhere;
mod orders;
mod versions;

use std::fmt;

use super::history::{Call, History, Outcome};

/// A kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acknowledged write is not there.
    LostWrite,
    /// A write of another program was written over by a server that had not seen it.
    LostWriteElsewhere,
    /// A write that the server refused is there.
    RefusedWriteMade,
    /// A write with `If-Match` replaced a version that its caller had not seen.
    LostUpdate,
    /// A change has no event.
    MissingEvent,
    /// An event has no call that can have caused it.
    UnexplainedEvent,
    /// One call had its effect twice.
    MadeTwice,
    /// A write took effect before it was sent or after it was answered.
    OutOfOrder,
    /// Two contents of a record have the same version.
    VersionReused,
    /// A later answer shows an older version.
    VersionWentBack,
    /// Two orders have one number, or two clients one e-mail address, at the same time.
    Duplicate,
    /// An answer, a record and its events disagree.
    Disagreement,
    /// An order names a client that was deleted while nothing was disturbed.
    DanglingOrder,
    /// The server answered 500.
    InternalError,
}

/// What a correct server cannot do, with the record or call where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What went wrong.
    pub kind: Kind,
    /// The details, for people.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

pub(super) type Violations = Vec<Violation>;

pub(super) fn violation(kind: Kind, what: impl Into<String>) -> Violation {
    Violation { kind, what: what.into() }
}

/// All violations in a history; none for a good one.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Violations::new();
    for call in &history.calls {
        if let Outcome::Failed { body } = &call.outcome {
            found.push(violation(Kind::InternalError, format!("{}: {body}", describe(call))));
        }
    }
    orders::check(history, &mut found);
    clients::check(history, &mut found);
    versions::check(history, &mut found);
    elsewhere::check(history, &mut found);
    found
}

/// A call on one line.
pub(super) fn describe(call: &Call) -> String {
    let outcome = match &call.outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Refused { status, code } => format!("{status} {code}"),
        Outcome::NotSent => "not sent".to_owned(),
        Outcome::Unknown { why } => format!("unknown ({why})"),
        Outcome::Failed { .. } => "500".to_owned(),
    };
    let seconds = |instant: u64| std::time::Duration::from_micros(instant).as_secs_f64();
    let (from, until) = (seconds(call.invoked), seconds(call.returned));
    format!("{} at {from:.3} to {until:.3} s, {outcome}: {:?}", call.actor(), call.op)
}
