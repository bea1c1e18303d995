//! What happened to an order, as its store keeps it for good.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    Actor, ClientId, NewOrder, Order, OrderId, OrderNumber, OrderRow, OrderStatus, PageLimit, ReturnInfo, ReturnReason,
    Stamp, Stored, Timestamp,
};

/// The place of an event in its store's feed: greater than 0, strictly growing in the order in which the feed hands
/// events out, not without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(i64);

impl EventId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// The id's number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened. The JSON form, `{"type": "status_changed", "from": …, "to": …}`, is what stores keep and the API
/// shows; a store that keeps `type` in a column of its own uses [`name`](Self::name).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The order was made.
    Created {
        /// In which status.
        status: OrderStatus,
        /// For whom.
        client_id: Option<ClientId>,
        /// Its reason and date, where it was made as a return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_info: Option<ReturnInfo>,
    },
    /// The status changed to any but returned.
    StatusChanged {
        /// The status before.
        from: OrderStatus,
        /// The new status.
        to: OrderStatus,
        /// Reason and date that the order lost by leaving a return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cleared: Option<ReturnInfo>,
    },
    /// The order came back.
    Returned {
        /// The status before.
        from: OrderStatus,
        /// Why it came back.
        reason: ReturnReason,
    },
    /// The reason of a return was edited.
    ReasonChanged {
        /// The reason before; a return of the Python system may have none.
        from: Option<ReturnReason>,
        /// The new reason.
        to: ReturnReason,
    },
    /// Reason or date of a return changed otherwise, which no use case does: by a program that has the store.
    ReturnChanged {
        /// Reason and date before.
        from: Option<ReturnInfo>,
        /// The new reason and date.
        to: Option<ReturnInfo>,
    },
    /// The order went to another client, to one, or to none.
    ClientChanged {
        /// The client before.
        from: Option<ClientId>,
        /// The new client.
        to: Option<ClientId>,
    },
    /// The number changed, if only its letter case.
    Renumbered {
        /// The number before.
        from: OrderNumber,
        /// The new number.
        to: OrderNumber,
    },
    /// An irregular order ([`Stored`]) became valid.
    Repaired {
        /// The fields before, unchecked.
        from: OrderFields,
        /// The new status.
        status: OrderStatus,
        /// The new client.
        client_id: Option<ClientId>,
        /// The new reason and date of its return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_info: Option<ReturnInfo>,
    },
    /// Another program changed the order without an event, which was noticed when the history was read.
    ChangedElsewhere {
        /// The fields as the events before say.
        from: OrderFields,
        /// The fields as they are.
        to: OrderFields,
    },
    /// The order was deleted before, and was restored as this, with its id.
    Restored {
        /// In which status.
        status: OrderStatus,
        /// For whom.
        client_id: Option<ClientId>,
        /// The reason and date of its return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_info: Option<ReturnInfo>,
    },
    /// The order was deleted, as this.
    Deleted {
        /// Its last status, unchecked.
        status: String,
        /// Its last client, unchecked.
        client_id: Option<String>,
        /// The reason and date of its return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        return_info: Option<ReturnInfo>,
    },
}

/// The fields of an order, unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderFields {
    /// Its number.
    pub order_number: String,
    /// Its status.
    pub status: String,
    /// Its client.
    pub client_id: Option<String>,
    /// The reason and date of its return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_info: Option<ReturnInfo>,
}

impl From<&OrderRow> for OrderFields {
    fn from(row: &OrderRow) -> Self {
        Self {
            order_number: row.number.clone(),
            status: row.status.clone(),
            client_id: row.client_id.clone(),
            return_info: row.return_info(),
        }
    }
}

