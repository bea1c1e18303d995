//! Counts of orders and of their events, by groups.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{ClientId, OrderEvent, OrderFilter, OrderRow, Period, StoreError};

/// What is counted, and by what it is grouped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderCount {
    /// The orders that pass a filter.
    Orders {
        /// Which orders.
        filter: OrderFilter,
        /// By what they are grouped.
        by: OrderGroup,
    },
    /// The orders of each of these clients, as [`CountKey::Client`]: 0 for a client that has none. Any number of ids.
    OfClients(Vec<ClientId>),
    /// The events of a period. One that cannot be decoded is counted under its texts, or left out.
    Events {
        /// When they happened.
        period: Period,
        /// By what they are grouped.
        by: EventGroup,
    },
}

/// By what orders are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderGroup {
    /// All in one group, [`CountKey::All`], which is there even where nothing is counted.
    All,
    /// By the text of the status, as [`CountKey::Status`].
    Status,
    /// By the day of [`OrderRow::created_at`], as [`CountKey::Day`]. An order whose instant is not of the years 1 to 9999
    /// has no day and is not counted.
    DayCreated {
        /// Minutes that the clock of the days is ahead of UTC; -300 in Colombia.
        offset_minutes: i16,
    },
}

/// By what events are grouped, always together with what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventGroup {
    /// By the day of [`OrderEvent::at`], as [`CountKey::DayAndKind`].
    Day {
        /// As [`OrderGroup::DayCreated`].
        offset_minutes: i16,
    },
    /// By who did it, as [`CountKey::ActorAndKind`].
    Actor,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountKey {
    /// Everything that is counted.
    All,
    /// The orders in a status: its text as it is stored, also where it is no status.
    Status(String),
    /// The orders of a client.
    Client(ClientId),
    /// The orders of a day.
    Day(NaiveDate),
    /// The events of a day and of a kind ([`EventKind::name`](crate::EventKind::name)).
    DayAndKind(NaiveDate, String),
    /// The events of an actor, in the text form of [`Actor`](crate::Actor), and of a kind.
    ActorAndKind(String, String),
}

/// The groups that exist, ascending, and how many records each has.
pub type OrderCounts = BTreeMap<CountKey, u64>;

impl OrderCount {
    /// The counts among all orders and events of a store: the definition of what a store answers, and a way to do it.
    #[must_use]
    pub fn of<'r>(
        &self,
        orders: impl IntoIterator<Item = &'r OrderRow>,
        events: impl IntoIterator<Item = &'r OrderEvent>,
    ) -> OrderCounts {
        let mut counts = OrderCounts::new();
        match self {
            Self::Orders { filter, by } => {
                if *by == OrderGroup::All {
                    counts.insert(CountKey::All, 0);
                }
                for order in orders.into_iter().filter(|order| filter.matches(order)) {
                    *counts.entry(by.key(order)).or_default() += 1;
                }
            }
            Self::OfClients(ids) => {
                counts.extend(ids.iter().map(|id| (CountKey::Client(*id), 0)));
                for id in orders.into_iter().filter_map(|order| order.client_id().ok()?) {
                    counts.entry(CountKey::Client(id)).and_modify(|count| *count += 1);
                }
            }
            Self::Events { period, by } => {
                for event in events.into_iter().filter(|event| period.contains(event.at)) {
                    *counts.entry(by.key(event)).or_default() += 1;
                }
            }
        }
        counts
    }
}

impl OrderGroup {
    fn key(self, order: &OrderRow) -> CountKey {
        match self {
            Self::All => CountKey::All,
            Self::Status => CountKey::Status(order.status.clone()),
            Self::DayCreated { offset_minutes } => CountKey::Day(order.created_at.day(offset_minutes)),
        }
    }
}

impl EventGroup {
    fn key(self, event: &OrderEvent) -> CountKey {
        let kind = event.kind.name().to_owned();
        match self {
            Self::Day { offset_minutes } => CountKey::DayAndKind(event.at.day(offset_minutes), kind),
            Self::Actor => CountKey::ActorAndKind(event.actor.to_string(), kind),
        }
    }
}

/// The day that is `days` days after 1970-01-01, for stores whose database computes it.
///
/// # Errors
/// [`StoreError::Corrupt`] some 260,000 years away.
pub fn day_from_epoch(days: i64) -> Result<NaiveDate, StoreError> {
    let day = i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days);
    day.ok_or_else(|| StoreError::corrupt("a day that no calendar has"))
}
