//! The answers that are stored under idempotency keys.
//!
//! A write of an order stores its answer in the same transaction. Clients are in another store, so a write of a client takes
//! three steps: record the key with the client's id, write the client, mark the key as done. An answer holds the order as it
//! was written, but only the id of a client.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::tell;
use crate::{
    App, AppError, Caller, ClientId, Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, IdempotencyKey, Order,
    OrderRepositoryExt, OrderRow, OrderWrite, PageLimit, Stamp, StoreError, Stored,
};

/// How long an answer is stored.
pub(super) const RETENTION: Duration = Duration::from_secs(24 * 3_600);

/// The longest reason that is stored: 2,000 characters of UTF-8, as a valid return may have.
const MAX_REASON_BYTES: usize = 4 * 2_000;

/// The value of the entry.
#[derive(Serialize, Deserialize)]
struct Value {
    /// The fingerprint of the request.
    request: String,
    answer: Answer,
}

/// The outcome of a write.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The order after the write, or before it was deleted. Its id is in [`Entry::order_id`], since the store gives a new order its id.
    Order(OrderRow),
    /// The client is being written, or the process ended while it was.
    ClientStarted(ClientId),
    /// The client is written.
    ClientDone {
        id: ClientId,
        /// The number of orders that a deletion detached.
        detached: Option<u64>,
    },
}

/// A key that was recorded, and whose client has to be written.
pub(super) struct Started {
    pub(super) client: ClientId,
    entry: Entry,
}

/// What a call under a key has to do.
pub(super) enum Turn {
    /// Write the client.
    Write(Started),
    /// Nothing: the client was written before. With the number of orders that a deletion detached.
    Done(ClientId, Option<u64>),
}

impl Turn {
    /// The recorded key, if the client has to be written.
    pub(super) fn started(self) -> Option<Started> {
        match self {
            Self::Write(started) => Some(started),
            Self::Done(..) => None,
        }
    }
}

