//! Changes that another program made behind this one: an order is not as its events say.

use crate::app::answers::RETENTION;
use crate::app::tell;
use crate::row::stored_client_id;
use crate::{
    Actor, App, EntryKey, EntryKind, EntryWrite, EventId, EventKind, OrderEvent, OrderFields, OrderNumber,
    OrderRepositoryExt, OrderRow, OrderStatus, OrderWrite, PageLimit, ReturnReason, Stamp, StoreError,
};

/// Who is noted for a change that another program made.
const ACTOR: &str = "elsewhere";

impl App {
    /// Appends an event to the history of an order if another program changed the order since the last of its events in `page`.
    /// Returns whether there are other events now. A failure is only logged, since the history can be returned without the event.
    pub(super) async fn note_change_elsewhere(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        page: &[OrderEvent],
    ) -> bool {
        match self.append_change_elsewhere(number, after, page).await {
            Ok(is_noted) => is_noted,
            Err(error) => {
                tell("a change that another program made was not noted", &error);
                false
            }
        }
    }

    /// The order is loaded by its id, since it may have another number by now.
    async fn append_change_elsewhere(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        page: &[OrderEvent],
    ) -> Result<bool, StoreError> {
        let Some(id) = page.last().map(|event| event.order_id) else { return Ok(false) };
        let Some(order) = self.orders.load(id.into()).await? else { return Ok(false) };
        if changed_elsewhere(&order.row, page).is_none() {
            return Ok(false);
        }
        let events = self.orders.history(number, after, PageLimit::MAX).await?;
        let (Some(last), Some(kind)) = (events.last(), changed_elsewhere(&order.row, &events)) else {
            // Another reader noted it meanwhile.
            return Ok(true);
        };
        // Our own writers change a row together with its events: the events are of a row that did not change meanwhile.
        if self.orders.load(id.into()).await?.is_none_or(|now| now.row != order.row) {
            return Ok(false);
        }
        let stamp = Stamp { at: self.now(), actor: Actor::system(ACTOR).map_err(StoreError::backend)?, address: None };
        // The entry deduplicates concurrent readers. It expires like an answer.
        let key = EntryKey::new(EntryKind::Answer, format!("{ACTOR}-{}", last.id));
        let once = EntryWrite::insert(key, String::new(), Some(stamp.at.later(RETENTION)));
        let write = OrderWrite::append(order.row.id, order.row.number, vec![kind], stamp).with_entry(once);
        match self.orders.commit_one(write).await {
            Err(StoreError::EntryConflict { .. }) => Ok(true),
            appended => appended.map(|_| true),
        }
    }
}

/// The fields of an order after its last events; `None` where these do not say.
#[derive(Default)]
struct KnownFields {
    number: Option<String>,
    status: Option<String>,
    client_id: Option<Option<String>>,
    /// Of a return only: other programs keep the reason of an order that is none any more.
    reason: Option<ReturnReason>,
}

impl KnownFields {
    fn after(events: &[OrderEvent]) -> Self {
        let mut known = Self::default();
        for event in events {
            match &event.kind {
                EventKind::ChangedElsewhere { from, to } => known.apply_elsewhere(from, to),
                kind => {
                    known.number = Some(event.number.clone());
                    known.apply(kind);
                }
            }
        }
        known
    }

    fn apply(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Created { status, client_id, return_info }
            | EventKind::Restored { status, client_id, return_info }
            | EventKind::Repaired { status, client_id, return_info, .. } => {
                self.status = Some(status.as_str().to_owned());
                self.client_id = Some(client_id.map(|id| id.to_string()));
                self.reason = return_info.as_ref().map(|info| info.reason.clone());
            }
            EventKind::StatusChanged { to, .. } => {
                self.status = Some(to.as_str().to_owned());
                self.reason = None;
            }
            EventKind::Returned { reason, .. } => {
                self.status = Some(OrderStatus::Returned.as_str().to_owned());
                self.reason = Some(reason.clone());
            }
            EventKind::ReasonChanged { to, .. } => self.reason = Some(to.clone()),
            EventKind::ReturnChanged { to, .. } => self.reason = to.as_ref().map(|info| info.reason.clone()),
            EventKind::ClientChanged { to, .. } => self.client_id = Some(to.map(|id| id.to_string())),
            EventKind::Renumbered { .. } | EventKind::ChangedElsewhere { .. } => {}
            EventKind::Deleted { .. } => *self = Self::default(),
        }
    }

    /// The event may come after a change of ours that it does not know: a field that is not as in `from` is left as it is.
    fn apply_elsewhere(&mut self, from: &OrderFields, to: &OrderFields) {
        fn replace<T: Clone + PartialEq>(known: &mut Option<T>, from: &T, to: &T) -> bool {
            let is_from = known.as_ref().is_none_or(|known| known == from);
            if is_from {
                *known = Some(to.clone());
            }
            is_from
        }
        let reason = |fields: &OrderFields| fields.return_info.as_ref().map(|info| info.reason.clone());
        replace(&mut self.number, &from.order_number, &to.order_number);
        replace(&mut self.client_id, &from.client_id, &to.client_id);
        if replace(&mut self.status, &from.status, &to.status) && (self.reason.is_none() || self.reason == reason(from))
        {
            self.reason = reason(to);
        }
    }
}

/// The event of a change that is not in `events`. Only fields that these events have are compared.
pub(super) fn changed_elsewhere(row: &OrderRow, events: &[OrderEvent]) -> Option<EventKind> {
    if events.last()?.order_id != row.id {
        return None;
    }
    let (known, to) = (KnownFields::after(events), OrderFields::from(row));
    let mut from = to.clone();
    if let Some(number) = known.number {
        from.order_number = number;
    }
    if let Some(status) = known.status {
        from.status = status;
    }
    if let Some(client_id) = known.client_id
        && !is_same_client(client_id.as_deref(), to.client_id.as_deref())
    {
        from.client_id = client_id;
    }
    if let (Some(reason), Some(info)) = (known.reason, &mut from.return_info)
        && row.status() == Ok(OrderStatus::Returned)
    {
        info.reason = reason;
    }
    (from != to).then_some(EventKind::ChangedElsewhere { from, to })
}

/// Whether two texts name one client: other programs keep the letter case of an id, and an empty text for none.
fn is_same_client(a: Option<&str>, b: Option<&str>) -> bool {
    a == b || matches!((stored_client_id(a), stored_client_id(b)), (Ok(a), Ok(b)) if a == b)
}
