//! Checks of the hash chain.

use super::{AuditChain, AuditHead, AuditQuery, AuditStore, StoredAudit};
use crate::StoreError;

/// What is wrong with a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenChain {
    /// A record is missing, and later ones exist.
    #[error("record {sequence} is missing: the next one is {found}")]
    Missing {
        /// The sequence number of the missing record.
        sequence: i64,
        /// The sequence number of the next record that exists.
        found: i64,
    },
    /// The hash of a record does not follow from the record and the one before it: it was changed, inserted or moved, or
    /// was hashed with another key.
    #[error("record {sequence} was changed, or hashed with another key")]
    Changed {
        /// The sequence number of the record.
        sequence: i64,
    },
    /// A record was changed so that it cannot be decoded.
    #[error("record {sequence} cannot be decoded")]
    Corrupt {
        /// The sequence number of the record, if the records before it have no gap.
        sequence: i64,
        /// Which part cannot be decoded.
        #[source]
        source: StoreError,
    },
    /// The chain ends before a head that it had.
    #[error("the chain ends at record {last}, and had {}", expected.sequence)]
    Truncated {
        /// The sequence number of the last record.
        last: i64,
        /// The head that it had.
        expected: AuditHead,
    },
    /// The chain had a head with another hash: somebody computed it again from some earlier record on.
    #[error("record {} had another hash: the chain was computed again", expected.sequence)]
    Recomputed {
        /// The head that it had.
        expected: AuditHead,
    },
}

impl BrokenChain {
    /// The sequence number of the first record that is wrong.
    #[must_use]
    pub const fn sequence(&self) -> i64 {
        match self {
            Self::Missing { sequence, .. } | Self::Changed { sequence } | Self::Corrupt { sequence, .. } => *sequence,
            Self::Truncated { last, .. } => *last + 1,
            Self::Recomputed { expected } => expected.sequence,
        }
    }
}

/// Why a chain could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The chain is broken.
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    /// The store failed, so the state of the chain is unknown.
    #[error("the audit store failed")]
    Store(#[source] StoreError),
}

/// How many records are read at a time. Each may have 2,000 subjects.
const CHUNK: usize = 100;

/// Reads the chain from `from` to its end, in constant memory, and returns its head. Other writers may append meanwhile.
/// `expected` are heads from earlier calls: only they reveal a tail that was cut off, or a chain that was computed again.
/// Heads at or before `from` are ignored.
///
/// # Errors
/// [`VerifyError::Broken`] with the first record that is wrong.
pub async fn verify_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    from: AuditHead,
    expected: &[AuditHead],
) -> Result<AuditHead, VerifyError> {
    // The head that the store has on record, read first, because other writers may move it.
    let current = store.head().await.map_err(VerifyError::Store)?;
    let mut expected: Vec<AuditHead> = expected.iter().copied().chain([current]).collect();
    expected.retain(|head| head.sequence > from.sequence);
    let (mut head, mut limit) = (from, CHUNK);
    loop {
        let records = match store.records(&AuditQuery::Chain { after: head.sequence, limit }).await {
            Ok(records) => records,
            // Reading one by one finds the corrupt record.
            Err(StoreError::Corrupt { .. }) if limit > 1 => {
                limit = 1;
                continue;
            }
            Err(source @ StoreError::Corrupt { .. }) => {
                return Err(BrokenChain::Corrupt { sequence: head.sequence.saturating_add(1), source }.into());
            }
            Err(error) => return Err(VerifyError::Store(error)),
        };
        if records.is_empty() {
            break;
        }
        for stored in &records {
            head = check_link(chain, head, stored)?;
            let differs = |expected: &&AuditHead| expected.sequence == head.sequence && expected.hash != head.hash;
            if let Some(&expected) = expected.iter().find(differs) {
                return Err(BrokenChain::Recomputed { expected }.into());
            }
        }
    }
    match expected.into_iter().find(|expected| expected.sequence > head.sequence) {
        Some(expected) => Err(BrokenChain::Truncated { last: head.sequence, expected }.into()),
        None => Ok(head),
    }
}

/// Checks that the record of `known`, a head that the chain had, still exists with its hash. With `chain`, which must be
/// the one that hashed the record, also checks its content. Reads two records, whatever follows them.
///
/// # Errors
/// [`VerifyError::Broken`] if it does not.
pub async fn verify_head(
    store: &dyn AuditStore,
    chain: Option<&AuditChain>,
    known: AuditHead,
) -> Result<(), VerifyError> {
    if known.sequence < 1 {
        return Ok(());
    }
    // The hash of the record before it is part of its own.
    let records = match store.records(&AuditQuery::Chain { after: (known.sequence - 2).max(0), limit: 2 }).await {
        Err(source @ StoreError::Corrupt { .. }) => {
            return Err(BrokenChain::Corrupt { sequence: known.sequence, source }.into());
        }
        records => records.map_err(VerifyError::Store)?,
    };
    let Some(stored) = records.iter().find(|stored| stored.sequence >= known.sequence) else {
        let last = store.head().await.map_err(VerifyError::Store)?.sequence;
        return Err(BrokenChain::Truncated { last: last.min(known.sequence - 1), expected: known }.into());
    };
    if stored.sequence > known.sequence {
        return Err(BrokenChain::Missing { sequence: known.sequence, found: stored.sequence }.into());
    }
    if stored.hash != known.hash {
        return Err(BrokenChain::Recomputed { expected: known }.into());
    }
    let before = match known.sequence {
        1 => Some(AuditHead::START),
        // It may have been archived.
        _ => records.iter().find(|before| before.sequence < known.sequence).map(StoredAudit::head),
    };
    if let (Some(chain), Some(before)) = (chain, before) {
        check_link(chain, before, stored)?;
    }
    Ok(())
}

/// Checks that `stored` follows `head`, and returns the head after it.
fn check_link(chain: &AuditChain, head: AuditHead, stored: &StoredAudit) -> Result<AuditHead, BrokenChain> {
    let sequence = head.sequence.saturating_add(1);
    if stored.sequence != sequence {
        return Err(BrokenChain::Missing { sequence, found: stored.sequence });
    }
    if chain.link(&head.hash, sequence, &stored.record) != stored.hash {
        return Err(BrokenChain::Changed { sequence });
    }
    Ok(stored.head())
}
