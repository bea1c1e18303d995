//! Who saw or changed what: records of access, the port that takes them, and the port that keeps them.

mod chain;
mod list_filter;
mod store;
mod subject;
mod verify;

pub use chain::{AuditChain, AuditHash, AuditHead};
pub use list_filter::ListFilter;
#[cfg(feature = "mock")]
pub use store::MockAuditStore;
pub use store::{AuditCursor, AuditFilter, AuditPosition, AuditRow, AuditStore, StoredAudit};
pub use subject::Subject;
pub use verify::{BrokenChain, VerifyError, verify_audit, verify_head};

use std::fmt::Debug;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Caller, Field, Invalid, Rule, StoreError, Timestamp};

/// What was done or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditAction {
    /// A client was made.
    ClientCreate,
    /// One client was read.
    ClientRead,
    /// Clients were listed; one record per page that was read.
    ClientList,
    /// A client was changed.
    ClientUpdate,
    /// A client was deleted.
    ClientDelete,
    /// An order was made.
    OrderCreate,
    /// One order was read, with its client.
    OrderRead,
    /// Orders were listed, with their clients; one record per page that was read.
    OrderList,
    /// The history of an order was read.
    OrderHistory,
    /// An order was changed.
    OrderUpdate,
    /// An order was deleted.
    OrderDelete,
    /// Orders of a client that is gone were taken off it.
    OrderDetach,
    /// Records of access were read; the subject is the one that was asked for.
    AuditRead,
}

impl AuditAction {
    /// Every action.
    pub const ALL: [Self; 13] = [
        Self::ClientCreate,
        Self::ClientRead,
        Self::ClientList,
        Self::ClientUpdate,
        Self::ClientDelete,
        Self::OrderCreate,
        Self::OrderRead,
        Self::OrderList,
        Self::OrderHistory,
        Self::OrderUpdate,
        Self::OrderDelete,
        Self::OrderDetach,
        Self::AuditRead,
    ];

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::ClientRead
                | Self::ClientList
                | Self::OrderRead
                | Self::OrderList
                | Self::OrderHistory
                | Self::AuditRead
        )
    }

    /// The name that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCreate => "client_create",
            Self::ClientRead => "client_read",
            Self::ClientList => "client_list",
            Self::ClientUpdate => "client_update",
            Self::ClientDelete => "client_delete",
            Self::OrderCreate => "order_create",
            Self::OrderRead => "order_read",
            Self::OrderList => "order_list",
            Self::OrderHistory => "order_history",
            Self::OrderUpdate => "order_update",
            Self::OrderDelete => "order_delete",
            Self::OrderDetach => "order_detach",
            Self::AuditRead => "audit_read",
        }
    }
}

impl FromStr for AuditAction {
    type Err = Invalid;
    fn from_str(name: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|action| action.as_str() == name);
        known.ok_or(Invalid::new(Field::AuditName, Rule::UnknownName))
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// The caller was told no: not found, a rule, a conflict.
    Refused,
    /// A store failed.
    Failed,
}

impl Outcome {
    /// The name that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for Outcome {
    type Err = Invalid;
    fn from_str(name: &str) -> Result<Self, Invalid> {
        let known = [Self::Done, Self::Refused, Self::Failed].into_iter().find(|outcome| outcome.as_str() == name);
        known.ok_or(Invalid::new(Field::AuditName, Rule::UnknownName))
    }
}

/// One access. Holds the names of fields and never their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Who, from where, in which request.
    pub caller: Caller,
    /// What.
    pub action: AuditAction,
    /// Of whom: at most 2,000, an order and a client for each row of a page. Stores keep them as a set, see
    /// [`normalized`](Self::normalized).
    pub subjects: Vec<Subject>,
    /// How it went.
    pub outcome: Outcome,
    /// The fields that a write names, in the order of the record.
    pub fields: Vec<Field>,
    /// Which records a list asked for; `None` for other accesses. For logs: stores keep the subjects, and not this.
    pub list: Option<Box<ListFilter>>,
}

impl AuditRecord {
    /// The record as stores keep it and give it back: the subjects in the order of their texts, each once; the instant in
    /// whole milliseconds, which is what every store keeps; no filter.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut record = Self { at: self.at.to_millis(), list: None, ..self.clone() };
        record.subjects.sort();
        record.subjects.dedup();
        record
    }
}

/// Where records of access go.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditSink: Debug + Send + Sync + 'static {
    /// Takes a record. It is safe once the sink says so; a sink may gather records first, and then MUST slow the
    /// caller down rather than drop one. No call waits without end.
    ///
    /// # Errors
    /// Those of [`StoreError`]; the use cases go by [`AuditPolicy`].
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError>;
}

/// What happens when the sink fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditPolicy {
    /// The answer is given all the same. A sink should say in a log that it failed.
    #[default]
    BestEffort,
    /// What was read is not handed out; a write that is done stays done.
    Strict,
}