impl EventKind {
    /// The `type` of the JSON form.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::StatusChanged { .. } => "status_changed",
            Self::Returned { .. } => "returned",
            Self::ReasonChanged { .. } => "reason_changed",
            Self::ReturnChanged { .. } => "return_changed",
            Self::ClientChanged { .. } => "client_changed",
            Self::Renumbered { .. } => "renumbered",
            Self::Repaired { .. } => "repaired",
            Self::ChangedElsewhere { .. } => "changed_elsewhere",
            Self::Restored { .. } => "restored",
            Self::Deleted { .. } => "deleted",
        }
    }

    /// The number that the order had before, if this changed it or may have changed it.
    #[must_use]
    pub fn number_before(&self) -> Option<&str> {
        match self {
            Self::Renumbered { from, .. } => Some(from.as_str()),
            Self::Repaired { from, .. } | Self::ChangedElsewhere { from, .. } => Some(&from.order_number),
            _ => None,
        }
    }

    /// The event of making `order`.
    #[must_use]
    pub fn created(order: &NewOrder) -> Self {
        Self::Created {
            status: order.state.status(),
            client_id: order.client_id,
            return_info: order.state.return_info().cloned(),
        }
    }

    /// The event of repairing an irregular order.
    #[must_use]
    pub fn repaired(before: &OrderRow, after: &Order) -> Self {
        Self::Repaired {
            from: before.into(),
            status: after.status(),
            client_id: after.client_id,
            return_info: after.return_info().cloned(),
        }
    }

    /// The event of restoring `order`.
    #[must_use]
    pub fn restored(order: &Order) -> Self {
        Self::Restored { status: order.status(), client_id: order.client_id, return_info: order.return_info().cloned() }
    }

    /// The event of deleting `order`.
    #[must_use]
    pub fn deleted(order: &Stored<Order>) -> Self {
        let row = &order.row;
        Self::Deleted { status: row.status.clone(), client_id: order.shown_client_id(), return_info: row.return_info() }
    }

    /// The events of a change from `before` to `after`, in the order in which they are to be kept: number, status or
    /// reason, client. None where nothing changed.
    #[must_use]
    pub fn changes(before: &Order, after: &Order) -> Vec<Self> {
        let mut changes = Vec::new();
        if before.number != after.number {
            changes.push(Self::Renumbered { from: before.number.clone(), to: after.number.clone() });
        }
        changes.extend(Self::state_change(before, after));
        if before.client_id != after.client_id {
            changes.push(Self::ClientChanged { from: before.client_id, to: after.client_id });
        }
        changes
    }

    fn state_change(before: &Order, after: &Order) -> Option<Self> {
        let from = before.status();
        let reason = |order: &Order| order.return_info().map(|info| info.reason.clone());
        match after.status() {
            OrderStatus::Returned if from != OrderStatus::Returned => match reason(after) {
                Some(reason) => Some(Self::Returned { from, reason }),
                // Only a store that is handed such a state by hand gets here.
                None => Some(Self::StatusChanged { from, to: OrderStatus::Returned, cleared: None }),
            },
            OrderStatus::Returned => {
                let date = |order: &Order| order.return_info().map(|info| info.returned_at);
                let keeps_date = date(before).is_none() || date(before) == date(after);
                match (reason(before), reason(after)) {
                    (from, Some(to)) if from.as_ref() != Some(&to) && keeps_date => {
                        Some(Self::ReasonChanged { from, to })
                    }
                    _ if before.return_info() != after.return_info() => Some(Self::ReturnChanged {
                        from: before.return_info().cloned(),
                        to: after.return_info().cloned(),
                    }),
                    _ => None,
                }
            }
            to if to != from => Some(Self::StatusChanged { from, to, cleared: before.return_info().cloned() }),
            _ => None,
        }
    }
}

/// Something that happened to an order.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderEvent {
    /// Its place in the feed.
    pub id: EventId,
    /// The order.
    pub order_id: OrderId,
    /// The order's number once it had happened; unchecked, since an irregular order can be deleted.
    pub number: String,
    /// When: the [`Stamp::at`] of the change.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// From which network address.
    pub address: Option<IpAddr>,
    /// What happened.
    pub kind: EventKind,
}

