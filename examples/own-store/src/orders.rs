//! The port of orders.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};

use async_trait::async_trait;
use provesi_core::{
    ClientId, ClientRepository, Entry, EntryKey, EntryQuery, EventId, EventQuery, EventsOf, OrderAction, OrderCount,
    OrderCounts, OrderCursor, OrderEvent, OrderId, OrderKey, OrderListing, OrderRepository, OrderRow, OrderWrite, Page,
    PageRequest, StoreError, UniqueField, skip_corrupt,
};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::{Key, Outcome, RedbStore, Row, TextTable, change, encode, next, rows};

/// Which order had a number last, of those that have it no more.
pub(crate) const FORMER_NUMBERS: TextTable = TableDefinition::new("former_order_numbers");
/// `KIND:NAME`, and the entry as JSON.
pub(crate) const ENTRIES: TextTable = TableDefinition::new("entries");
/// The id of the order, and the event as JSON.
pub(crate) const EVENTS: TableDefinition<'_, i64, (&str, &str)> = TableDefinition::new("order_events");

impl Row for OrderRow {
    const ROWS: TextTable = TableDefinition::new("orders");
    const INDEX: TextTable = TableDefinition::new("order_numbers");
    const UNIQUE: UniqueField = UniqueField::OrderNumber;
    const ID_TAKEN: StoreError = StoreError::VersionConflict;

    fn keys(&self) -> (String, String) {
        (self.id.to_string(), self.number.to_ascii_lowercase())
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

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
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

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        let query = query.clone();
        let read = move |snapshot: &ReadTransaction| {
            if !matches!(query, OrderCount::Events { .. }) {
                return Ok(Ok(query.of(&rows::<OrderRow>(snapshot)?, [])));
            }
            let mut events = Vec::new();
            for entry in snapshot.open_table(EVENTS)?.iter()? {
                let (id, event) = entry?;
                events.push(decode_event(id.value(), event.value().1));
            }
            Ok(skip_corrupt(events).map(|events| query.of([], &events)))
        };
        self.read(read).await?
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        let clients_of = |snapshot: &_| {
            let orders: Vec<OrderRow> = rows(snapshot)?;
            Ok(orders.iter().filter_map(|order| order.client_id().ok()?).collect::<BTreeSet<_>>())
        };
        let ids = self.read(clients_of).await?.into_iter().filter(|id| Some(*id) > request.after).collect();
        Ok(Page::from_one_more(ids, request.limit, |last| *last))
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

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        let query = query.clone();
        let read = move |snapshot: &ReadTransaction| {
            let table = snapshot.open_table(ENTRIES)?;
            let entries: Result<Vec<Entry>, _> = table.iter()?.map(|entry| decode_entry(entry?.1.value())).collect();
            Ok(query.select(entries?))
        };
        self.read(read).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        ClientRepository::ping(self).await
    }
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
    serde_json::from_str(json).map_err(|_| StoreError::corrupt(format!("event {id} cannot be decoded")))
}

/// Refuses the write if an entry is not as it requires.
fn check_entries(transaction: &WriteTransaction, write: &OrderWrite) -> Outcome<()> {
    let (table, mut values) = (transaction.open_table(ENTRIES)?, HashMap::new());
    for key in write.entry_keys() {
        if let Some(json) = table.get(&*entry_key(key))? {
            values.insert(key, decode_entry(json.value())?.value);
        }
    }
    Ok(write.check_entries(|key| values.get(key).map(String::as_str)))
}

fn make(transaction: &WriteTransaction, write: &OrderWrite) -> Outcome<Option<OrderId>> {
    if let Err(refused) = check_entries(transaction, write)? {
        return Ok(Err(refused));
    }
    let id = match write.action() {
        OrderAction::Insert(_) => Some(OrderId::new(next(transaction, "orders")?)),
        _ => write.id(),
    };
    if let Err(refused) = change(transaction, write.before(), id.and_then(|id| write.after(id)).as_ref())? {
        return Ok(Err(refused));
    }
    if let Some((id, number)) = write.before().map(Row::keys) {
        transaction.open_table(FORMER_NUMBERS)?.insert(&*number, &*id)?;
    }
    if let Some(id) = id {
        append_events(transaction, id, write)?;
    }
    let mut entries = transaction.open_table(ENTRIES)?;
    for write in write.entries() {
        match write.entry(id) {
            Some(entry) => entries.insert(&*entry_key(&entry.key), &*encode(&entry)?)?,
            None => entries.remove(&*entry_key(&write.key))?,
        };
    }
    Ok(Ok(id))
}

fn append_events(transaction: &WriteTransaction, order: OrderId, write: &OrderWrite) -> Result<(), redb::Error> {
    let mut events = Vec::new();
    for kind in write.events() {
        let id = EventId::new(next(transaction, "events")?);
        events.push(OrderEvent::new(id, order, write.number(), write.stamp(), kind.clone()));
    }
    let mut table = transaction.open_table(EVENTS)?;
    for (id, kind) in write.rewritten() {
        let stored = table.get(id.get())?.map(|event| decode_event(id.get(), event.value().1));
        let event = stored.transpose().ok().flatten().filter(|event| event.order_id == order);
        events.extend(event.map(|mut event| {
            event.kind = kind.clone();
            event
        }));
    }
    for event in &events {
        table.insert(event.id.get(), (&*order.to_string(), &*encode(event)?))?;
    }
    Ok(())
}

fn entry_key(key: &EntryKey) -> String {
    format!("{}:{}", key.kind.as_str(), key.name)
}

fn decode_entry(json: &str) -> Result<Entry, redb::Error> {
    serde_json::from_str(json).map_err(|error| std::io::Error::from(error).into())
}
