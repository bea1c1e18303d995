//! The hash chain over the audit records, which makes tampering visible.
//!
//! The hash of a record covers the record, its sequence number and the hash of the record before it. Changing, removing,
//! inserting or moving a record invalidates every hash after it. With a key ([`AuditChain::keyed`]), only its holder can
//! compute them again; without one, anybody can who may write the table. A chain whose tail was cut off is still valid:
//! only comparing it with a head from before ([`AuditHead`]) shows the cut.
//!
//! The hashed bytes: the text `provesi-audit-1`, the previous hash (32 bytes), the sequence number (8 bytes), then
//! instant, actor, address, request id, action, outcome, fields, subjects. Numbers are big-endian; the instant is
//! microseconds since 1970 (8 bytes); a text is its length in bytes (4 bytes) and its UTF-8; an optional value is a byte 0,
//! or a byte 1 and the value; a list is its length (4 bytes) and its texts. Subjects are in the order of their bytes,
//! without duplicates.

use std::fmt::{self, Display};
use std::io::Write as _;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{AuditRecord, StoredAudit, Subject};
use crate::{Field, Invalid, Rule, StoreError};

/// The name and version of the hashed form.
const FORM: &[u8] = b"provesi-audit-1";

/// The hash of an audit record: SHA-256, or HMAC-SHA-256 with a key. The text form is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// The hash with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The last record of a chain. The text form is `N:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuditHead {
    /// The sequence number of the last record, from 1; 0 if there is none.
    pub sequence: i64,
    /// The hash of the last record; all zeros if there is none.
    pub hash: AuditHash,
}

impl AuditHead {
    /// The head of a chain without records.
    pub const START: Self = Self { sequence: 0, hash: AuditHash([0; 32]) };

    /// The head that a store has in these columns.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if `hash` does not have 32 bytes.
    pub fn from_row(sequence: i64, hash: Vec<u8>) -> Result<Self, StoreError> {
        let hash = hash.try_into().map_err(|_| StoreError::corrupt(format!("the hash of audit record {sequence}")))?;
        Ok(Self { sequence, hash: AuditHash(hash) })
    }
}

impl Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = Invalid::new(Field::AuditHead, Rule::AuditHead);
        let (sequence, hash) = text.split_once(':').ok_or(refused)?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence >= 0).ok_or(refused)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes).map_err(|_| refused)?;
        Ok(Self { sequence, hash: AuditHash(bytes) })
    }
}

/// Computes the hashes of a chain, with a key or without.
#[derive(Clone, Default)]
pub struct AuditChain {
    key: Option<Hmac<Sha256>>,
}

impl AuditChain {
    /// A chain without a key: anybody who may write to the store can compute another one.
    #[must_use]
    pub const fn plain() -> Self {
        Self { key: None }
    }

    /// A chain with a key: 32 random bytes or more, which nobody may know who may write to the store.
    #[must_use]
    pub fn keyed(key: &[u8]) -> Self {
        let key = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        Self { key: Some(key) }
    }

    /// Whether the chain has a key.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// The hash of `record` with the sequence number `sequence`, after a record with the hash `previous`.
    #[must_use]
    pub fn link(&self, previous: &AuditHash, sequence: i64, record: &AuditRecord) -> AuditHash {
        let bytes = canonical(previous, sequence, record);
        AuditHash(match &self.key {
            None => Sha256::digest(&bytes).into(),
            Some(key) => key.clone().chain_update(&bytes).finalize().into_bytes().into(),
        })
    }

    /// The records that a store appends after `head`: in their stored form ([`AuditRecord::normalized`]), with sequence
    /// number and hash.
    #[must_use]
    pub fn link_all(&self, mut head: AuditHead, records: &[AuditRecord]) -> Vec<StoredAudit> {
        let link = |record: &AuditRecord| {
            let (sequence, record) = (head.sequence + 1, record.normalized());
            let stored = StoredAudit { sequence, hash: self.link(&head.hash, sequence, &record), record };
            head = stored.head();
            stored
        };
        records.iter().map(link).collect()
    }
}

/// Does not show the key.
impl fmt::Debug for AuditChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_keyed() { "AuditChain(keyed)" } else { "AuditChain(plain)" })
    }
}