impl OrderEvent {
    /// The event `id` of what happened to an order by a change with this `stamp`.
    #[must_use]
    pub fn new(id: EventId, order_id: OrderId, number: &str, stamp: &Stamp, kind: EventKind) -> Self {
        Self {
            id,
            order_id,
            number: number.to_owned(),
            at: stamp.at,
            actor: stamp.actor.clone(),
            address: stamp.address,
            kind,
        }
    }
}

/// Which events of a store: at most `limit` of them, oldest first, those after the event `after` if it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose.
    pub of: EventsOf,
    /// The event after which the answer starts.
    pub after: Option<EventId>,
    /// The most events.
    pub limit: PageLimit,
}

/// Whose events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsOf {
    /// Those of all orders.
    All,
    /// Those of the order that has this number now, in any letter case, else of the one that had it last; its events under
    /// other numbers are among them. A number that no order ever had has no events. To read what follows an event, look at
    /// [`OrderEvent::order_id`]: another order may have the number by then.
    Number(OrderNumber),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrderState;

    fn order(status: OrderStatus, reason: Option<&str>, second: i64) -> Order {
        let at = Timestamp::from_micros(second * 1_000_000).unwrap();
        Order {
            id: OrderId::new(1),
            number: "A-1".parse().unwrap(),
            client_id: None,
            state: OrderState::new(status, reason.map(|text| ReturnReason::parse(text).unwrap()), at).unwrap(),
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn no_change_is_no_event() {
        let one = order(OrderStatus::Returned, Some("roto"), 1);
        assert_eq!(EventKind::changes(&one, &one), []);
    }

    #[test]
    fn a_change_of_everything_is_told_in_a_fixed_order() {
        let before = order(OrderStatus::Returned, Some("roto"), 1);
        let mut after = order(OrderStatus::Packing, None, 2);
        after.number = "B-1".parse().unwrap();
        after.client_id = Some(ClientId::from_bytes([7; 12]));
        let names: Vec<_> = EventKind::changes(&before, &after).iter().map(EventKind::name).collect();
        assert_eq!(names, ["renumbered", "status_changed", "client_changed"]);
    }

    #[test]
    fn leaving_a_return_keeps_what_was_cleared() {
        let before = order(OrderStatus::Returned, Some("roto"), 1);
        let changes = EventKind::changes(&before, &order(OrderStatus::Packing, None, 2));
        let [EventKind::StatusChanged { cleared: Some(info), .. }] = &changes[..] else { panic!("{changes:?}") };
        assert_eq!(Some(info), before.return_info());
    }

    #[test]
    fn a_new_reason_is_an_event_of_its_own() {
        let before = order(OrderStatus::Returned, Some("roto"), 1);
        let after = order(OrderStatus::Returned, Some("mojado"), 1);
        assert_eq!(EventKind::changes(&before, &after)[0].name(), "reason_changed");
    }

    #[test]
    fn every_change_of_a_return_is_an_event() {
        let one = order(OrderStatus::Returned, Some("roto"), 1);
        let bare = Order { state: OrderState::restore(OrderStatus::Returned, None), ..one.clone() };
        let later = order(OrderStatus::Returned, Some("roto"), 2);
        let both = order(OrderStatus::Returned, Some("mojado"), 2);
        for (before, after, name) in [
            (&one, &later, "return_changed"),
            (&one, &both, "return_changed"),
            (&one, &bare, "return_changed"),
            (&bare, &one, "reason_changed"),
        ] {
            let names: Vec<_> = EventKind::changes(before, after).iter().map(EventKind::name).collect();
            assert_eq!(names, [name]);
            assert!(!before.same_content(after));
        }
    }

    #[test]
    fn the_json_form_is_fixed() {
        let changes =
            EventKind::changes(&order(OrderStatus::Shipped, None, 1), &order(OrderStatus::Returned, Some("Dañado"), 2));
        let json = serde_json::to_value(&changes[0]).unwrap();
        assert_eq!(json, serde_json::json!({"type": "returned", "from": "shipped", "reason": "Dañado"}));
        assert_eq!(serde_json::from_value::<EventKind>(json).unwrap(), changes[0]);
    }
}
