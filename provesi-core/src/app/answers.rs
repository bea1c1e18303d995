//! What idempotency keys stand for.
//!
//! A write of an order keeps its answer in the same transaction. A client is in another store: there the key is recorded
//! first, with the id of a client that is to be made, then the client is written, then the key is marked as done. An answer
//! holds the order as it was written, and of a client its id alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::tell;
use crate::{
    App, AppError, Caller, ClientId, Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, IdempotencyKey, Order,
    OrderId, OrderRepositoryExt, OrderRow, OrderWrite, PageLimit, Stamp, StoreError, Stored, Timestamp,
};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// The longest reason that is kept: that of a valid return in UTF-8.
const MAX_REASON_BYTES: usize = 4 * 2_000;

/// What is kept under a key.
#[derive(Serialize, Deserialize)]
struct Value {
    /// The fingerprint of the request.
    request: String,
    answer: Answer,
}

/// What a write came to.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The order as it was left, or as it was deleted. Its id is that of the entry.
    Order(Columns),
    /// The client is being written, or was and nobody knows.
    ClientStarted(ClientId),
    /// The client is written.
    ClientDone {
        id: ClientId,
        /// How many orders a deletion detached.
        detached: Option<u64>,
    },
}

/// The columns of an [`OrderRow`] but its id.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Columns {
    number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Columns {
    fn of(row: OrderRow) -> Self {
        let OrderRow { id: _, number, client_id, status, return_reason, returned_at, created_at, updated_at } = row;
        Self { number, client_id, status, return_reason, returned_at, created_at, updated_at }
    }

    fn row(self, id: OrderId) -> OrderRow {
        let Self { number, client_id, status, return_reason, returned_at, created_at, updated_at } = self;
        OrderRow { id, number, client_id, status, return_reason, returned_at, created_at, updated_at }
    }
}

/// A key whose client is being written.
pub(super) struct Started {
    pub(super) client: ClientId,
    entry: Entry,
}

/// What a call with a key is to do.
pub(super) enum Turn {
    /// Write the client.
    Write(Started),
    /// Nothing: it was done. How many orders a deletion detached.
    Done(ClientId, Option<u64>),
}

impl Turn {
    /// The key whose client is to be written.
    pub(super) fn started(self) -> Option<Started> {
        match self {
            Self::Write(started) => Some(started),
            Self::Done(..) => None,
        }
    }
}

