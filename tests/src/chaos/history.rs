//! What a run recorded: every call with its answer, every fault with its time, and the records and events at the end.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Everything that the checker looks at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// The seed of the run.
    pub seed: u64,
    /// Which stores the server used.
    pub arrangement: String,
    /// The calls, in the order of their ids.
    pub calls: Vec<Call>,
    /// What another program wrote beside the server.
    #[serde(default)]
    pub elsewhere: Vec<WriteElsewhere>,
    /// When something was killed or frozen.
    pub faults: Vec<Fault>,
    /// The records after the run.
    pub end: EndState,
}

/// One request. Instants are microseconds since the start of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Greater than 0. The call's [`actor`](Self::actor) carries it into the events.
    pub id: u64,
    /// When the request was sent.
    pub invoked: u64,
    /// When the answer was there, or the client gave up.
    pub returned: u64,
    /// What was asked for.
    pub op: Op,
    /// What came back.
    pub outcome: Outcome,
}

/// What a call asks for. `if_match` is the `ETag` that the caller expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub enum Op {
    CreateOrder { order: OrderState },
    EditOrder { number: String, change: OrderChange, if_match: Option<String> },
    DeleteOrder { number: String, if_match: Option<String> },
    ReadOrder { number: String },
    ListOrders,
    CreateClient { client: ClientState },
    EditClient { id: String, change: ClientChange, if_match: Option<String> },
    DeleteClient { id: String, if_match: Option<String> },
    ReadClient { id: String },
    ListClients,
}

/// The fields of an order that callers change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct OrderState {
    #[serde(rename = "order_number")]
    pub number: String,
    #[serde(default)]
    pub client_id: Option<String>,
    pub status: String,
    #[serde(rename = "return_reason", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The fields of an edit; what is `None` stays. An empty `client_id` detaches the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct OrderChange {
    #[serde(rename = "order_number", skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(rename = "return_reason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl OrderChange {
    /// The order after this change.
    #[must_use]
    pub fn apply(&self, before: &OrderState) -> OrderState {
        let mut after = before.clone();
        if let Some(number) = &self.number {
            after.number.clone_from(number);
        }
        if let Some(client) = &self.client_id {
            after.client_id = Some(client.clone()).filter(|id| !id.is_empty());
        }
        if let Some(status) = &self.status {
            after.status.clone_from(status);
        }
        if after.status != "returned" {
            after.reason = None;
        } else if self.reason.is_some() {
            after.reason.clone_from(&self.reason);
        }
        after
    }
}

/// The fields of a client that callers change. `address` holds the actor of the call that wrote the record last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct ClientState {
    pub name: String,
    pub email: String,
    pub address: String,
}

/// The fields of an edit; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct ClientChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub address: String,
}

/// An order as an answer or the final list shows it. `etag` is `None` where it came from a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct Order {
    pub id: i64,
    pub updated_at: String,
    #[serde(default)]
    pub etag: Option<String>,
    #[serde(flatten)]
    pub state: OrderState,
}

/// A client as an answer or the final list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct Client {
    pub id: String,
    pub updated_at: String,
    #[serde(default)]
    pub etag: Option<String>,
    #[serde(flatten)]
    pub state: ClientState,
}

/// What came back for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// 2xx with this content. `degraded` says that the answer has warnings.
    Done {
        /// What the answer shows.
        shown: Shown,
        /// Whether the answer has `warnings`.
        degraded: bool,
    },
    /// 4xx or 503: the server says that the write was not made.
    Refused {
        /// The status.
        status: u16,
        /// The answer's `code`.
        code: String,
    },
    /// No connection to the server: nothing was sent.
    NotSent,
    /// Anything else: a write may have been made, or may still be made.
    Unknown {
        /// Why.
        why: String,
    },
    /// 500: the server failed in a way that it should not. A write may have been made.
    Failed {
        /// The answer.
        body: String,
    },
}

/// The records in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Shown {
    Nothing,
    Orders(Vec<Order>),
    Clients(Vec<Client>),
}

