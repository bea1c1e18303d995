//! Writes that were decided: what a store makes durable, without rules of its own.

use crate::{
    Client, ClientId, ClientRow, Email, EventKind, Irregular, NewOrder, Order, OrderId, OrderNumber, OrderRow, Stamp,
    StoreError, Timestamp, Version,
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

/// A change of an order with its events.
///
/// `before` is the row as it was read: the store makes the change only if every column still has that value, since other
/// programs change rows without a new `updated_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderWrite {
    action: OrderAction,
    events: Vec<EventKind>,
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
}

impl OrderWrite {
    /// Inserts `order`, with the event `created`.
    #[must_use]
    pub fn insert(order: NewOrder, stamp: Stamp) -> Self {
        let events = vec![EventKind::created(&order)];
        Self { action: OrderAction::Insert(order), events, stamp }
    }

    /// Replaces `before` by `after`, which [`Stored::with_content`] returned for it, with the events of the change
    /// ([`EventKind::changes`]), or of the repair if the row was irregular.
    #[must_use]
    pub fn replace(before: Stored<Order>, after: Order, stamp: Stamp) -> Self {
        let events = match &before.record {
            Ok(order) => EventKind::changes(order, &after),
            Err(_) => vec![EventKind::repaired(&before.row, &after)],
        };
        Self { action: OrderAction::Replace { before: before.row, after }, events, stamp }
    }

    /// Deletes `before`, with the event `deleted`.
    #[must_use]
    pub fn delete(before: Stored<Order>, stamp: Stamp) -> Self {
        let events = vec![EventKind::deleted(&before)];
        Self { action: OrderAction::Delete { before: before.row }, events, stamp }
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

    /// When the change is made, and by whom: part of each event.
    #[must_use]
    pub const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The number of the order after the write, or the last one of an order that is deleted: part of each event.
    #[must_use]
    pub fn number(&self) -> &str {
        match &self.action {
            OrderAction::Insert(order) => order.number.as_str(),
            OrderAction::Replace { after, .. } => after.number.as_str(),
            OrderAction::Delete { before } => &before.number,
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
}

/// A record as its store has it: the row, and the record that it stands for. Other programs write to the same tables, and
/// need not keep the rules of the domain: their records are irregular. Those are shown, can be repaired, and can be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<R: Record> {
    /// The row, column by column.
    pub row: R::Row,
    /// The record, or the rules that the row breaks.
    pub record: Result<R, Irregular>,
}

/// A record that is kept as a row.
pub trait Record: Sized {
    /// The unchecked form.
    type Row;

    /// The record of a row.
    ///
    /// # Errors
    /// [`Irregular`] with every fault, if the row breaks the rules of the domain.
    fn check(row: &Self::Row) -> Result<Self, Irregular>;

    /// What the row is called in logs, such as `order 5`.
    fn name(row: &Self::Row) -> String;
}

impl Record for Order {
    type Row = OrderRow;

    fn check(row: &OrderRow) -> Result<Self, Irregular> {
        row.check()
    }

    fn name(row: &OrderRow) -> String {
        format!("order {}", row.id)
    }
}

impl Record for Client {
    type Row = ClientRow;

    fn check(row: &ClientRow) -> Result<Self, Irregular> {
        row.check()
    }

    fn name(row: &ClientRow) -> String {
        format!("client {}", row.id)
    }
}

impl<R: Record> Stored<R> {
    /// The record of a row.
    #[must_use]
    pub fn new(row: R::Row) -> Self {
        let record = R::check(&row);
        Self { row, record }
    }

    /// The record, if it is valid.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the id of the record and every fault.
    pub fn valid(self) -> Result<R, StoreError> {
        let Self { row, record } = self;
        record.map_err(|faults| StoreError::corrupt(format!("{}: {faults}", R::name(&row))))
    }

    /// The rules that the row breaks; none of a valid one.
    #[must_use]
    pub fn faults(&self) -> &[crate::Invalid] {
        self.record.as_ref().err().map_or(&[], |irregular| &irregular.faults)
    }
}

impl From<Order> for Stored<Order> {
    fn from(order: Order) -> Self {
        Self { row: OrderRow::from(&order), record: Ok(order) }
    }
}

impl From<Client> for Stored<Client> {
    fn from(client: Client) -> Self {
        Self { row: ClientRow::from(&client), record: Ok(client) }
    }
}

impl Stored<Order> {
    /// The client's id as it is shown: of an irregular order as it is.
    #[must_use]
    pub fn shown_client_id(&self) -> Option<String> {
        match &self.record {
            Ok(order) => order.client_id.map(|id| id.to_string()),
            Err(_) => self.row.client_id.clone(),
        }
    }

    /// The version of this record, for a write that must not overwrite another writer's change.
    #[must_use]
    pub fn version(&self) -> Version {
        self.record.as_ref().map_or_else(|_| self.row.version(), Order::version)
    }

    /// [`Order::with_content`]. Of an irregular order every content is a change.
    #[must_use]
    pub fn with_content(&self, content: Order, at: Timestamp) -> Option<Order> {
        let OrderRow { id, created_at, updated_at, .. } = self.row;
        match &self.record {
            Ok(order) => order.with_content(content, at),
            Err(_) => Some(Order { id, created_at, updated_at: updated_at.next(at), ..content }),
        }
    }
}

impl Stored<Client> {
    /// The client as it is shown: the texts of a valid one as the domain has them, those of an irregular one as they are.
    #[must_use]
    pub fn shown(&self) -> ClientRow {
        self.record.as_ref().map_or_else(|_| self.row.clone(), ClientRow::from)
    }

    /// The version of this record, for a write that must not overwrite another writer's change.
    #[must_use]
    pub fn version(&self) -> Version {
        self.record.as_ref().map_or_else(|_| self.row.version(), Client::version)
    }

    /// [`Client::with_content`]. Of an irregular client every content is a change.
    #[must_use]
    pub fn with_content(&self, content: Client, at: Timestamp) -> Option<Client> {
        let ClientRow { id, created_at, updated_at, .. } = self.row;
        match &self.record {
            Ok(client) => client.with_content(content, at),
            Err(_) => {
                let updated_at = updated_at.next(at.to_millis()).to_millis();
                Some(Client { id, created_at, updated_at, ..content })
            }
        }
    }
}