impl App {
    /// The write, with what it comes to under the caller's key, if there is one. `row` is the order as it is left, or as it is
    /// deleted; its id does not count.
    pub(super) fn keyed(&self, caller: &Caller, write: OrderWrite, row: OrderRow) -> Result<OrderWrite, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(write) };
        let mut columns = Columns::of(row);
        // Another program may have written a text of any length.
        columns.return_reason = columns.return_reason.filter(|reason| reason.len() <= MAX_REASON_BYTES);
        let value = value(key, Answer::Order(columns))?;
        let due_at = Some(write.stamp().at.later(KEPT));
        Ok(write.with_entry(EntryWrite::insert(key.entry(), value, due_at)))
    }

    /// Keeps, under the caller's key, that the order is left as it is.
    pub(super) async fn keep_unchanged(&self, caller: &Caller, order: &Stored<Order>) -> Result<(), AppError> {
        if caller.idempotency_key.is_none() {
            return Ok(());
        }
        let row = order.row.clone();
        let write = OrderWrite::append(row.id, row.number.clone(), Vec::new(), self.stamp(caller));
        let write = self.keyed(caller, write, row)?;
        self.orders.commit_one(write).await.map(drop).map_err(AppError::Orders)
    }

    /// The order that an earlier call with the caller's key answered, as it answered it.
    ///
    /// # Errors
    /// [`AppError::KeyReused`] if that was another request; [`AppError::Orders`].
    pub async fn answered_order(&self, caller: &Caller) -> Result<Option<Stored<Order>>, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(None) };
        match self.answer(key).await? {
            Some((Answer::Order(columns), Entry { order_id: Some(id), .. })) => Ok(Some(Stored::new(columns.row(id)))),
            Some(_) => Err(AppError::KeyReused),
            None => Ok(None),
        }
    }

    /// What became of a write of an order: if it was not done, an earlier call with the same key may have done it.
    pub(super) async fn or_answered(
        &self,
        caller: &Caller,
        result: Result<Stored<Order>, AppError>,
    ) -> Result<Stored<Order>, AppError> {
        let error = match result {
            Err(error) if caller.idempotency_key.is_some() => error,
            result => return result,
        };
        match self.answered_order(caller).await {
            Ok(Some(order)) => Ok(order),
            Err(AppError::KeyReused) => Err(AppError::KeyReused),
            // The answer is gone since it was in the way.
            Ok(None) if is_answered(&error) => Err(AppError::Contended),
            Ok(None) => Err(error),
            Err(unread) => Err(if is_answered(&error) { unread } else { error }),
        }
    }

    /// Begins a write of the client `client` under the caller's key, or goes on with one that an earlier call began. `None`
    /// without a key. With `repeats`, a write of unknown outcome can be made again, since a client has its id once.
    pub(super) async fn begin_client(
        &self,
        caller: &Caller,
        client: ClientId,
        repeats: bool,
    ) -> Result<Option<Turn>, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(None) };
        let stamp = self.stamp(caller);
        let (due_at, value) = (stamp.at.later(KEPT), value(key, Answer::ClientStarted(client))?);
        let write = EntryWrite::insert(key.entry(), value.clone(), Some(due_at));
        match self.orders.commit_one(OrderWrite::entries_alone(vec![write], stamp)).await {
            Ok(_) => {
                let entry = Entry { key: key.entry(), value, due_at: Some(due_at), order_id: None };
                return Ok(Some(Turn::Write(Started { client, entry })));
            }
            Err(StoreError::EntryConflict { .. }) => {}
            // Nothing is written under a key that is not on record.
            Err(StoreError::OutcomeUnknown { source }) => {
                return Err(AppError::Orders(StoreError::Unavailable { source }));
            }
            Err(error) => return Err(AppError::Orders(error)),
        }
        match self.answer(key).await? {
            Some((Answer::ClientDone { id, detached }, _)) => Ok(Some(Turn::Done(id, detached))),
            Some((Answer::ClientStarted(client), entry)) if repeats => {
                // Made, and deleted since: ids are never used again.
                let retired = EntryQuery::Keys(vec![EntryKey::retirement(client)]);
                if !self.orders.entries(&retired).await.map_err(AppError::Orders)?.is_empty() {
                    return Err(AppError::ClientNotFound);
                }
                Ok(Some(Turn::Write(Started { client, entry })))
            }
            Some((Answer::ClientStarted(_), _)) => Err(AppError::KeyInProgress),
            Some((Answer::Order(_), _)) => Err(AppError::KeyReused),
            // The earlier call was refused.
            None => Err(AppError::Contended),
        }
    }

    /// Whether an earlier call with the caller's key writes a client now, or its process ended while it did. Leaves no audit
    /// record.
    ///
    /// # Errors
    /// [`AppError::KeyReused`] or [`AppError::Orders`].
    pub async fn is_key_in_progress(&self, caller: &Caller) -> Result<bool, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(false) };
        Ok(matches!(self.answer(key).await?, Some((Answer::ClientStarted(_), _))))
    }

    /// Marks a key as done, or removes it if the write was refused and can be tried again.
    pub(super) async fn end_client(
        &self,
        caller: &Caller,
        started: Option<Started>,
        result: Result<Option<u64>, &AppError>,
    ) {
        let (Some(Started { client, entry, .. }), Some(key)) = (started, &caller.idempotency_key) else { return };
        let due_at = entry.due_at;
        let write = match result {
            Ok(detached) => match value(key, Answer::ClientDone { id: client, detached }) {
                Ok(done) => EntryWrite::replace(entry, done, due_at),
                Err(_) => return,
            },
            // Whether it was written is for the next call to find out.
            Err(error) if error.is_outcome_unknown() => return,
            Err(_) => EntryWrite::remove(entry),
        };
        match self.orders.commit_one(OrderWrite::entries_alone(vec![write], self.stamp(caller))).await {
            // Another call with the same key was faster.
            Ok(_) | Err(StoreError::EntryConflict { .. }) => {}
            Err(error) => tell("an idempotency key stays as it is until it expires", &error),
        }
    }

    /// Removes the answers that are older than 24 hours, and returns how many there were.
    ///
    /// # Errors
    /// [`AppError::Orders`]: the rest is left to the next call.
    pub async fn remove_expired_answers(&self) -> Result<u64, AppError> {
        let mut removed = 0;
        loop {
            let (kind, at, limit) = (EntryKind::Answer, self.now(), PageLimit::MAX);
            let query = EntryQuery::Due { kind, at, after: None, limit };
            let due = self.orders.entries(&query).await.map_err(AppError::Orders)?;
            if due.is_empty() {
                return Ok(removed);
            }
            let stamp = Stamp::new(at, &Caller::default());
            let remove = |entry| OrderWrite::entries_alone(vec![EntryWrite::remove(entry)], stamp.clone());
            let writes: Vec<_> = due.into_iter().map(remove).collect();
            for outcome in self.orders.commit(&writes).await {
                match outcome {
                    Ok(_) => removed += 1,
                    // Another process removed it.
                    Err(StoreError::EntryConflict { .. }) => {}
                    Err(error) => return Err(AppError::Orders(error)),
                }
            }
        }
    }

    /// What is kept under a key, if that is of the same request.
    async fn answer(&self, key: &IdempotencyKey) -> Result<Option<(Answer, Entry)>, AppError> {
        let query = EntryQuery::Keys(vec![key.entry()]);
        let found = self.orders.entries(&query).await.map_err(AppError::Orders)?;
        let Some(entry) = found.into_iter().next() else { return Ok(None) };
        let corrupt = |_| AppError::Orders(StoreError::corrupt("the answer of an idempotency key cannot be read"));
        let Value { request, answer } = serde_json::from_str(&entry.value).map_err(corrupt)?;
        if request == key.request() { Ok(Some((answer, entry))) } else { Err(AppError::KeyReused) }
    }
}

/// Whether a write was refused because an answer is kept under its key.
const fn is_answered(error: &AppError) -> bool {
    matches!(error, AppError::Orders(StoreError::EntryConflict { kind: EntryKind::Answer }))
}

fn value(key: &IdempotencyKey, answer: Answer) -> Result<String, AppError> {
    let value = Value { request: key.request(), answer };
    serde_json::to_string(&value).map_err(|error| AppError::Orders(StoreError::backend(error)))
}
