//! Audit records as stores have them.

use super::{AuditHash, AuditHead, AuditPosition, AuditRecord, Subject};
use crate::{Caller, Field, StoreError, Timestamp};

/// A record in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAudit {
    /// The sequence number of the record in the chain, from 1.
    pub sequence: i64,
    /// The record.
    pub record: AuditRecord,
    /// The hash over the record and all before it.
    pub hash: AuditHash,
}

impl StoredAudit {
    /// The head of a chain that ends with this record.
    #[must_use]
    pub const fn head(&self) -> AuditHead {
        AuditHead { sequence: self.sequence, hash: self.hash }
    }

    /// The position of this record in lists.
    #[must_use]
    pub const fn position(&self) -> AuditPosition {
        AuditPosition { at: self.record.at, sequence: self.sequence }
    }
}

/// A record as the values that stores write. Those that they read are unchecked. Exhaustive, since the hash covers every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// [`StoredAudit::sequence`].
    pub sequence: i64,
    /// [`AuditRecord::at`].
    pub at: Timestamp,
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

impl From<StoredAudit> for AuditRow {
    fn from(StoredAudit { sequence, record, hash }: StoredAudit) -> Self {
        let AuditRecord { at, caller, action, subjects, outcome, fields, list: _ } = record;
        Self {
            sequence,
            at,
            actor: caller.actor.to_string(),
            address: caller.address.map(|address| address.to_string()),
            request_id: caller.request_id.map(Into::into),
            action: action.as_str().to_owned(),
            outcome: outcome.as_str().to_owned(),
            fields: fields.iter().map(ToString::to_string).collect(),
            subjects: subjects.iter().map(ToString::to_string).collect(),
            hash: hash.as_bytes().to_vec(),
        }
    }
}

impl TryFrom<AuditRow> for StoredAudit {
    type Error = StoreError;

    /// # Errors
    /// [`StoreError::Corrupt`] if a value is not one that this crate writes.
    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let sequence = row.sequence;
        let corrupt = |part: &str| StoreError::corrupt(format!("audit record {sequence}: {part} cannot be decoded"));
        let subject = |text: &String| {
            let subject: Option<Subject> = text.parse().ok();
            // A search would not find another spelling.
            subject.filter(|subject| subject.to_string() == *text).ok_or_else(|| corrupt("a subject"))
        };
        let field = |text: &String| text.parse().map_err(|_| corrupt("a field"));
        let record = AuditRecord {
            at: row.at,
            caller: Caller {
                actor: row.actor.parse().map_err(|_| corrupt("the actor"))?,
                address: row.address.map(|text| text.parse()).transpose().map_err(|_| corrupt("the address"))?,
                request_id: row.request_id.map(Into::into),
                idempotency_key: None,
            },
            action: row.action.parse().map_err(|_| corrupt("the action"))?,
            subjects: row.subjects.iter().map(subject).collect::<Result<_, _>>()?,
            outcome: row.outcome.parse().map_err(|_| corrupt("the outcome"))?,
            fields: row.fields.iter().map(field).collect::<Result<Vec<Field>, _>>()?,
            list: None,
        };
        let AuditHead { hash, .. } = AuditHead::from_row(sequence, row.hash)?;
        Ok(Self { sequence, record: record.normalized(), hash })
    }
}
