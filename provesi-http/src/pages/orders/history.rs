//! What happened to an order, as a clerk reads it.

use std::net::IpAddr;

use provesi_core::{Actor, ClientId, EventKind, OrderEvent, OrderFields, ReturnInfo, Timestamp};

use crate::pages::when::When;
use crate::wire::status_display;

/// Something that happened.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) when: When,
    pub(super) who: String,
    pub(super) address: Option<IpAddr>,
    pub(super) what: String,
    /// A reason that was given, or lost.
    pub(super) reason: Option<String>,
    /// Clients that it names, and as what.
    pub(super) clients: Vec<(&'static str, ClientId)>,
}

impl Entry {
    pub(super) fn new(event: OrderEvent, now: Timestamp) -> Self {
        let (what, reason) = told(&event.kind);
        Self {
            when: When::new(event.at, now),
            who: match event.actor {
                _ if matches!(event.kind, EventKind::ChangedElsewhere { .. }) => {
                    "Otro programa; se notó entonces".to_owned()
                }
                Actor::User(name) | Actor::Service(name) => name.as_str().to_owned(),
                Actor::System(name) => format!("Sistema ({})", name.as_str()),
                Actor::Anonymous => "Sin identificar".to_owned(),
            },
            address: event.address,
            clients: clients(&event.kind),
            what,
            reason,
        }
    }
}

fn told(kind: &EventKind) -> (String, Option<String>) {
    match kind {
        EventKind::Created { status, return_info, .. } => (
            format!("Creada en {}", status.label()),
            return_info.as_ref().map(|info| format!("Razón: {}", info.reason)),
        ),
        EventKind::StatusChanged { from, to, cleared } => (
            format!("De {} a {}", from.label(), to.label()),
            cleared.as_ref().map(|info| format!("Dejó de ser devolución; la razón era: {}", info.reason)),
        ),
        EventKind::Returned { from, reason } => {
            (format!("De {} a Devuelto", from.label()), Some(format!("Razón: {reason}")))
        }
        EventKind::ReasonChanged { from, to } => {
            let before = from.as_ref().map(|from| format!(" (antes: {from})")).unwrap_or_default();
            ("Cambió la razón de la devolución".into(), Some(format!("Razón: {to}{before}")))
        }
        EventKind::ReturnChanged { to, .. } => {
            ("Cambió la devolución".into(), to.as_ref().map(|info| format!("Razón: {}", info.reason)))
        }
        EventKind::ClientChanged { from, to } => {
            let what = match (from, to) {
                (None, Some(_)) => "Se le asignó un cliente",
                (Some(_), None) => "Quedó sin cliente",
                _ => "Cambió de cliente",
            };
            (what.into(), None)
        }
        EventKind::Renumbered { from, to } => (format!("Cambió de código: {from} → {to}"), None),
        EventKind::Repaired { from, status, .. } => {
            let before = format!("decía «{}», en «{}»", from.order_number.trim(), status_display(&from.status));
            (format!("Corregida: ahora en {}", status.label()), Some(before))
        }
        EventKind::ChangedElsewhere { from, to } => {
            ("Cambió fuera de este sistema".into(), Some(differences(from, to)))
        }
        EventKind::Restored { status, .. } => (format!("Recuperada en {}", status.label()), None),
        EventKind::Deleted { status, return_info, .. } => (
            format!("Eliminada en {}", status_display(status)),
            return_info.as_ref().map(|info| format!("Razón: {}", info.reason)),
        ),
        _ => ("Cambió".into(), None),
    }
}

/// What another program changed.
fn differences(from: &OrderFields, to: &OrderFields) -> String {
    let mut changes = Vec::new();
    if from.order_number != to.order_number {
        changes.push(format!("código: {} → {}", from.order_number.trim(), to.order_number.trim()));
    }
    if from.status != to.status {
        changes.push(format!("estado: {} → {}", status_display(&from.status), status_display(&to.status)));
    }
    if from.client_id != to.client_id {
        changes.push("cliente".to_owned());
    }
    if from.return_info != to.return_info {
        let shown = |info: &Option<ReturnInfo>| {
            info.as_ref().map_or_else(|| "ninguna".to_owned(), |info| info.reason.to_string())
        };
        changes.push(format!("razón: {} → {}", shown(&from.return_info), shown(&to.return_info)));
    }
    changes.join("; ")
}

fn clients(kind: &EventKind) -> Vec<(&'static str, ClientId)> {
    match kind {
        EventKind::ClientChanged { from, to } => {
            let before = from.map(|id| ("cliente anterior", id));
            before.into_iter().chain(to.map(|id| ("cliente nuevo", id))).collect()
        }
        EventKind::ChangedElsewhere { from, to } if from.client_id != to.client_id => {
            let named = [("cliente anterior", &from.client_id), ("cliente nuevo", &to.client_id)];
            named.into_iter().filter_map(|(what, id)| Some((what, id.as_ref()?.parse().ok()?))).collect()
        }
        _ => Vec::new(),
    }
}