impl App {
    /// The write with its answer, if the caller has a key. `row` is the order after the write, or before it is deleted; its id
    /// is not used.
    pub(super) fn with_answer(
        &self,
        caller: &Caller,
        write: OrderWrite,
        row: impl FnOnce() -> OrderRow,
    ) -> Result<OrderWrite, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(write) };
        let mut row = row();
        // Another program may have written a text of any length.
        row.return_reason = row.return_reason.filter(|reason| reason.len() <= MAX_REASON_BYTES);
        let value = value(key, Answer::Order(row))?;
        let due_at = Some(write.stamp().at.later(RETENTION));
        Ok(write.with_entry(EntryWrite::insert(key.entry(), value, due_at)))
    }

    /// Stores an unchanged order as the answer under the caller's key.
    pub(super) async fn answer_unchanged(&self, caller: &Caller, order: &OrderRow) -> Result<(), AppError> {
        if caller.idempotency_key.is_none() {
            return Ok(());
        }
        let write = OrderWrite::append(order.id, order.number.clone(), Vec::new(), self.stamp(caller));
        let write = self.with_answer(caller, write, || order.clone())?;
        self.orders.commit_one(write).await.map(drop).map_err(AppError::Orders)
    }

    /// The order that an earlier call with the caller's key returned, as it was then.
    ///
    /// # Errors
    /// [`AppError::KeyReused`] if that was another request; [`AppError::Orders`].
    pub async fn answered_order(&self, caller: &Caller) -> Result<Option<Stored<Order>>, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(None) };
        match self.answer(key).await? {
            Some((Answer::Order(row), Entry { order_id: Some(id), .. })) => {
                Ok(Some(Stored::new(OrderRow { id, ..row })))
            }
            Some(_) => Err(AppError::KeyReused),
            None => Ok(None),
        }
    }

    /// The order that an earlier call with the caller's key returned, in place of this error.
    ///
    /// # Errors
    /// `error` if there is none.
    pub(super) async fn answered_instead(&self, caller: &Caller, error: AppError) -> Result<Stored<Order>, AppError> {
        let is_answered = matches!(error, AppError::Orders(StoreError::EntryConflict { kind: EntryKind::Answer }));
        match self.answered_order(caller).await {
            Ok(Some(order)) => Ok(order),
            // The answer expired meanwhile.
            Ok(None) if is_answered => Err(AppError::Contended),
            Err(failure) if is_answered || matches!(failure, AppError::KeyReused) => Err(failure),
            _ => Err(error),
        }
    }

    /// Records the caller's key for a write of a client, or continues an earlier call with it. `None` without a key. With
    /// `is_repeatable`, a write of unknown outcome is made again: an insert, whose id only one client can have.
    pub(super) async fn begin_client(
        &self,
        caller: &Caller,
        client: ClientId,
        is_repeatable: bool,
    ) -> Result<Option<Turn>, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(None) };
        let stamp = self.stamp(caller);
        let (due_at, value) = (stamp.at.later(RETENTION), value(key, Answer::ClientStarted(client))?);
        let write = EntryWrite::insert(key.entry(), value.clone(), Some(due_at));
        match self.orders.commit_entry(write, &stamp).await {
            Ok(()) => {
                let entry = Entry { key: key.entry(), value, due_at: Some(due_at), order_id: None };
                return Ok(Some(Turn::Write(Started { client, entry })));
            }
            Err(StoreError::EntryConflict { .. }) => {}
            // The client is not written, and if the key was recorded, it expires.
            Err(StoreError::OutcomeUnknown { source }) => {
                return Err(AppError::Orders(StoreError::Unavailable { source }));
            }
            Err(error) => return Err(AppError::Orders(error)),
        }
        match self.answer(key).await? {
            Some((Answer::ClientDone { id, detached }, _)) => Ok(Some(Turn::Done(id, detached))),
            Some((Answer::ClientStarted(client), entry)) if is_repeatable => {
                // It was created and deleted since: ids are never used again.
                if self.orders.entry(EntryKey::retirement(client)).await.map_err(AppError::Orders)?.is_some() {
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

    /// Whether an earlier call with the caller's key is writing a client, or its process ended while it was. Leaves no audit
    /// record.
    ///
    /// # Errors
    /// [`AppError::KeyReused`] or [`AppError::Orders`].
    pub async fn is_key_in_progress(&self, caller: &Caller) -> Result<bool, AppError> {
        let Some(key) = &caller.idempotency_key else { return Ok(false) };
        Ok(matches!(self.answer(key).await?, Some((Answer::ClientStarted(_), _))))
    }

    /// Marks a key as done, or removes it if the write was refused, so that the call can be repeated.
    pub(super) async fn end_client(
        &self,
        caller: &Caller,
        started: Option<Started>,
        result: Result<Option<u64>, &AppError>,
    ) {
        let (Some(Started { client, entry }), Some(key)) = (started, &caller.idempotency_key) else { return };
        let due_at = entry.due_at;
        let write = match result.map(|detached| value(key, Answer::ClientDone { id: client, detached })) {
            Ok(Ok(done)) => EntryWrite::replace(entry, done, due_at),
            // The next call has to find out whether it was written.
            Ok(Err(_)) => return,
            Err(error) if error.is_outcome_unknown() => return,
            Err(_) => EntryWrite::remove(entry),
        };
        match self.orders.commit_entry(write, &self.stamp(caller)).await {
            // Another call with the same key was faster.
            Ok(()) | Err(StoreError::EntryConflict { .. }) => {}
            Err(error) => tell("an idempotency key stays as it is until it expires", &error),
        }
    }

    /// Removes the answers that are older than 24 hours and returns their number.
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

    /// The answer under a key.
    ///
    /// # Errors
    /// [`AppError::KeyReused`] if it is that of another request; [`AppError::Orders`].
    async fn answer(&self, key: &IdempotencyKey) -> Result<Option<(Answer, Entry)>, AppError> {
        let Some(entry) = self.orders.entry(key.entry()).await.map_err(AppError::Orders)? else { return Ok(None) };
        let corrupt = |_| AppError::Orders(StoreError::corrupt("the answer of an idempotency key cannot be read"));
        let Value { request, answer } = serde_json::from_str(&entry.value).map_err(corrupt)?;
        if request == key.request() { Ok(Some((answer, entry))) } else { Err(AppError::KeyReused) }
    }
}

fn value(key: &IdempotencyKey, answer: Answer) -> Result<String, AppError> {
    let value = Value { request: key.request(), answer };
    serde_json::to_string(&value).map_err(|error| AppError::Orders(StoreError::backend(error)))
}
