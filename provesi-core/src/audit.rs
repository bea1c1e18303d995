//! Audit records: who read or changed what. The sink that takes them, the store that keeps them, and the hash chain.

mod chain;
mod list_filter;
mod row;
mod store;
mod subject;
mod verify;

pub use chain::{AuditChain, AuditHash, AuditHead};
pub use list_filter::ListFilter;
pub use row::{AuditRow, StoredAudit};
#[cfg(feature = "mock")]
pub use store::MockAuditStore;
pub use store::{AuditCursor, AuditFilter, AuditPosition, AuditQuery, AuditStore, AuditStoreExt};
pub use subject::Subject;
pub use verify::{BrokenChain, VerifyError, verify_audit, verify_head};

use std::fmt::Debug;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Caller, Field, Invalid, Rule, StoreError, Timestamp};

/// What a caller did or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditAction {
    /// A client was created.
    ClientCreate,
    /// One client was read.
    ClientRead,
    /// Clients were listed; one record per page that was read.
    ClientList,
    /// A client was changed.
    ClientUpdate,
    /// A client was deleted.
    ClientDelete,
    /// An order was created.
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
    /// Orders of a deleted client were detached from it.
    OrderDetach,
    /// Audit records were read; the subject is that of the filter.
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

    /// Whether the action only reads.
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

    /// The name in stores and logs.
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

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// It was refused: not found, a rule, a conflict.
    Refused,
    /// A store failed.
    Failed,
}

impl Outcome {
    /// The name in stores and logs.
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

/// One access. Contains the names of fields, never their values.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// The instant of the access.
    pub at: Timestamp,
    /// The actor, its address and the request.
    pub caller: Caller,
    /// What the actor did or tried.
    pub action: AuditAction,
    /// The clients and orders concerned: at most 2,000, an order and a client for each row of a page.
    pub subjects: Vec<Subject>,
    /// How the access ended.
    pub outcome: Outcome,
    /// The fields that a write sets.
    pub fields: Vec<Field>,
    /// The filter of a list; `None` for other accesses. Only logs contain it: stores keep the subjects instead.
    pub list: Option<Box<ListFilter>>,
}

impl AuditRecord {
    /// The stored form: subjects in the order of their texts and without duplicates, the instant in whole milliseconds, no
    /// filter.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut record = Self { at: self.at.to_millis(), list: None, ..self.clone() };
        record.subjects.sort();
        record.subjects.dedup();
        record
    }
}

/// Takes audit records.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditSink: Debug + Send + Sync + 'static {
    /// Takes a record, and returns once the sink is responsible for it. A sink that buffers records MUST apply backpressure
    /// and MUST NOT drop any. Every call has a deadline.
    ///
    /// # Errors
    /// Those of [`StoreError`]. [`AuditPolicy`] says what the use cases do then.
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError>;
}

/// What the use cases do if the sink fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditPolicy {
    /// Answer nevertheless. The failure is logged.
    #[default]
    BestEffort,
    /// Refuse a read. A write that succeeded is not undone.
    Strict,
}
