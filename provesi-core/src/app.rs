//! The use cases that every way in shares: REST, pages, the command line. Written against the ports alone.

mod answers;
mod audit;
mod clients;
mod elsewhere;
mod error;
mod health;
mod history;
mod integrity;
mod lists;
mod order_input;
mod orders;
mod retirement;
mod secret;
mod undo_sweep;
mod views;

pub use clients::{ClientChange, ClientDraft, ClientWithOrders};
pub use error::{AppError, Refusal};
pub use health::Health;
pub use integrity::{DanglingClient, IntegrityReport, RecordReport, RepairError};
pub use order_input::{ClientChoice, OrderChange, OrderDraft};
pub use retirement::SettledRetirements;
pub use undo_sweep::SweptOrders;
pub use views::{ClientDeletion, ClientLink, ClientView, ClientsById, OrderView};

use std::sync::Arc;

use crate::{
    AuditAction, AuditPolicy, AuditRecord, AuditSink, AuditStore, Caller, Chain, ClientRepository, Clock, Field,
    IdSource, ListFilter, ObjectIds, OrderRepository, OrderStatus, OrdersWithClients, Outcome, Stamp, StatusFlow,
    StoreError, Subject, SystemClock, Timestamp,
};

/// The application: the stores of clients and orders, the rules, and what they need. Cheap to clone.
///
/// ```
/// # use std::sync::Arc;
/// # use provesi_core::{App, ClientRepository, OrderRepository, StatusFlow};
/// # fn stores() -> (Arc<dyn ClientRepository>, Arc<dyn OrderRepository>) { unimplemented!() }
/// # fn example() {
/// let (clients, orders) = stores();
/// let app = App::new(clients, orders).with_flow(StatusFlow::strict());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct App {
    clients: Arc<dyn ClientRepository>,
    orders: Arc<dyn OrderRepository>,
    /// For reads of an order with its client.
    joined: Option<Arc<dyn OrdersWithClients>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    audit: Option<Arc<dyn AuditSink>>,
    audit_policy: AuditPolicy,
    audit_store: Option<Arc<dyn AuditStore>>,
    flow: StatusFlow,
}

impl App {
    /// The application over these stores, with the machine's clock, ids like MongoDB's, a flow that lets any status
    /// follow any, and no audit.
    #[must_use]
    pub fn new(clients: Arc<dyn ClientRepository>, orders: Arc<dyn OrderRepository>) -> Self {
        Self {
            clients,
            orders,
            joined: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(ObjectIds::new()),
            audit: None,
            audit_policy: AuditPolicy::default(),
            audit_store: None,
            flow: StatusFlow::default(),
        }
    }

    /// This application over other stores, such as those within a transaction of the caller's. The audit stays outside of it: it
    /// records what was done there whether or not the caller commits, and one in the same SQLite file waits for the transaction.
    /// A store from [`with_joined_reads`](Self::with_joined_reads) is dropped.
    #[must_use]
    pub fn with_stores(mut self, clients: Arc<dyn ClientRepository>, orders: Arc<dyn OrderRepository>) -> Self {
        self.clients = clients;
        self.orders = orders;
        self.joined = None;
        self
    }

    /// This application with a store that reads orders together with their clients, which only [`order`](Self::order) uses. It must hold
    /// the same records as the stores of clients and orders, and see their writes immediately.
    #[must_use]
    pub fn with_joined_reads(mut self, store: Arc<dyn OrdersWithClients>) -> Self {
        self.joined = Some(store);
        self
    }

    /// This application with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// This application with another source of ids.
    #[must_use]
    pub fn with_ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// This application with another flow of statuses.
    #[must_use]
    pub const fn with_flow(mut self, flow: StatusFlow) -> Self {
        self.flow = flow;
        self
    }

    /// This application with an audit: every use case hands a record to `sink`.
    #[must_use]
    pub fn with_audit(mut self, sink: Arc<dyn AuditSink>, policy: AuditPolicy) -> Self {
        self.audit = Some(sink);
        self.audit_policy = policy;
        self
    }

    /// This application with the store from which its audit records are read.
    #[must_use]
    pub fn with_audit_store(mut self, store: Arc<dyn AuditStore>) -> Self {
        self.audit_store = Some(store);
        self
    }

    /// The store of clients.
    #[must_use]
    pub fn clients(&self) -> &Arc<dyn ClientRepository> {
        &self.clients
    }

    /// The store of orders.
    #[must_use]
    pub fn orders(&self) -> &Arc<dyn OrderRepository> {
        &self.orders
    }

    /// Which status may follow which.
    #[must_use]
    pub const fn flow(&self) -> &StatusFlow {
        &self.flow
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp::new(self.now(), caller)
    }

    fn next_statuses(&self, from: OrderStatus) -> Vec<OrderStatus> {
        self.flow.next(from).collect()
    }

    /// Records the access and returns `result`. If that fails under [`AuditPolicy::Strict`], withholds what a read returns,
    /// and the current record that a refused write returns. A write that succeeded is not undone.
    async fn audited<T>(
        &self,
        caller: &Caller,
        access: Access<'_>,
        subjects: impl FnOnce(Option<&T>) -> Vec<Subject> + Send,
        result: Result<T, AppError>,
    ) -> Result<T, AppError>
    where
        T: Send + Sync,
    {
        if self.audit.is_none() {
            return result;
        }
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(error) if error.is_fault() => Outcome::Failed,
            Err(_) => Outcome::Refused,
        };
        match self.keep(caller, access, subjects(result.as_ref().ok()), outcome).await {
            Err(error)
                if self.audit_policy == AuditPolicy::Strict && (access.action.is_read() || shows_a_record(&result)) =>
            {
                Err(AppError::Audit(error))
            }
            Err(error) => {
                tell("an audit record was not stored", &error);
                result
            }
            Ok(()) => result,
        }
    }

    /// Hands a record to the sink, if there is one.
    async fn keep(
        &self,
        caller: &Caller,
        Access { action, fields, list }: Access<'_>,
        subjects: Vec<Subject>,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        let Some(sink) = &self.audit else { return Ok(()) };
        let caller = Caller { idempotency_key: None, ..caller.clone() };
        let (at, fields) = (self.now(), fields.to_vec());
        let list = list.map(|filter| Box::new(filter.clone()));
        sink.record(AuditRecord { at, caller, action, subjects, outcome, fields, list }).await
    }
}

const fn shows_a_record<T>(result: &Result<T, AppError>) -> bool {
    matches!(result, Err(AppError::ClientChanged { .. } | AppError::OrderChanged { .. }))
}

/// Logs a failure that the caller is not told as an error, since there is an answer without what failed.
fn tell(what: &str, error: &StoreError) {
    tracing::warn!(error = %Chain(error), transient = error.is_transient(), "{what}");
}

/// What [`App::audited`] records of an access.
#[derive(Clone, Copy)]
struct Access<'a> {
    action: AuditAction,
    fields: &'a [Field],
    list: Option<&'a ListFilter>,
}

impl<'a> Access<'a> {
    const fn read(action: AuditAction) -> Self {
        Self { action, fields: &[], list: None }
    }

    const fn list(action: AuditAction, filter: &'a ListFilter) -> Self {
        Self { action, fields: &[], list: Some(filter) }
    }

    const fn write(action: AuditAction, fields: &'a [Field]) -> Self {
        Self { action, fields, list: None }
    }
}
