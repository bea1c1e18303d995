//! What happened to an order, as a clerk reads it.

use std::net::IpAddr;

use provesi_core::{Actor, ClientId, EventKind, OrderEvent, Timestamp};

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
        EventKind::Deleted { status, return_info, .. } => (
            format!("Eliminada en {}", status_display(status)),
            return_info.as_ref().map(|info| format!("Razón: {}", info.reason)),
        ),
        _ => ("Cambió".into(), None),
    }
}

fn clients(kind: &EventKind) -> Vec<(&'static str, ClientId)> {
    match kind {
        EventKind::ClientChanged { from, to } => {
            let before = from.map(|id| ("cliente anterior", id));
            before.into_iter().chain(to.map(|id| ("cliente nuevo", id))).collect()
        }
        _ => Vec::new(),
    }
}