fn canonical(previous: &AuditHash, sequence: i64, record: &AuditRecord) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + 32 * record.subjects.len());
    bytes.extend_from_slice(FORM);
    bytes.extend_from_slice(&previous.0);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    // `list` is for logs and is not stored.
    let AuditRecord { at, caller, action, subjects, outcome, fields, list: _ } = record;
    bytes.extend_from_slice(&at.micros().to_be_bytes());
    text(&mut bytes, &caller.actor);
    optional(&mut bytes, caller.address);
    optional(&mut bytes, caller.request_id.as_deref());
    text(&mut bytes, action.as_str());
    text(&mut bytes, outcome.as_str());
    bytes.extend_from_slice(&length(fields.len()));
    fields.iter().for_each(|field| text(&mut bytes, field.as_str()));
    let mut subjects: Vec<&Subject> = subjects.iter().collect();
    subjects.sort();
    subjects.dedup();
    bytes.extend_from_slice(&length(subjects.len()));
    subjects.iter().for_each(|subject| text(&mut bytes, subject));
    bytes
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("texts and lists of a record are shorter than 4 GiB").to_be_bytes()
}

fn text(bytes: &mut Vec<u8>, text: impl Display) {
    let start = bytes.len() + 4;
    bytes.extend_from_slice(&[0; 4]);
    write!(bytes, "{text}").expect("writing to a Vec does not fail");
    let length = length(bytes.len() - start);
    bytes[start - 4..start].copy_from_slice(&length);
}

fn optional(bytes: &mut Vec<u8>, value: Option<impl Display>) {
    bytes.push(value.is_some().into());
    if let Some(value) = value {
        text(bytes, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, AuditAction, Caller, Outcome, Subject};

    fn record() -> AuditRecord {
        AuditRecord {
            at: "2026-11-24T03:56:37.613Z".parse().unwrap(),
            caller: Caller {
                actor: "user:Ana Pérez".parse().unwrap(),
                address: Some([192, 0, 2, 7].into()),
                request_id: Some("r-1".into()),
                ..Caller::default()
            },
            action: AuditAction::OrderUpdate,
            subjects: vec!["order:Ord-1".parse().unwrap(), "client:6b050af58b3059b0f61239f2".parse().unwrap()],
            outcome: Outcome::Done,
            fields: vec![Field::Status, Field::ReturnReason],
            list: None,
        }
    }

    /// Stored hashes depend on this form. The expected ones were computed in Python from the description of the module.
    #[test]
    fn the_form_is_fixed() {
        let first = AuditChain::plain().link(&AuditHead::START.hash, 1, &record());
        assert_eq!(first.to_string(), "00d41d4c826973939c93e6ab78bfcc825ac196ada36e315d93e6934c9910e7c7");
        let keyed = AuditChain::keyed(b"0123456789abcdef0123456789abcdef").link(&first, 2, &record());
        assert_eq!(keyed.to_string(), "05eebe524cbf4c48d12fb2f83961652ca7bef8edf6c558b436581effe9d540b6");
    }

    #[test]
    fn every_part_of_a_record_and_its_place_count() {
        let chain = AuditChain::plain();
        let of = |record: &AuditRecord| chain.link(&AuditHead::START.hash, 1, record);
        let same = record();
        let changes: [fn(&mut AuditRecord); 10] = [
            |record| record.at = record.at.next(record.at),
            |record| record.caller.actor = Actor::Anonymous,
            |record| record.caller.address = None,
            |record| record.caller.request_id = None,
            |record| record.caller.request_id = Some("".into()),
            |record| record.action = AuditAction::OrderRead,
            |record| record.outcome = Outcome::Refused,
            |record| record.fields.truncate(1),
            |record| record.subjects.truncate(1),
            |record| record.subjects.push("order:x".parse().unwrap()),
        ];
        let mut hashes =
            vec![of(&same), chain.link(&AuditHead::START.hash, 2, &same), chain.link(&of(&same), 1, &same)];
        for change in changes {
            let mut changed = same.clone();
            change(&mut changed);
            hashes.push(of(&changed));
        }
        hashes.push(AuditChain::keyed(b"key").link(&AuditHead::START.hash, 1, &same));
        let different: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn subjects_are_a_set() {
        let (chain, mut other) = (AuditChain::plain(), record());
        other.subjects =
            vec![other.subjects[1].clone(), Subject::Order("ORD-1".parse().unwrap()), other.subjects[0].clone()];
        assert_eq!(chain.link(&AuditHead::START.hash, 1, &record()), chain.link(&AuditHead::START.hash, 1, &other));
    }

    #[test]
    fn a_head_round_trips() {
        let hash = AuditChain::plain().link(&AuditHead::START.hash, 1, &record());
        for head in [AuditHead::START, AuditHead { sequence: 17, hash }] {
            assert_eq!(head.to_string().parse(), Ok(head));
        }
        for text in ["", "1", "1:", "1:00", &format!("-1:{hash}"), &format!("1:{hash}0"), &format!("x:{hash}")] {
            assert!(text.parse::<AuditHead>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", AuditChain::keyed(b"geheim")), "AuditChain(keyed)");
    }
}
