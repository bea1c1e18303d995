//! Gives orders back the clients that integrity sweeps took off them. Earlier versions detached every order whose client
//! was missing, also where the store of clients was the wrong one or had lost its data. The history knows whose each order
//! was.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::app::Access;
use crate::row::stored_client_id;
use crate::{
    Actor, App, AppError, AuditAction, Caller, ClientId, EventId, EventKind, Field, Order, OrderEvent,
    OrderRepositoryExt, PageLimit, RepairError, StoreError, Subject,
};

/// The parts of the system that detach orders because their client is missing: the sweep of earlier versions, and
/// `check --repair`.
const SWEEPERS: [&str; 2] = ["integrity", "check"];

/// How many orders are looked up or written concurrently.
const CONCURRENCY: usize = 16;

/// The orders that sweeps took a client off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweptOrders {
    /// Have no client since, and their client exists again: they can have it back, or got it back.
    pub restorable: u64,
    /// Have no client since, and their client does not exist.
    pub client_missing: u64,
    /// Have a client again, were detached from another client since, or were deleted.
    pub changed_since: u64,
}

/// What became of an order since a sweep took a client off it.
enum Swept {
    /// It has no client, and that was the last change of its client.
    Unchanged(Order, ClientId),
    ChangedSince,
    /// A later sweep took a client off it again, whose event counts.
    Superseded,
}

impl App {
    /// Counts the orders that sweeps took a client off, by whether they can get it back. Reads all events, in constant
    /// memory.
    ///
    /// # Errors
    /// [`AppError::Clients`] or [`AppError::Orders`].
    pub async fn count_swept_orders(&self) -> Result<SweptOrders, AppError> {
        let mut counts = SweptOrders::default();
        let mut after = None;
        while let Some((last, restorable)) = self.swept_page(after, &mut counts).await? {
            counts.restorable += restorable.len() as u64;
            after = Some(last);
        }
        Ok(counts)
    }

    /// Gives orders the client back that a sweep took off them, if their number is exactly `confirmed`: those that have no
    /// client, whose last change of client was by a sweep, and whose client exists. Leaves an event of each. A second call
    /// finds nothing to do.
    ///
    /// # Errors
    /// - [`RepairError::NotConfirmed`] where the number is another one.
    /// - [`RepairError::App`] where a store fails.
    pub async fn undo_sweep(&self, caller: &Caller, confirmed: u64) -> Result<SweptOrders, RepairError> {
        let not_confirmed = |found, changed| Err(RepairError::NotConfirmed { confirmed, found, changed });
        let found = self.count_swept_orders().await?.restorable;
        if found != confirmed {
            return not_confirmed(found, 0);
        }
        let mut counts = SweptOrders::default();
        let mut after = None;
        while let Some((last, restorable)) = self.swept_page(after, &mut counts).await? {
            let found = counts.restorable + restorable.len() as u64;
            if found > confirmed {
                return not_confirmed(found, counts.restorable);
            }
            let mut restored = stream::iter(restorable)
                .map(|(order, client)| self.restore_client(caller, order, client))
                .buffer_unordered(CONCURRENCY);
            while let Some(outcome) = restored.try_next().await? {
                if outcome {
                    counts.restorable += 1;
                } else {
                    counts.changed_since += 1;
                }
            }
            after = Some(last);
        }
        Ok(counts)
    }

    /// The restorable orders in the page of events after `after`, and the last event of that page; `None` at the end. Adds
    /// the others to `counts`.
    async fn swept_page(
        &self,
        after: Option<EventId>,
        counts: &mut SweptOrders,
    ) -> Result<Option<(EventId, Vec<(Order, ClientId)>)>, AppError> {
        let events = self.orders.feed(after, PageLimit::MAX).await.map_err(AppError::Orders)?;
        let Some(last) = events.last().map(|event| event.id) else { return Ok(None) };
        let swept: Vec<_> = events.into_iter().filter_map(|event| Some((swept_client(&event)?, event))).collect();
        let mut clients: Vec<ClientId> = swept.iter().map(|(client, _)| *client).collect();
        clients.sort_unstable();
        clients.dedup();
        let existing = self.existing_clients(&clients).await?;
        let mut outcomes = stream::iter(swept)
            .map(|(client, event)| async move { self.look_up_swept(client, &event).await })
            .buffered(CONCURRENCY);
        let mut restorable = Vec::new();
        while let Some(outcome) = outcomes.try_next().await? {
            match outcome {
                Swept::Unchanged(order, client) if existing.contains(&client) => restorable.push((order, client)),
                Swept::Unchanged(..) => counts.client_missing += 1,
                Swept::ChangedSince => counts.changed_since += 1,
                Swept::Superseded => {}
            }
        }
        Ok(Some((last, restorable)))
    }

    /// What became of the order of `event` since it lost `client` by it.
    async fn look_up_swept(&self, client: ClientId, event: &OrderEvent) -> Result<Swept, AppError> {
        let order = match self.orders.get(event.order_id).await {
            Ok(Some(order)) => order,
            Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(Swept::ChangedSince),
            Err(error) => return Err(AppError::Orders(error)),
        };
        let (mut after, mut changed) = (event.id, order.client_id.is_some());
        loop {
            let later = self.orders.history(&order.number, Some(after), PageLimit::MAX).await;
            let later = later.map_err(AppError::Orders)?;
            let Some(last) = later.last().map(|event| event.id) else { break };
            for event in later.iter().filter(|event| event.order_id == order.id) {
                if swept_client(event).is_some() {
                    return Ok(Swept::Superseded);
                }
                changed |= changes_client(&event.kind);
            }
            after = last;
        }
        Ok(if changed { Swept::ChangedSince } else { Swept::Unchanged(order, client) })
    }

    /// Gives the order its client back. False where the order or the client changed since they were read.
    async fn restore_client(&self, caller: &Caller, order: Order, client: ClientId) -> Result<bool, AppError> {
        if !self.existing_clients(&[client]).await?.contains(&client) {
            return Ok(false);
        }
        let expected = order.version().into();
        let restored = Order { client_id: Some(client), ..order };
        let result = match self.orders.update(&restored, expected, &self.stamp(caller)).await {
            Ok(_) => Ok(true),
            Err(StoreError::VersionConflict | StoreError::NotFound | StoreError::EntryConflict { .. }) => {
                return Ok(false);
            }
            Err(error) => Err(AppError::Orders(error)),
        };
        let access = Access::write(AuditAction::OrderUpdate, &[Field::ClientId]);
        let subjects = |_: Option<&bool>| vec![Subject::Order(restored.number.clone()), Subject::Client(client)];
        self.audited(caller, access, subjects, result).await
    }
}

/// Whether the order went to another client, to one, or to none.
fn changes_client(kind: &EventKind) -> bool {
    match kind {
        EventKind::ClientChanged { .. } => true,
        EventKind::ChangedElsewhere { from, to } => from.client_id != to.client_id,
        EventKind::Repaired { from, client_id, .. } => stored_client_id(from.client_id.as_deref()) != Ok(*client_id),
        _ => false,
    }
}

/// The client that a sweep took off the order of this event.
fn swept_client(event: &OrderEvent) -> Option<ClientId> {
    match (&event.actor, &event.kind) {
        (Actor::System(name), EventKind::ClientChanged { from, to: None }) if SWEEPERS.contains(&name.as_str()) => {
            *from
        }
        _ => None,
    }
}
