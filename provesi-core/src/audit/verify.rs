//! Whether a chain of records is as it was made.

use super::{AuditChain, AuditHead, AuditStore, StoredAudit};
use crate::{PageLimit, StoreError};

/// What is wrong with a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenChain {
    /// A record is not there, though later ones are.
    #[error("record {sequence} is missing: the next one is {found}")]
    Missing {
        /// Its place.
        sequence: i64,
        /// The place of the record that is there instead.
        found: i64,
    },
    /// A record does not follow from those before it: it was changed, or put there or moved there, or its hash was
    /// made with another key.
    #[error("record {sequence} is not the one that was kept there, or was made under another key")]
    Changed {
        /// Its place.
        sequence: i64,
    },
    /// A record was changed so that it cannot be read.
    #[error("record {sequence} cannot be read")]
    Unreadable {
        /// Its place, or that of the one before it and one more.
        sequence: i64,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// The chain ends before a head that it had.
    #[error("the chain ends at record {last}, and had {}", expected.sequence)]
    CutOff {
        /// The place of the last record.
        last: i64,
        /// The head that it had.
        expected: AuditHead,
    },
    /// The record at the place of a head that the chain had is another one: all since some record before it was made
    /// anew.
    #[error("record {} was there with another hash: the chain was made anew", expected.sequence)]
    MadeAnew {
        /// The head that it had.
        expected: AuditHead,
    },
}

impl BrokenChain {
    /// The place of the first record that is wrong.
    #[must_use]
    pub const fn sequence(&self) -> i64 {
        match self {
            Self::Missing { sequence, .. } | Self::Changed { sequence } | Self::Unreadable { sequence, .. } => {
                *sequence
            }
            Self::CutOff { last, .. } => *last + 1,
            Self::MadeAnew { expected } => expected.sequence,
        }
    }
}

/// Why a chain was not found whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is not.
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    /// The store failed: nothing is known.
    #[error("the store of the audit failed")]
    Store(#[source] StoreError),
}

/// How many records are read at once: each may have 2,000 subjects.
const AT_ONCE: u32 = 100;

/// Reads a chain from after `from` to its end, in constant memory, and returns its head. `expected` are heads that it had
/// at other times, as earlier calls returned them: what makes a cut tail, or a chain made anew, visible. Heads at or
/// before `from` are not looked at. Others may append meanwhile.
///
/// # Errors
/// [`VerifyError::Broken`] with the first record that is wrong.
pub async fn verify_audit(
    store: &dyn AuditStore,
    chain: &AuditChain,
    from: AuditHead,
    expected: &[AuditHead],
) -> Result<AuditHead, VerifyError> {
    // Also what the store itself holds to be its head, asked before the walk, which others may make longer.
    let known = store.head().await.map_err(VerifyError::Store)?;
    let mut expected: Vec<AuditHead> = expected.iter().copied().chain([known]).collect();
    expected.retain(|head| head.sequence > from.sequence);
    let (many, one) = (limit(AT_ONCE), limit(1));
    let (mut head, mut size) = (from, many);
    loop {
        let records = match store.after(head.sequence, size).await {
            Ok(records) => records,
            // Which of them it is shows when they are read one by one.
            Err(StoreError::Corrupt { .. }) if size != one => {
                size = one;
                continue;
            }
            Err(source @ StoreError::Corrupt { .. }) => {
                return Err(BrokenChain::Unreadable { sequence: head.sequence + 1, source }.into());
            }
            Err(error) => return Err(VerifyError::Store(error)),
        };
        if records.is_empty() {
            break;
        }
        for stored in &records {
            head = follow(chain, head, stored)?;
            if let Some(&expected) = expected.iter().find(|expected| expected.sequence == head.sequence)
                && expected.hash != head.hash
            {
                return Err(BrokenChain::MadeAnew { expected }.into());
            }
        }
    }
    match expected.into_iter().find(|expected| expected.sequence > head.sequence) {
        Some(expected) => Err(BrokenChain::CutOff { last: head.sequence, expected }.into()),
        None => Ok(head),
    }
}

/// Checks that the record at `known`, a head that the chain had, is still there with its hash. With `chain`, by which that
/// record was linked, its contents as well. Two records are read, and later ones do not matter: other processes may
/// append.
///
/// # Errors
/// [`VerifyError::Broken`] where it is not.
pub async fn verify_head(
    store: &dyn AuditStore,
    chain: Option<&AuditChain>,
    known: AuditHead,
) -> Result<(), VerifyError> {
    if known.sequence < 1 {
        return Ok(());
    }
    // With the record before it, whose hash is part of its own.
    let records = match store.after((known.sequence - 2).max(0), limit(2)).await {
        Err(source @ StoreError::Corrupt { .. }) => {
            return Err(BrokenChain::Unreadable { sequence: known.sequence, source }.into());
        }
        records => records.map_err(VerifyError::Store)?,
    };
    let Some(stored) = records.iter().find(|stored| stored.sequence >= known.sequence) else {
        let last = store.head().await.map_err(VerifyError::Store)?.sequence;
        return Err(BrokenChain::CutOff { last: last.min(known.sequence - 1), expected: known }.into());
    };
    if stored.sequence > known.sequence {
        return Err(BrokenChain::Missing { sequence: known.sequence, found: stored.sequence }.into());
    }
    if stored.hash != known.hash {
        return Err(BrokenChain::MadeAnew { expected: known }.into());
    }
    let before = records.iter().find(|before| before.sequence < known.sequence);
    let before = before.map(|before| AuditHead { sequence: before.sequence, hash: before.hash });
    // The one before may have been archived.
    let before = if known.sequence == 1 { Some(AuditHead::START) } else { before };
    if let (Some(chain), Some(before)) = (chain, before) {
        follow(chain, before, stored)?;
    }
    Ok(())
}

fn follow(chain: &AuditChain, head: AuditHead, stored: &StoredAudit) -> Result<AuditHead, BrokenChain> {
    let sequence = head.sequence + 1;
    if stored.sequence != sequence {
        return Err(BrokenChain::Missing { sequence, found: stored.sequence });
    }
    if chain.link(&head.hash, sequence, &stored.record) != stored.hash {
        return Err(BrokenChain::Changed { sequence });
    }
    Ok(AuditHead { sequence, hash: stored.hash })
}

fn limit(limit: u32) -> PageLimit {
    PageLimit::new(limit).unwrap_or(PageLimit::MAX)
}
