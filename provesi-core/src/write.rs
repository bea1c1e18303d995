//! Writes that were decided: what a store makes durable, without rules of its own.

use crate::{
    Client, ClientId, ClientRow, Email, EntryCondition, EntryKey, EntryWrite, EventId, EventKind, NewOrder, Order,
    OrderId, OrderNumber, OrderRow, Stamp, StoreError, Stored,
};

/// By what an order is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// By its id.
    Id(OrderId),
    /// By its number, in any letter case.
    Number(OrderNumber),
}

impl From<OrderId> for OrderKey {
    fn from(id: OrderId) -> Self {
        Self::Id(id)
    }
}

impl From<OrderNumber> for OrderKey {
    fn from(number: OrderNumber) -> Self {
        Self::Number(number)
    }
}

impl From<&OrderNumber> for OrderKey {
    fn from(number: &OrderNumber) -> Self {
        Self::Number(number.clone())
    }
}

/// By what a client is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// By its id.
    Id(ClientId),
    /// By its e-mail address, in any letter case.
    Email(Email),
}

/// A change of an order with its events, and of entries ([`Entry`](crate::Entry)) in the same transaction.
///
/// `before` is the row as it was read: the store makes the change only if every column still has that value, since other
/// programs change rows without a new `updated_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderWrite {
    action: OrderAction,
    events: Vec<EventKind>,
    rewritten: Vec<(EventId, EventKind)>,
    conditions: Vec<EntryCondition>,
    entries: Vec<EntryWrite>,
    stamp: Stamp,
}

/// What an [`OrderWrite`] does to the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderAction {
    /// Inserts an order under an id that the store gives: greater than 0, and never that of a deleted order.
    Insert(NewOrder),
    /// Replaces `before` by `after`, which has the same id and `created_at`, and a later `updated_at`.
    Replace {
        /// The row as it was read.
        before: OrderRow,
        /// The order from now on.
        after: Order,
    },
    /// Deletes the order. Its events stay.
    Delete {
        /// The row as it was read.
        before: OrderRow,
    },
    /// Inserts an order that was deleted, under the id that it had.
    Restore(Order),
    /// Leaves the row as it is, whatever it is, and if it exists: events alone.
    Keep {
        /// The order.
        id: OrderId,
        /// Its number, or the last one that it had.
        number: String,
    },
    /// Concerns no order: entries alone.
    None,
}

/// What only one of several writes may change at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderClaim {
    /// An order.
    Id(OrderId),
    /// A number, folded as numbers are compared.
    Number(String),
    /// An entry.
    Entry(EntryKey),
}

impl OrderWrite {
    /// Inserts `order`, with the event `created`. Its client must not be retired.
    #[must_use]
    pub fn insert(order: NewOrder, stamp: Stamp) -> Self {
        let (events, client) = (vec![EventKind::created(&order)], order.client_id);
        Self::new(OrderAction::Insert(order), events, stamp).attaching(client)
    }

    /// Replaces `before` by `after`, which [`Stored::with_content`] returned for it, with the events of the change
    /// ([`EventKind::changes`]), or of the repair if the row was irregular. A client that the order did not have must not be
    /// retired.
    #[must_use]
    pub fn replace(before: Stored<Order>, after: Order, stamp: Stamp) -> Self {
        let events = match &before.record {
            Ok(order) => EventKind::changes(order, &after),
            Err(_) => vec![EventKind::repaired(&before.row, &after)],
        };
        let attached = after.client_id.filter(|client| before.row.client_id() != Ok(Some(*client)));
        Self::new(OrderAction::Replace { before: before.row, after }, events, stamp).attaching(attached)
    }

    /// Deletes `before`, with the event `deleted`.
    #[must_use]
    pub fn delete(before: Stored<Order>, stamp: Stamp) -> Self {
        let events = vec![EventKind::deleted(&before)];
        Self::new(OrderAction::Delete { before: before.row }, events, stamp)
    }

    /// Restores an order that was deleted, with its id and the event `restored`. Its client must not be retired.
    #[must_use]
    pub fn restore(order: Order, stamp: Stamp) -> Self {
        let (events, client) = (vec![EventKind::restored(&order)], order.client_id);
        Self::new(OrderAction::Restore(order), events, stamp).attaching(client)
    }