/// An event of an order as `GET /api/orders/{number}/history` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct Event {
    pub id: i64,
    pub actor: String,
    pub order_number: String,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub enum EventKind {
    Created {
        status: String,
        client_id: Option<String>,
        #[serde(default)]
        return_info: Option<ReturnInfo>,
    },
    StatusChanged {
        from: String,
        to: String,
    },
    Returned {
        from: String,
        reason: String,
    },
    ReasonChanged {
        from: Option<String>,
        to: String,
    },
    ClientChanged {
        from: Option<String>,
        to: Option<String>,
    },
    Renumbered {
        from: String,
        to: String,
    },
    Deleted {
        status: String,
        client_id: Option<String>,
        #[serde(default)]
        return_info: Option<ReturnInfo>,
    },
    ChangedElsewhere {
        from: OrderFields,
        to: OrderFields,
    },
    #[serde(other)]
    Other,
}

/// The part of an order in [`EventKind::ChangedElsewhere`] that another program of a run changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct OrderFields {
    pub status: String,
    #[serde(default)]
    pub return_info: Option<ReturnInfo>,
}

impl OrderFields {
    pub(super) fn reason(&self) -> Option<&String> {
        self.return_info.as_ref().map(|info| &info.reason)
    }
}

/// A write of another program, as the Python system makes them: the reason of a return is replaced by one statement that leaves
/// `updated_at` and writes no event. Instants as in [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteElsewhere {
    /// The new reason, which nobody else writes.
    pub reason: String,
    /// When the statement was sent.
    pub invoked: u64,
    /// When its answer was there.
    pub returned: u64,
    /// The order that it changed; `None` for none, and where the answer is missing.
    pub order: Option<i64>,
    /// Whether there was an answer.
    pub is_answered: bool,
}

/// The part of a return that the checker compares; its date is the server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the API")]
pub struct ReturnInfo {
    pub reason: String,
}

/// A time in which something was dead or frozen, in microseconds since the start of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What was done, such as `kill server`.
    pub what: String,
    /// When it began.
    pub from: u64,
    /// When the process answered again.
    pub until: u64,
}

/// The records and events after the run, read from a server that was restarted once more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EndState {
    /// All orders.
    pub orders: Vec<Order>,
    /// All clients.
    pub clients: Vec<Client>,
    /// By each number that any call named: the events that the server shows for it, none where it answers 404.
    pub events: BTreeMap<String, Vec<Event>>,
}

impl Call {
    /// How events and clients name this call.
    #[must_use]
    pub fn actor(&self) -> String {
        actor(self.id)
    }

    /// Whether the server said that it was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    /// Whether it may have had an effect.
    #[must_use]
    pub fn may_be_made(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused { .. } | Outcome::NotSent)
    }

    /// The latest instant at which it can have had its effect.
    #[must_use]
    pub fn latest_effect(&self) -> u64 {
        if self.is_done() { self.returned } else { u64::MAX }
    }

    /// Whether it writes.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.op, Op::ReadOrder { .. } | Op::ListOrders | Op::ReadClient { .. } | Op::ListClients)
    }

    /// The orders that it was shown.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        match &self.outcome {
            Outcome::Done { shown: Shown::Orders(orders), .. } => orders,
            _ => &[],
        }
    }

    /// The clients that it was shown.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        match &self.outcome {
            Outcome::Done { shown: Shown::Clients(clients), .. } => clients,
            _ => &[],
        }
    }
}

/// The name under which a call appears in events and addresses.
#[must_use]
pub fn actor(call: u64) -> String {
    format!("call-{call}")
}

impl History {
    /// The calls by their actor.
    #[must_use]
    pub fn by_actor(&self) -> HashMap<String, &Call> {
        self.calls.iter().map(|call| (call.actor(), call)).collect()
    }

    /// Whether something was dead or frozen, or had been shortly before, in this time.
    #[must_use]
    pub fn is_disturbed(&self, from: u64, until: u64) -> bool {
        const RECOVERY: u64 = 5_000_000;
        self.faults.iter().any(|fault| fault.from <= until && from <= fault.until.saturating_add(RECOVERY))
    }
}

/// The form in which numbers and addresses are unique.
#[must_use]
pub fn folded(text: &str) -> String {
    text.to_ascii_lowercase()
}
