//! Writes that were decided: what a store makes durable, without rules of its own.

use crate::{
    Client, ClientId, ClientRow, Email, EventKind, NewOrder, Order, OrderId, OrderNumber, OrderRow, Stamp, StoreError,
};

/// By what an order is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// By its id.
    Id(OrderId),
    /// By its number, in any letter case.
    Number(OrderNumber),
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
        /// The order that the row was.
        order: Order,
    },
}

impl OrderWrite {
    /// Inserts `order`, with the event `created`.
    #[must_use]
    pub fn insert(order: NewOrder, stamp: Stamp) -> Self {
        let events = vec![EventKind::created(&order)];
        Self { action: OrderAction::Insert(order), events, stamp }
    }

    /// Replaces `before` by `after`, which [`Order::with_content`] returned for it, with the events of the change
    /// ([`EventKind::changes`]).
    #[must_use]
    pub fn replace(before: Stored<Order>, after: Order, stamp: Stamp) -> Self {
        let events = EventKind::changes(&before.record, &after);
        Self { action: OrderAction::Replace { before: before.row, after }, events, stamp }
    }

    /// Deletes `before`, with the event `deleted`.
    #[must_use]
    pub fn delete(before: Stored<Order>, stamp: Stamp) -> Self {
        let events = vec![EventKind::deleted(&before.record)];
        Self { action: OrderAction::Delete { before: before.row, order: before.record }, events, stamp }
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

    /// The number of the order after the write: part of each event.
    #[must_use]
    pub const fn number(&self) -> &OrderNumber {
        match &self.action {
            OrderAction::Insert(order) => &order.number,
            OrderAction::Replace { after: order, .. } | OrderAction::Delete { order, .. } => &order.number,
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
    /// Replaces `before` by `after`, which [`Client::with_content`] returned for it.
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

/// A record and the row that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<R: Record> {
    /// The row, column by column.
    pub row: R::Row,
    /// The record that it stands for.
    pub record: R,
}

/// A record that is kept as a row.
pub trait Record: Sized {
    /// The unchecked form.
    type Row;

    /// The record of a row.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the id of the record and every fault, if the row breaks the rules of the domain.
    fn of(row: &Self::Row) -> Result<Self, StoreError>;
}

impl Record for Order {
    type Row = OrderRow;

    fn of(row: &OrderRow) -> Result<Self, StoreError> {
        row.check().map_err(|faults| StoreError::corrupt(format!("order {}: {faults}", row.id)))
    }
}

impl Record for Client {
    type Row = ClientRow;

    fn of(row: &ClientRow) -> Result<Self, StoreError> {
        row.check().map_err(|faults| StoreError::corrupt(format!("client {}: {faults}", row.id)))
    }
}

impl<R: Record> Stored<R> {
    /// The record of a row, with the row.
    ///
    /// # Errors
    /// As [`Record::of`].
    pub fn check(row: R::Row) -> Result<Self, StoreError> {
        let record = R::of(&row)?;
        Ok(Self { row, record })
    }
}
