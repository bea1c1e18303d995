//! Writes of another program: none is written over by a server that had not seen it.

use std::collections::HashMap;

use super::super::history::{Call, History, Op, Order, OrderState, WriteElsewhere};
use super::{Kind, Violations, violation};

/// What another program may have written.
pub(super) struct Elsewhere<'a>(HashMap<&'a str, &'a WriteElsewhere>);

impl<'a> Elsewhere<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let may_be_made = history.elsewhere.iter().filter(|write| write.order.is_some() || !write.is_answered);
        Self(may_be_made.map(|write| (write.reason.as_str(), write)).collect())
    }

    /// Whether another program may have written this reason, to this order if its id is given.
    pub(super) fn wrote(&self, reason: Option<&String>, order: Option<i64>) -> bool {
        let write = reason.and_then(|reason| self.0.get(reason.as_str()));
        write.is_some_and(|write| order.is_none() || write.order.is_none() || write.order == order)
    }

    /// Whether an order that is shown is as its events say, but for a reason of another program, which has no event.
    pub(super) fn is_shown(&self, shown: &Order, events: &OrderState) -> bool {
        let (id, shown) = (shown.id, &shown.state);
        let told = if shown.status == events.status && self.wrote(shown.reason.as_ref(), Some(id)) {
            &OrderState { reason: shown.reason.clone(), ..events.clone() }
        } else {
            events
        };
        shown == told
    }
}

/// The reason of a return after a write that was answered.
struct Written<'a> {
    reason: &'a str,
    order: i64,
    invoked: u64,
    returned: u64,
    kind: Kind,
}

/// A call that begins after a reason was written shows that reason or a later one.
pub(super) fn check(history: &History, found: &mut Violations) {
    let mut latest: HashMap<&str, u64> = history.calls.iter().filter_map(written_reason).collect();
    let end = |write: &WriteElsewhere| if write.is_answered { write.returned } else { u64::MAX };
    latest.extend(history.elsewhere.iter().map(|write| (write.reason.as_str(), end(write))));
    let mut sights: HashMap<i64, Vec<(u64, &Order)>> = HashMap::new();
    let answers = history.calls.iter().flat_map(|call| call.orders().iter().map(|order| (call.invoked, order)));
    for (invoked, order) in answers.chain(history.end.orders.iter().map(|order| (u64::MAX, order))) {
        sights.entry(order.id).or_default().push((invoked, order));
    }
    let ours = history.calls.iter().filter_map(|call| {
        let (reason, _) = written_reason(call)?;
        let order = call.orders().first().filter(|order| order.state.reason.as_deref() == Some(reason))?;
        let (invoked, returned) = (call.invoked, call.returned);
        Some(Written { reason, order: order.id, invoked, returned, kind: Kind::LostUpdate })
    });
    let theirs = history.elsewhere.iter().filter_map(|write| {
        let (reason, invoked, returned) = (write.reason.as_str(), write.invoked, write.returned);
        Some(Written { reason, order: write.order?, invoked, returned, kind: Kind::LostWriteElsewhere })
    });
    for write in ours.chain(theirs) {
        let is_older = |order: &Order| {
            let reason = order.state.reason.as_deref();
            reason.and_then(|reason| latest.get(reason)).is_some_and(|latest| *latest < write.invoked)
        };
        let sights = sights.get(&write.order).map_or(&[][..], Vec::as_slice);
        if let Some((_, order)) = sights.iter().find(|(invoked, order)| *invoked > write.returned && is_older(order)) {
            let what = format!("{} was written over: {order:?}", write.reason);
            found.push(violation(write.kind, what));
        }
    }
}

/// The reason that a call gives, and the latest instant at which it can have been written.
fn written_reason(call: &Call) -> Option<(&str, u64)> {
    let reason = match &call.op {
        Op::CreateOrder { order } => &order.reason,
        Op::EditOrder { change, .. } => &change.reason,
        _ => &None,
    };
    Some((reason.as_deref()?, call.latest_effect()))
}
