//! Records as stores have them: valid, or irregular.

use crate::{Client, ClientRow, Irregular, Order, OrderRow, StoreError, Timestamp, Version};

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
