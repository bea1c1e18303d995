//! The port that remembers which messages were opened.

#[cfg(feature = "std")]
mod memory;

use core::fmt;

#[cfg(feature = "std")]
pub use memory::MemoryReplayGuard;

use crate::clock::Timestamp;
use crate::nonce::Nonce;
use crate::service::ServiceName;

/// By what a message is known again: who sent it, and its nonce.
///
/// Both are under the HMAC, so that a repeated message cannot have another. The sender is part of it, so that a service with
/// a bad source of random numbers gets its own messages refused and not those of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Who sent it.
    pub source: ServiceName,
    /// Its nonce.
    pub nonce: Nonce,
}

/// Remembers messages for as long as they could be accepted, so that none is accepted twice.
///
/// A guard is as good as it is shared: processes that have the same name and the same keys each accept a message once
/// unless they share one.
pub trait ReplayGuard: fmt::Debug + Send + Sync + 'static {
    /// Enters a message that is about to be accepted.
    ///
    /// - MUST do so at most once for the same `message`, also when asked several times at once. Later calls are refused with
    ///   [`ReplayRefusal::Seen`].
    /// - MUST remember it up to and including `until`; after that the message is too old to be asked about.
    /// - MUST refuse what it has no room for, with [`ReplayRefusal::Full`]. Forgetting another instead would let that one be
    ///   repeated.
    /// - MUST refuse where it cannot tell, with [`ReplayRefusal::Unavailable`].
    ///
    /// `now` is the time by which the message's age was judged.
    ///
    /// # Errors
    /// Each of them means that the message must not be accepted.
    fn enter(&self, message: &MessageId, until: Timestamp, now: Timestamp) -> Result<(), ReplayRefusal>;
}

/// Why a message must not be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayRefusal {
    /// It was entered before.
    #[error("the message was seen before")]
    Seen,
    /// There is no room to remember it.
    #[error("there is no room to remember another message")]
    Full,
    /// The guard cannot be asked.
    #[error("the replay guard cannot be asked")]
    Unavailable,
}