    /// Appends events to the history of an order, without a change of its row.
    #[must_use]
    pub fn append(id: OrderId, number: String, events: Vec<EventKind>, stamp: Stamp) -> Self {
        Self::new(OrderAction::Keep { id, number }, events, stamp)
    }

    /// Rewrites events of an order, such as to erase what they say of a person. Their ids, times and actors stay. Ids of no
    /// event of this order do nothing.
    #[must_use]
    pub fn rewrite(id: OrderId, number: String, rewritten: Vec<(EventId, EventKind)>, stamp: Stamp) -> Self {
        Self { rewritten, ..Self::append(id, number, Vec::new(), stamp) }
    }

    /// Changes entries alone.
    #[must_use]
    pub fn entries_alone(entries: Vec<EntryWrite>, stamp: Stamp) -> Self {
        Self { entries, ..Self::new(OrderAction::None, Vec::new(), stamp) }
    }

    /// This write, made only if the condition holds.
    #[must_use]
    pub fn with_condition(mut self, condition: EntryCondition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// This write, with a change of an entry in the same transaction. An entry is changed at most once by a write.
    #[must_use]
    pub fn with_entry(mut self, entry: EntryWrite) -> Self {
        self.entries.push(entry);
        self
    }

    const fn new(action: OrderAction, events: Vec<EventKind>, stamp: Stamp) -> Self {
        Self { action, events, rewritten: Vec::new(), conditions: Vec::new(), entries: Vec::new(), stamp }
    }

    fn attaching(self, client: Option<ClientId>) -> Self {
        match client {
            Some(client) => self.with_condition(EntryCondition::Missing(EntryKey::retirement(client))),
            None => self,
        }
    }

    /// What is done to the row.
    #[must_use]
    pub const fn action(&self) -> &OrderAction {
        &self.action
    }

    /// The events of the change, in the order in which they are kept.
    #[must_use]
    pub fn events(&self) -> &[EventKind] {
        &self.events
    }

    /// The events of the order that say something else from now on.
    #[must_use]
    pub fn rewritten(&self) -> &[(EventId, EventKind)] {
        &self.rewritten
    }

    /// What has to hold for the write to be made.
    #[must_use]
    pub fn conditions(&self) -> &[EntryCondition] {
        &self.conditions
    }

    /// The changes of entries.
    #[must_use]
    pub fn entries(&self) -> &[EntryWrite] {
        &self.entries
    }

    /// The entries on which it depends whether the write is made.
    pub fn entry_keys(&self) -> impl Iterator<Item = &EntryKey> {
        let conditions = self.conditions.iter().map(EntryCondition::key);
        conditions.chain(self.entries.iter().map(|entry| &entry.key))
    }

    /// What the write changes, some of it perhaps twice: the order, its number before and after, and entries. Two writes with a
    /// claim in common are made one after the other.
    #[must_use]
    pub fn claims(&self) -> Vec<OrderClaim> {
        let mut claims: Vec<_> = self.entries.iter().map(|entry| OrderClaim::Entry(entry.key.clone())).collect();
        claims.extend(self.id().map(OrderClaim::Id));
        let numbers = [self.before().map(|before| before.number.as_str()), Some(self.number())].into_iter().flatten();
        let numbers = numbers.filter(|number| !number.is_empty());
        claims.extend(numbers.map(|number| OrderClaim::Number(number.to_ascii_lowercase())));
        claims
    }

    /// Whether the entries are as the write requires. `value` gives the value of an entry that exists.
    ///
    /// # Errors
    /// [`StoreError::EntryConflict`] if one is not.
    pub fn check_entries<'v>(&self, value: impl Fn(&EntryKey) -> Option<&'v str>) -> Result<(), StoreError> {
        let holds = |condition: &&EntryCondition| condition.holds(value(condition.key()).is_some());
        let is_as_read = |entry: &&EntryWrite| value(&entry.key) == entry.before.as_deref();
        let broken = self.conditions.iter().find(|condition| !holds(condition)).map(EntryCondition::key);
        let changed = || self.entries.iter().find(|entry| !is_as_read(entry)).map(|entry| &entry.key);
        match broken.or_else(changed) {
            Some(key) => Err(StoreError::EntryConflict { kind: key.kind }),
            None => Ok(()),
        }
    }

