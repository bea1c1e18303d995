//! The events of one order, replayed.

use super::super::history::{Event, EventKind, OrderState};

/// Where an order stands: `None` before it was created and after it was deleted.
pub(super) type Place = Option<OrderState>;

/// Whether an event can follow this state.
pub(super) fn follows(event: &Event, before: &Place) -> bool {
    let Some(before) = before else {
        return matches!(event.kind, EventKind::Created { .. });
    };
    let number = match &event.kind {
        EventKind::Renumbered { to, .. } => to,
        _ => &before.number,
    };
    let fits = match &event.kind {
        // A server notes it when it notices: it may say what another call has changed since.
        EventKind::ChangedElsewhere { .. } => true,
        EventKind::Created { .. } | EventKind::Other => false,
        EventKind::StatusChanged { from, .. } | EventKind::Returned { from, .. } => *from == before.status,
        EventKind::ReasonChanged { from, .. } => before.status == "returned" && *from == before.reason,
        EventKind::ClientChanged { from, .. } => *from == before.client_id,
        EventKind::Renumbered { from, .. } => *from == before.number,
        EventKind::Deleted { status, client_id, return_info } => {
            let reason = return_info.as_ref().map(|info| &info.reason);
            *status == before.status && *client_id == before.client_id && reason == before.reason.as_ref()
        }
    };
    fits && event.order_number == *number
}

/// The state after an event, whatever was before: what the event does not say stays.
pub(super) fn after(event: &Event, before: &Place) -> Place {
    if let EventKind::Created { status, client_id, return_info } = &event.kind {
        return Some(OrderState {
            number: event.order_number.clone(),
            client_id: client_id.clone(),
            status: status.clone(),
            reason: return_info.as_ref().map(|info| info.reason.clone()),
        });
    }
    let unknown = || OrderState { number: String::new(), client_id: None, status: String::new(), reason: None };
    let mut state = before.clone().unwrap_or_else(unknown);
    state.number.clone_from(&event.order_number);
    match &event.kind {
        EventKind::Deleted { .. } => return None,
        EventKind::StatusChanged { to, .. } => {
            state.status.clone_from(to);
            state.reason = None;
        }
        EventKind::Returned { reason, .. } => {
            "returned".clone_into(&mut state.status);
            state.reason = Some(reason.clone());
        }
        EventKind::ReasonChanged { to, .. } => state.reason = Some(to.clone()),
        EventKind::ClientChanged { to, .. } => state.client_id.clone_from(to),
        EventKind::ChangedElsewhere { from, to } => {
            let is_seen = [&from.status, &to.status].iter().all(|status| **status == state.status);
            if is_seen && from.reason() == state.reason.as_ref() {
                state.reason = to.reason().cloned();
            }
        }
        EventKind::Created { .. } | EventKind::Renumbered { .. } | EventKind::Other => {}
    }
    Some(state)
}

/// The kinds of the events that a change from `before` to `after` must leave, in their order.
pub(super) fn expected(before: &Place, after: &Place) -> Vec<&'static str> {
    let (before, after) = match (before, after) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec!["created"],
        (Some(_), None) => return vec!["deleted"],
        (Some(before), Some(after)) => (before, after),
    };
    let returns = (before.status == "returned", after.status == "returned");
    let mut kinds = Vec::new();
    if before.number != after.number {
        kinds.push("renumbered");
    }
    match returns {
        (false, true) => kinds.push("returned"),
        (true, true) if before.reason != after.reason => kinds.push("reason_changed"),
        _ if before.status != after.status => kinds.push("status_changed"),
        _ => {}
    }
    if before.client_id != after.client_id {
        kinds.push("client_changed");
    }
    kinds
}

pub(super) fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Created { .. } => "created",
        EventKind::StatusChanged { .. } => "status_changed",
        EventKind::Returned { .. } => "returned",
        EventKind::ReasonChanged { .. } => "reason_changed",
        EventKind::ClientChanged { .. } => "client_changed",
        EventKind::Renumbered { .. } => "renumbered",
        EventKind::Deleted { .. } => "deleted",
        EventKind::ChangedElsewhere { .. } => "changed_elsewhere",
        EventKind::Other => "another",
    }
}

/// The reason that the order had before an event, if the event says so.
pub(super) fn reason_before(event: &Event) -> Option<&String> {
    match &event.kind {
        EventKind::ReasonChanged { from, .. } => from.as_ref(),
        EventKind::Deleted { return_info, .. } => return_info.as_ref().map(|info| &info.reason),
        _ => None,
    }
}

/// The client that an event takes off its order.
pub(super) fn detached_client(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::ClientChanged { from: Some(from), to: None } => Some(from),
        _ => None,
    }
}
