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

    /// Whether another program may have written this reason.
    pub(super) fn wrote(&self, reason: Option<&String>) -> bool {
        reason.is_some_and(|reason| self.0.contains_key(reason.as_str()))
    }

    /// Whether an order that is shown is as its events say, but for a reason of another program, which has no event.
    pub(super) fn is_shown(&self, shown: &OrderState, events: &OrderState) -> bool {
        let told = if shown.status == events.status && self.wrote(shown.reason.as_ref()) {
            &OrderState { reason: shown.reason.clone(), ..events.clone() }
        } else {
            events
        };
        shown == told
    }
}

/// Whoever looks at an order after such a write was answered sees its reason or a later one.
pub(super) fn check(history: &History, found: &mut Violations) {
    let mut written: HashMap<&str, u64> = history.calls.iter().filter_map(written_reason).collect();
    let latest = |write: &WriteElsewhere| if write.is_answered { write.returned } else { u64::MAX };
    written.extend(history.elsewhere.iter().map(|write| (write.reason.as_str(), latest(write))));
    let mut sights: HashMap<i64, Vec<(u64, &Order)>> = HashMap::new();
    let answers = history.calls.iter().flat_map(|call| call.orders().iter().map(|order| (call.invoked, order)));
    for (invoked, order) in answers.chain(history.end.orders.iter().map(|order| (u64::MAX, order))) {
        sights.entry(order.id).or_default().push((invoked, order));
    }
    for write in &history.elsewhere {
        let Some(sights) = write.order.and_then(|id| sights.get(&id)) else { continue };
        let is_older = |order: &Order| {
            let reason = order.state.reason.as_deref();
            reason.and_then(|reason| written.get(reason)).is_some_and(|written| *written < write.invoked)
        };
        if let Some((_, order)) = sights.iter().find(|(invoked, order)| *invoked > write.returned && is_older(order)) {
            found.push(violation(Kind::LostWriteElsewhere, format!("{write:?}, and later {order:?}")));
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
