//! The port of what keeps records of access, and what it is asked.

use std::fmt::{self, Debug};
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{AuditChain, AuditHash, AuditHead, AuditRecord};
use crate::paging::{decode_cursor, encode_cursor, fingerprint};
use crate::{Caller, Page, PageLimit, PageRequest, StoreError, Subject, Timestamp};

/// A store of records of access.
///
/// What every implementation MUST keep to, besides what each method says:
/// - The records are one chain: the places 1, 2, 3 … without a gap, each record with the hash that
///   [`AuditChain::after`] gives it after the one before it. Processes that append at the same time get places after
///   each other; the chain never forks.
/// - A record is kept in the form of [`AuditRecord::normalized`], and never changed or removed by this port.
/// - What was appended is there for whoever asks next, and survives the end of the process.
/// - A future that is dropped leaves its records there as a whole chain: all, none, or a first part of them.
/// - No method waits without end. After a time of the store's choice, a few seconds, a read fails with
///   [`StoreError::Unavailable`], and so does a write that was not sent, which the store then never sends. A write that
///   was sent and not answered is [`StoreError::OutcomeUnknown`].
/// - A record that somebody changed so that it cannot be read is [`StoreError::Corrupt`], also where many are asked for:
///   an answer with a hole would be taken for whole.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditStore: Debug + Send + Sync + 'static {
    /// Appends the records in their order, all of them, and returns the head after the last one. Other appenders'
    /// records may come between only where the store has no transactions. No records change nothing.
    ///
    /// # Errors
    /// After [`StoreError::OutcomeUnknown`] it is not known whether they are there; where the store has no transactions,
    /// after any error a first part of them may be. Who appends them again may have them there twice.
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError>;

    /// The place and hash of the last record, as far as the store knows without looking at the others;
    /// [`AuditHead::START`] where there is none.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn head(&self) -> Result<AuditHead, StoreError>;

    /// A page of the records that pass `filter`, the latest first: by [`AuditRecord::at`], then by their place.
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] where the cursor was made for another filter.
    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError>;

    /// The first `limit` records whose place is after `sequence`, in the order of the chain.
    ///
    /// # Errors
    /// Those of every method, see above.
    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError>;
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAudit {
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// The record.
    pub record: AuditRecord,
    /// Its link to all before it.
    pub hash: AuditHash,
}

/// A record as a store has it, before anybody looked at it.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// [`StoredAudit::sequence`].
    pub sequence: i64,
    /// [`AuditRecord::at`] in microseconds since 1970.
    pub at: i64,
    /// [`Caller::actor`].
    pub actor: String,
    /// [`Caller::address`].
    pub address: Option<String>,
    /// [`Caller::request_id`].
    pub request_id: Option<String>,
    /// [`AuditRecord::action`].
    pub action: String,
    /// [`AuditRecord::outcome`].
    pub outcome: String,
    /// [`AuditRecord::fields`].
    pub fields: Vec<String>,
    /// [`AuditRecord::subjects`].
    pub subjects: Vec<String>,
    /// [`StoredAudit::hash`].
    pub hash: Vec<u8>,
}

impl TryFrom<AuditRow> for StoredAudit {
    type Error = StoreError;

    /// # Errors
    /// [`StoreError::Corrupt`] where a part of it is nothing that this crate would have kept.
    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let sequence = row.sequence;
        let corrupt = |part: &str| StoreError::corrupt(format!("record of access {sequence}: {part} cannot be read"));
        let subject = |text: &String| {
            let subject: Option<Subject> = text.parse().ok();
            // In another spelling it would not be found by those who look for it.
            subject.filter(|subject| subject.to_string() == *text).ok_or_else(|| corrupt("a subject"))
        };
        let address = row.address.map(|address| address.parse().map_err(|_| corrupt("the address"))).transpose()?;
        let record = AuditRecord {
            at: Timestamp::from_micros(row.at).map_err(|_| corrupt("the instant"))?,
            caller: Caller {
                actor: row.actor.parse().map_err(|_| corrupt("the actor"))?,
                address,
                request_id: row.request_id.map(Into::into),
            },
            action: row.action.parse().map_err(|_| corrupt("the action"))?,
            subjects: row.subjects.iter().map(subject).collect::<Result<_, _>>()?,
            outcome: row.outcome.parse().map_err(|_| corrupt("the outcome"))?,
            fields: row
                .fields
                .iter()
                .map(|field| field.parse().map_err(|_| corrupt("a field")))
                .collect::<Result<_, _>>()?,
            list: None,
        };
        let hash = row.hash.try_into().map_err(|_| corrupt("the hash"))?;
        Ok(Self { sequence, record: record.normalized(), hash: AuditHash::from_bytes(hash) })
    }
}

/// Which records of access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    /// Only those that name this subject.
    pub subject: Option<Subject>,
    /// Only those of this instant and later.
    pub since: Option<Timestamp>,
    /// Only those before this instant.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether `record` passes: the rule that every store's filter must agree with.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        self.subject.as_ref().is_none_or(|subject| record.subjects.contains(subject))
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }

    /// The cursor that stands at `stored`.
    #[must_use]
    pub fn cursor_at(&self, stored: &StoredAudit) -> AuditCursor {
        let position = AuditPosition { at: stored.record.at, sequence: stored.sequence };
        AuditCursor { filter: self.fingerprint(), position }
    }

    /// The place of a cursor of this filter.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] where the cursor was made for another filter.
    pub fn position(&self, cursor: &AuditCursor) -> Result<AuditPosition, StoreError> {
        if cursor.filter == self.fingerprint() { Ok(cursor.position) } else { Err(StoreError::InvalidCursor) }
    }

    fn fingerprint(&self) -> u64 {
        fingerprint(&("audit", self.subject.as_ref().map(ToString::to_string), self.since, self.until))
    }
}

/// A place among records, the latest first. In the order of the derived comparison, earlier ones come later in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditPosition {
    /// The record's instant.
    #[serde(rename = "a")]
    pub at: Timestamp,
    /// Its place in the chain.
    #[serde(rename = "s")]
    pub sequence: i64,
}

/// A place in one list of records. The text form is opaque to callers and fit for a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCursor {
    #[serde(rename = "l")]
    filter: u64,
    #[serde(rename = "p")]
    position: AuditPosition,
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_cursor(self))
    }
}

impl FromStr for AuditCursor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        decode_cursor(text)
    }
}
