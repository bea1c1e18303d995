//! The port of orders.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};

use async_trait::async_trait;
use provesi_core::{
    ClientId, ClientRepository, EventId, EventQuery, EventsOf, OrderAction, OrderCursor, OrderEvent, OrderFilter,
    OrderId, OrderKey, OrderListing, OrderRepository, OrderRow, OrderWrite, Page, PageRequest, StoreError, UniqueField,
};
use redb::{ReadTransaction, TableDefinition, WriteTransaction};

use crate::{Key, Outcome, RedbStore, Row, TextTable, change, encode, next, rows};

/// Which order had a number last, of those that have it no more.
pub(crate) const FORMER_NUMBERS: TextTable = TableDefinition::new("former_order_numbers");
/// The id of the order, and the event as a JSON array.
pub(crate) const EVENTS: TableDefinition<'_, i64, (&str, &str)> = TableDefinition::new("order_events");

impl Row for OrderRow {
    const ROWS: TextTable = TableDefinition::new("orders");
    const INDEX: TextTable = TableDefinition::new("order_numbers");
    const UNIQUE: UniqueField = UniqueField::OrderNumber;

    fn keys(&self) -> (String, String) {
        (self.id.to_string(), self.number.to_ascii_lowercase())
    }

    fn encode(&self) -> Result<String, redb::Error> {
        let Self { id, number, client_id, status, return_reason, returned_at, created_at, updated_at } = self;
        encode(&(id, number, client_id, status, return_reason, returned_at, created_at, updated_at))
    }

    fn decode(json: &str) -> serde_json::Result<Self> {
        let columns = serde_json::from_str(json)?;
        let (id, number, client_id, status, return_reason, returned_at, created_at, updated_at) = columns;
        Ok(Self { id, number, client_id, status, return_reason, returned_at, created_at, updated_at })
    }
}

#[async_trait]
impl OrderRepository for RedbStore {
    fn database(&self) -> String {
        ClientRepository::database(self)
    }

    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        let key = |key: &OrderKey| match key {
            OrderKey::Id(id) => Key::Id(id.to_string()),
            OrderKey::Number(number) => Key::Unique(number.folded()),
        };
        self.get_rows(keys.iter().map(key).collect()).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<OrderId, StoreError>> {
        self.make_all(writes, make).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        let (listing, request) = (listing.clone(), request.clone());
        self.read(move |snapshot| Ok(listing.page_of(rows(snapshot)?, &request))).await?
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        let count = move |snapshot: &ReadTransaction| {
            Ok(rows(snapshot)?.iter().filter(|order| filter.matches(order)).count() as u64)
        };
        self.read(count).await
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let mut counts: HashMap<_, _> = ids.iter().map(|id| (*id, 0)).collect();
        for id in self.read(clients).await? {
            counts.entry(id).and_modify(|count| *count += 1);
        }
        Ok(counts)
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        let ids: BTreeSet<_> = self.read(clients).await?.into_iter().filter(|id| Some(*id) > request.after).collect();
        Ok(Page::from_one_more(ids.into_iter().collect(), request.limit, |last| *last))
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<OrderEvent>, StoreError> {
        let EventQuery { of, after, limit } = query.clone();
        let read = move |snapshot: &ReadTransaction| {
            let only = match of {
                EventsOf::All => None,
                EventsOf::Number(number) => Some(holder(snapshot, &number.folded())?),
            };
            let mut events = Vec::new();
            let after = after.map_or(Unbounded, |id| Excluded(id.get()));
            for entry in snapshot.open_table(EVENTS)?.range((after, Unbounded))? {
                let (id, event) = entry?;
                let (order, json) = event.value();
                if only.as_ref().is_none_or(|only| only.as_deref() == Some(order)) {
                    events.push(decode_event(id.value(), json));
                }
                if events.len() == limit.get() {
                    break;
                }
            }
            // A reader of the feed must not miss an event, so one that is corrupt is not left out.
            Ok(events.into_iter().collect())
        };
        self.read(read).await?
    }

    async fn ping(&self) -> Result<(), StoreError> {
        ClientRepository::ping(self).await
    }
}

/// The client of each order that has one.
fn clients(snapshot: &ReadTransaction) -> Result<Vec<ClientId>, redb::Error> {
    let orders: Vec<OrderRow> = rows(snapshot)?;
    Ok(orders.iter().filter_map(|order| order.client_id().ok()?).collect())
}

/// The id of the order that has this number, else of the one that had it last.
fn holder(snapshot: &ReadTransaction, number: &str) -> Result<Option<String>, redb::Error> {
    for table in [OrderRow::INDEX, FORMER_NUMBERS] {
        if let Some(id) = snapshot.open_table(table)?.get(number)? {
            return Ok(Some(id.value().to_owned()));
        }
    }
    Ok(None)
}

fn decode_event(id: i64, json: &str) -> Result<OrderEvent, StoreError> {
    let columns = serde_json::from_str(json);
    let (id, order_id, number, at, actor, address, kind) =
        columns.map_err(|_| StoreError::corrupt(format!("event {id} cannot be decoded")))?;
    Ok(OrderEvent { id, order_id, number, at, actor, address, kind })
}

fn make(transaction: &WriteTransaction, write: &OrderWrite) -> Outcome<OrderId> {
    let (id, before, after) = match write.action() {
        OrderAction::Insert(order) => {
            let order = order.clone().with_id(OrderId::new(next(transaction, "orders")?));
            (order.id, None, Some(OrderRow::from(&order)))
        }
        OrderAction::Replace { before, after } => (before.id, Some(before), Some(after.into())),
        OrderAction::Delete { before } => (before.id, Some(before), None),
    };
    if let Err(refused) = change(transaction, before, after.as_ref())? {
        return Ok(Err(refused));
    }
    if let Some((id, number)) = before.map(Row::keys) {
        transaction.open_table(FORMER_NUMBERS)?.insert(&*number, &*id)?;
    }
    for kind in write.events() {
        let event_id = EventId::new(next(transaction, "events")?);
        let event = OrderEvent::new(event_id, id, write.number(), write.stamp(), kind.clone());
        let OrderEvent { id, order_id, number, at, actor, address, kind } = &event;
        let json = encode(&(id, order_id, number, at, actor, address, kind))?;
        transaction.open_table(EVENTS)?.insert(id.get(), (&*order_id.to_string(), &*json))?;
    }
    Ok(Ok(id))
}
