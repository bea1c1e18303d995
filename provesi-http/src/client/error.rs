//! Why there is no client, or no answer.

use provesi_core::{Source, StoreError};
use provesi_crypto::{OpenError, SealError};

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoClient {
    /// Not the address of a service.
    #[error("must be an address such as https://clients.example.com, without user, password or query")]
    Address,
    /// It would carry the token in clear over a network.
    #[error("must start with https://; http:// is for this machine alone")]
    InClear,
    /// It cannot be in a header.
    #[error("the token must be ASCII")]
    Token,
    /// Nothing can be made that speaks TLS.
    #[error("TLS cannot be had")]
    Tls(#[source] Source),
}

/// Why a question has no answer. Shows nothing of what was asked, and no address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The service cannot be reached, or the connection broke.
    #[error("the service cannot be reached")]
    Unreachable(#[source] Source),
    /// It did not answer within three seconds.
    #[error("the service did not answer in time")]
    TimedOut,
    /// It says that it cannot answer now.
    #[error("the service cannot answer now")]
    Unavailable,
    /// It does not know the token, or lets this service not ask that.
    #[error("the service does not let this one ask")]
    Refused,
    /// It does not open our messages: other keys, another clock, another version.
    #[error("the service does not take the question (status {status})")]
    Rejected {
        /// What it answered.
        status: u16,
    },
    /// The answer does not fit into a message.
    #[error("the answer is too long")]
    TooLong,
    /// The answer is a secure message, and not one to take.
    #[error("the answer cannot be trusted")]
    Open(#[from] OpenError),
    /// The answer is none to the question.
    #[error("{0}")]
    Answer(&'static str),
    /// The record that was asked for is there, and breaks the rules of the domain.
    #[error("the record cannot be read by the service")]
    Unreadable,
    /// The question could not be made a message.
    #[error("the question cannot be encrypted")]
    Seal(#[from] SealError),
    /// The service has it, and it is not to be had from here.
    #[error("{0} is done at the service of the clients alone")]
    NotOffered(&'static str),
}

impl ServiceError {
    /// Whether the same question may be answered a little later: not where keys, tokens or rules are in the way. An answer
    /// that was changed on the way is no answer, and the next may come through.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::TimedOut
                | Self::Unavailable
                | Self::Open(_)
                | Self::Answer(_)
                | Self::Rejected { .. }
        )
    }

    /// Whether it is worth another try at once.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unavailable)
    }
}

impl From<ServiceError> for StoreError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unreadable => Self::corrupt(error),
            error if error.is_transient() => Self::unavailable(error),
            error => Self::backend(error),
        }
    }
}