    /// When the change is made, and by whom: part of each event.
    #[must_use]
    pub const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The number of the order after the write, or the last one of an order that is deleted: part of each event. Empty if
    /// the write concerns no order.
    #[must_use]
    pub fn number(&self) -> &str {
        match &self.action {
            OrderAction::Insert(order) => order.number.as_str(),
            OrderAction::Replace { after: order, .. } | OrderAction::Restore(order) => order.number.as_str(),
            OrderAction::Delete { before } => &before.number,
            OrderAction::Keep { number, .. } => number,
            OrderAction::None => "",
        }
    }

    /// The id of the order; `None` of an insert, whose id the store gives, and of a write that concerns no order.
    #[must_use]
    pub const fn id(&self) -> Option<OrderId> {
        match &self.action {
            OrderAction::Insert(_) | OrderAction::None => None,
            OrderAction::Replace { before, .. } | OrderAction::Delete { before } => Some(before.id),
            OrderAction::Restore(order) => Some(order.id),
            OrderAction::Keep { id, .. } => Some(*id),
        }
    }

    /// The row that the write puts there; `None` if it deletes the row, keeps it or concerns none. `id` is that of an insert.
    #[must_use]
    pub fn after(&self, id: OrderId) -> Option<OrderRow> {
        match &self.action {
            OrderAction::Insert(order) => Some(OrderRow::from(&order.clone().with_id(id))),
            OrderAction::Replace { after: order, .. } | OrderAction::Restore(order) => Some(OrderRow::from(order)),
            OrderAction::Delete { .. } | OrderAction::Keep { .. } | OrderAction::None => None,
        }
    }

    /// The row that has to be as it was read.
    #[must_use]
    pub const fn before(&self) -> Option<&OrderRow> {
        match &self.action {
            OrderAction::Replace { before, .. } | OrderAction::Delete { before } => Some(before),
            OrderAction::Insert(_) | OrderAction::Restore(_) | OrderAction::Keep { .. } | OrderAction::None => None,
        }
    }
}

/// A change of a client. `before` is the row as it was read, as in [`OrderWrite`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientWrite {
    /// Inserts a client, whose instants are whole milliseconds ([`Client::in_millis`]).
    Insert(Client),
    /// Replaces `before` by `after`, which has the same id and `created_at`, and a later `updated_at`.
    Replace {
        /// The row as it was read.
        before: ClientRow,
        /// The client from now on.
        after: Client,
    },
    /// Deletes a client.
    Delete {
        /// The row as it was read.
        before: ClientRow,
    },
}

/// What only one of several writes may change at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientClaim {
    /// A client.
    Id(ClientId),
    /// An address, folded as addresses are compared.
    Email(String),
}

impl ClientWrite {
    /// Replaces `before` by `after`, which [`Stored::with_content`] returned for it.
    #[must_use]
    pub fn replace(before: Stored<Client>, after: Client) -> Self {
        Self::Replace { before: before.row, after }
    }

    /// Deletes `before`.
    #[must_use]
    pub fn delete(before: Stored<Client>) -> Self {
        Self::Delete { before: before.row }
    }

    /// The row that has to be as it was read.
    #[must_use]
    pub const fn before(&self) -> Option<&ClientRow> {
        match self {
            Self::Insert(_) => None,
            Self::Replace { before, .. } | Self::Delete { before } => Some(before),
        }
    }

    /// The row that the write leaves; `None` if it deletes the row.
    #[must_use]
    pub fn after(&self) -> Option<ClientRow> {
        match self {
            Self::Insert(client) | Self::Replace { after: client, .. } => Some(ClientRow::from(client)),
            Self::Delete { .. } => None,
        }
    }

    /// What the write changes, some of it perhaps twice: the client, and its address before and after. Two writes with a claim
    /// in common are made one after the other.
    #[must_use]
    pub fn claims(&self) -> Vec<ClientClaim> {
        let rows = self.before().cloned().into_iter().chain(self.after());
        rows.flat_map(|row| [ClientClaim::Id(row.id), ClientClaim::Email(row.folded_email())]).collect()
    }
}
