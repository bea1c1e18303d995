//! Who saw or changed what: records of access, and the port that takes them.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Caller, ClientId, Field, OrderNumber, StoreError, Timestamp};

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
}

impl AuditAction {
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
        }
    }
}

/// Whose record was seen or changed. The text form (`client:ID`, `order:NUMBER`) is what stores keep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A client.
    Client(ClientId),
    /// An order.
    Order(OrderNumber),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Order(number) => write!(f, "order:{number}"),
        }
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

/// One access. Holds the names of fields and never their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Who, from where, in which request.
    pub caller: Caller,
    /// What.
    pub action: AuditAction,
    /// Of whom: at most 2,000, an order and a client for each row of a page.
    pub subjects: Vec<Subject>,
    /// How it went.
    pub outcome: Outcome,
    /// The fields that a write names, in the order of the record.
    pub fields: Vec<Field>,
}

/// Where records of access go.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditSink: Debug + Send + Sync + 'static {
    /// Takes a record. It is safe once the sink says so; a sink may gather records first, and then MUST slow the
    /// caller down rather than drop one.
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
