//! What a store says when it cannot do what it was asked: a few meanings, whatever the database.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::EntryKind;

/// The source of an error, kept for logs. Never part of an answer to a caller.
pub type Source = Box<dyn StdError + Send + Sync>;

/// An error with all that led to it, on one line: for logs and terminals, and never for an answer, since what a driver
/// says may hold what nobody outside should read.
///
/// ```
/// use provesi_core::{Chain, StoreError};
///
/// let error = StoreError::unavailable("connection refused");
/// assert_eq!(Chain(&error).to_string(), "the store does not answer: connection refused");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Wrappers that repeat what they wrap are told once.
            if !told.ends_with(&text) {
                told.push_str(": ");
                told.push_str(&text);
            }
            source = error.source();
        }
        // A cause may quote what somebody else wrote: a log keeps its line, a terminal shows and does not obey.
        told.chars().try_for_each(|c| write!(f, "{}", if c.is_control() { ' ' } else { c }))
    }
}

/// A field whose value only one record may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UniqueField {
    /// [`Client::id`](crate::Client::id).
    ClientId,
    /// [`Client::email`](crate::Client::email), in any letter case.
    Email,
    /// [`Order::number`](crate::Order::number), in any letter case.
    OrderNumber,
}

impl UniqueField {
    /// The field's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "id",
            Self::Email => "email",
            Self::OrderNumber => "order_number",
        }
    }
}

/// Why a store could not do what it was asked.
///
/// `Display` names the meaning and never the source, which may hold what nobody outside should read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such record. Nothing was changed.
    #[error("not found")]
    NotFound,
    /// Another record has this value of a unique field. Nothing was changed.
    #[error("another record has this {}", field.as_str())]
    AlreadyExists {
        /// The field.
        field: UniqueField,
    },
    /// The record is not as it was read, or not in the expected version: it was changed or deleted. Nothing was changed.
    #[error("the record was changed meanwhile")]
    VersionConflict,
    /// An entry is not as the write requires: its value is another one, or it exists although it must not, or the other way
    /// round. Nothing was changed.
    #[error("an entry ({}) is not as the write requires", kind.as_str())]
    EntryConflict {
        /// The kind of the entry.
        kind: EntryKind,
    },
    /// Another transaction has locked the record, and the call was not to wait. Nothing was changed.
    #[error("another transaction has locked the record")]
    Locked,
    /// The cursor belongs to another listing, or to none.
    #[error("the cursor does not belong to this listing")]
    InvalidCursor,
    /// A record that breaks the rules of the domain, written by somebody else.
    #[error("a stored record cannot be read")]
    Corrupt {
        /// What is wrong with it.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The store cannot be reached, or did not answer a read in time. A write that fails with this was not made and will
    /// not be made, so that a retry is safe.
    #[error("the store does not answer")]
    Unavailable {
        /// What the driver said.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// A write was sent and no answer came in time: it may have been made, or may still be made. A retry may do it twice,
    /// or be refused because the first attempt succeeded.
    #[error("the store did not confirm a write")]
    OutcomeUnknown {
        /// What the driver said.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The store answers, but cannot do all of its work: its disk is full, it is a read-only standby, its file was deleted.
    /// A write that fails with this was not made. A health check that gets this can still be answered reads.
    #[error("the store is degraded: {reason}")]
    Degraded {
        /// What is wrong, in a few words that may be shown to anybody, such as `disk full`.
        reason: &'static str,
        /// What the driver said.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// Anything else that the database says: a fault of the store, not of the caller.
    #[error("the store failed")]
    Backend {
        /// What the driver said.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
}

impl StoreError {
    /// [`StoreError::Corrupt`] with its source.
    pub fn corrupt(source: impl Into<Source>) -> Self {
        Self::Corrupt { source: source.into().into() }
    }

    /// [`StoreError::Unavailable`] with its source.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable { source: source.into().into() }
    }

    /// [`StoreError::OutcomeUnknown`] with its source.
    pub fn outcome_unknown(source: impl Into<Source>) -> Self {
        Self::OutcomeUnknown { source: source.into().into() }
    }

    /// [`StoreError::Degraded`] with its source.
    pub fn degraded(reason: &'static str, source: impl Into<Source>) -> Self {
        Self::Degraded { reason, source: source.into().into() }
    }

    /// [`StoreError::Backend`] with its source.
    pub fn backend(source: impl Into<Source>) -> Self {
        Self::Backend { source: source.into().into() }
    }

    /// Whether the same call may succeed a little later, and is safe to repeat.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Locked | Self::Unavailable { .. } | Self::Degraded { .. })
    }

    /// Whether the store failed, as opposed to refusing what it was asked.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Locked
                | Self::Corrupt { .. }
                | Self::Unavailable { .. }
                | Self::OutcomeUnknown { .. }
                | Self::Degraded { .. }
                | Self::Backend { .. }
        )
    }
}
