//! Why a use case was not done.

use crate::{Client, Field, Invalid, Irregular, Order, OrderStatus, ReasonRequired, StoreError, Stored};

/// One rule that the input of a use case breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A field breaks a rule of its own.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Another client has this e-mail address, in any letter case.
    #[error("another client has this e-mail address")]
    EmailTaken,
    /// Another order has this number, in any letter case.
    #[error("another order has this number")]
    NumberTaken,
    /// The flow of statuses does not let one follow the other.
    #[error("{to} may not follow {from}")]
    TransitionRefused {
        /// The order's status.
        from: OrderStatus,
        /// The status that was asked for.
        to: OrderStatus,
    },
    /// An order was to be put in [`OrderStatus::Returned`], or left there, without a reason.
    #[error("a return needs a reason")]
    ReasonRequired,
    /// The client that an order names is not there, or the name is no client id.
    #[error("the client that the order names is not there")]
    UnknownClient,
}

impl Refusal {
    /// The field that breaks the rule.
    #[must_use]
    pub const fn field(&self) -> Field {
        match self {
            Self::Invalid(invalid) => invalid.field,
            Self::EmailTaken => Field::Email,
            Self::NumberTaken => Field::OrderNumber,
            Self::TransitionRefused { .. } => Field::Status,
            Self::ReasonRequired => Field::ReturnReason,
            Self::UnknownClient => Field::ClientId,
        }
    }
}

/// Why a use case was not done. Nothing was changed, unless the variant says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The input breaks these rules: every one that was found, at least one, in no particular order.
    #[error("{}", listed(.0))]
    Refused(Vec<Refusal>),
    /// There is no such client.
    #[error("there is no such client")]
    ClientNotFound,
    /// There is no such order.
    #[error("there is no such order")]
    OrderNotFound,
    /// The client is in another version than the caller expected.
    #[error("the client was changed meanwhile")]
    ClientChanged {
        /// The client as it is.
        current: Box<Stored<Client>>,
    },
    /// The order is in another version than the caller expected.
    #[error("the order was changed meanwhile")]
    OrderChanged {
        /// The order as it is.
        current: Box<Stored<Order>>,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// An earlier call with this idempotency key writes the client, or its process ended while it did.
    #[error("an earlier call with this idempotency key has not ended")]
    KeyInProgress,
    /// Other writers kept changing the record; the same call may go through a little later.
    #[error("the record is being changed by too many writers at once")]
    Contended,
    /// The store of clients failed.
    #[error("the store of clients failed")]
    Clients(#[source] StoreError),
    /// The store of orders failed.
    #[error("the store of orders failed")]
    Orders(#[source] StoreError),
    /// The audit failed, and nothing is handed out without it.
    #[error("the audit failed")]
    Audit(#[source] StoreError),
    /// The caller is anonymous, and asks for audit records.
    #[error("an anonymous caller may not read audit records")]
    AuditAnonymous,
    /// The caller may not read the audit records.
    #[error("the caller may not read the audit records")]
    AuditForbidden,
    /// The application has no audit store.
    #[error("audit records are not stored")]
    AuditNotKept,
}

impl AppError {
    /// Whether a store is at fault, rather than the caller or the time of the call.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Clients(error) | Self::Orders(error) | Self::Audit(error) => error.is_fault(),
            _ => false,
        }
    }

    /// Whether a write was sent whose outcome is not known, see [`StoreError::OutcomeUnknown`].
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::Clients(StoreError::OutcomeUnknown { .. })
                | Self::Orders(StoreError::OutcomeUnknown { .. })
                | Self::KeyInProgress
        )
    }

    /// Whether the same call may succeed a little later, and is safe to repeat.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            // Of the record of a read: a retry leaves another one.
            Self::Audit(StoreError::OutcomeUnknown { .. }) => true,
            Self::Clients(error) | Self::Orders(error) | Self::Audit(error) => error.is_transient(),
            Self::Contended => true,
            _ => false,
        }
    }

    /// The rules that the input breaks; none if it was not refused for that.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Refused(refusals) => refusals,
            _ => &[],
        }
    }
}

impl From<ReasonRequired> for Refusal {
    fn from(_: ReasonRequired) -> Self {
        Self::ReasonRequired
    }
}

impl<T: Into<Refusal>> From<T> for AppError {
    fn from(refusal: T) -> Self {
        Self::Refused(vec![refusal.into()])
    }
}

/// A change of an irregular record left these fields as they are.
impl From<Irregular> for AppError {
    fn from(irregular: Irregular) -> Self {
        Self::Refused(irregular.faults.into_iter().map(Refusal::Invalid).collect())
    }
}

fn listed(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
