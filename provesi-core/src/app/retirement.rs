//! Retirements: that a client is being deleted is on record in the store of orders before the client is deleted in its own
//! store. From then on no order can be attached to it. A process that ends in between leaves the record, which another one
//! settles once its lease has expired.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::{Access, tell};
use crate::repository::EDIT_ATTEMPTS;
use crate::{
    Actor, App, AppError, AuditAction, Caller, ClientId, Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, Field,
    OrderRepositoryExt, OrderWrite, PageLimit, StoreError, Subject, Timestamp,
};

/// How long a deletion may take before another process settles it. Far longer than the deadline of any call, so that a deletion
/// that is still under way is not taken for one that was broken off, also if the clocks of two machines differ by a minute.
const LEASE: Duration = Duration::from_secs(180);

/// What of the lease has to be left when the client is deleted.
const LEFT: Duration = Duration::from_secs(90);

/// What [`App::settle_retirements`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledRetirements {
    /// Deletions that were finished: the client is gone, and no order names it any more.
    pub finished: u64,
    /// How many orders were detached by that.
    pub detached_orders: u64,
    /// Retirements that were lifted: the client still exists.
    pub lifted: u64,
}

/// The value of the entry.
#[derive(Clone, Serialize, Deserialize)]
struct Value {
    /// Who asked for the deletion.
    actor: Actor,
    address: Option<IpAddr>,
    lease_until: Timestamp,
    /// Whether the client is deleted and its orders are detached.
    done: bool,
}

/// A retirement that this process recorded.
pub(super) struct Retirement {
    client: ClientId,
    entry: Entry,
    lease_until: Timestamp,
    /// The entry that was there before, if it was of a deletion that is done.
    done: Option<Entry>,
    /// Whether another deletion of the same client was, and may still be, under way: it relies on the entry as well.
    is_shared: bool,
}

impl Value {
    fn of(entry: &Entry) -> Result<Self, StoreError> {
        serde_json::from_str(&entry.value)
            .map_err(|_| StoreError::corrupt(format!("the retirement of client {} cannot be read", entry.key.name)))
    }

    fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::backend)
    }
}

impl Retirement {
    /// Whether the lease is long enough for a delete that is sent now.
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        now.later(LEFT) <= self.lease_until
    }
}

impl App {
    /// Records that a client is being deleted, with a lease that begins now. Takes over a record that is there, such as that of
    /// a deletion that failed, or of one that is under way elsewhere.
    pub(super) async fn retire(&self, caller: &Caller, client: ClientId) -> Result<Retirement, AppError> {
        let key = EntryKey::retirement(client);
        let mut before: Option<Entry> = None;
        for _ in 0..EDIT_ATTEMPTS {
            let stamp = self.stamp(caller);
            // One that cannot be read is taken over like any other.
            let earlier = before.as_ref().and_then(|entry| Value::of(entry).ok());
            let mut lease_until = stamp.at.later(LEASE).to_millis();
            if earlier.as_ref().is_some_and(|earlier| earlier.lease_until == lease_until) {
                // So that the two values differ.
                lease_until = lease_until.next(lease_until);
            }
            let value = Value { actor: stamp.actor.clone(), address: stamp.address, lease_until, done: false };
            let value = value.to_json().map_err(AppError::Orders)?;
            let write = EntryWrite {
                key: key.clone(),
                before: before.as_ref().map(|entry| entry.value.clone()),
                after: Some((value.clone(), Some(lease_until))),
            };
            // A lease that ends later than this one comes of a clock that was ahead.
            let is_running =
                |earlier: &Value| !earlier.done && stamp.at < earlier.lease_until && earlier.lease_until <= lease_until;
            let is_shared = earlier.as_ref().is_some_and(is_running);
            let done = before.clone().filter(|_| earlier.as_ref().is_some_and(|earlier| earlier.done));
            match self.orders.commit_one(OrderWrite::entries_alone(vec![write], stamp)).await {
                Ok(_) => {
                    let entry = Entry { key, value, due_at: Some(lease_until), order_id: None };
                    return Ok(Retirement { client, entry, lease_until, done, is_shared });
                }
                Err(StoreError::EntryConflict { .. }) => before = self.retirement(&key).await?,
                // The client is not deleted, whatever became of the record, whose lease ends.
                Err(StoreError::OutcomeUnknown { source }) => {
                    return Err(AppError::Orders(StoreError::Unavailable { source }));
                }
                Err(error) => return Err(AppError::Orders(error)),
            }
        }
        Err(AppError::Contended)
    }

    /// Removes the record of a deletion that was refused, or puts back the one that was there. One that another deletion may rely on stays until its lease has
    /// expired.
    pub(super) async fn lift(&self, caller: &Caller, retirement: Retirement) {
        if retirement.is_shared {
            return;
        }
        let entry = match retirement.done {
            Some(done) => EntryWrite::replace(retirement.entry, done.value, None),
            None => EntryWrite::remove(retirement.entry),
        };
        let write = OrderWrite::entries_alone(vec![entry], self.stamp(caller));
        match self.orders.commit_one(write).await {
            // Another deletion has taken the record over.
            Ok(_) | Err(StoreError::EntryConflict { .. }) => {}
            Err(error) => tell("a client stays retired until its lease has expired", &error),
        }
    }

    /// Detaches the orders of a client that is deleted, and marks its retirement as done. Returns how many orders there were.
    pub(super) async fn finish_deletion(&self, caller: &Caller, client: ClientId) -> Result<u64, AppError> {
        let detached =
            self.orders.detach_retired_client(client, &self.stamp(caller)).await.map_err(AppError::Orders)?;
        let key = EntryKey::retirement(client);
        for _ in 0..EDIT_ATTEMPTS {
            let Some(entry) = self.retirement(&key).await? else { return Ok(detached) };
            let value = Value::of(&entry).map_err(AppError::Orders)?;
            if value.done {
                return Ok(detached);
            }
            let done = Value { done: true, address: None, ..value }.to_json().map_err(AppError::Orders)?;
            let write = EntryWrite::replace(entry, done, None);
            match self.orders.commit_one(OrderWrite::entries_alone(vec![write], self.stamp(caller))).await {
                Err(StoreError::EntryConflict { .. }) => {}
                result => return result.map(|_| detached).map_err(AppError::Orders),
            }
        }
        Err(AppError::Contended)
    }

    /// As [`finish_deletion`](Self::finish_deletion), after this process deleted the client. What fails here is settled later.
    pub(super) async fn finish_now(&self, caller: &Caller, retirement: Retirement) -> Option<u64> {
        let finished = self.finish_deletion(caller, retirement.client).await;
        match &finished {
            // It took longer than its lease, and another process found the client and lifted the retirement.
            Err(AppError::Orders(error @ StoreError::EntryConflict { .. })) => {
                tell("orders may still name a deleted client: see the integrity check", error);
            }
            Err(AppError::Orders(error)) => {
                tell("orders still name a deleted client until its retirement is settled", error);
            }
            _ => {}
        }
        finished.ok()
    }

    /// Settles the deletions whose lease has expired, which the process that began them did not end: if the client is gone, its
    /// orders are detached on behalf of whoever deleted it; if it still exists, orders can be attached to it again. Looks at
    /// nothing else: an order that names a missing client without a retirement is for
    /// [`check_integrity`](Self::check_integrity). Safe beside other processes that do the same.
    ///
    /// # Errors
    /// [`AppError::Clients`] or [`AppError::Orders`]: the rest is left to the next call.
    pub async fn settle_retirements(&self) -> Result<SettledRetirements, AppError> {
        let (mut settled, mut failed) = (SettledRetirements::default(), None);
        let at = self.now();
        let mut after = None;
        loop {
            let query = EntryQuery::Due { kind: EntryKind::Retirement, at, after, limit: PageLimit::MAX };
            let due = self.orders.entries(&query).await.map_err(AppError::Orders)?;
            let Some(last) = due.last() else { return failed.map_or(Ok(settled), Err) };
            after = last.due_at.map(|due_at| (due_at, last.key.name.clone()));
            let ids = due.iter().filter_map(|entry| entry.key.name.parse().ok()).collect::<Vec<ClientId>>();
            let existing = self.existing_clients(&ids).await?;
            for entry in due {
                let Ok(client) = entry.key.name.parse::<ClientId>() else { continue };
                let value = match Value::of(&entry) {
                    Ok(value) => value,
                    Err(error) => {
                        tell("a retirement is left as it is", &error);
                        continue;
                    }
                };
                let caller = Caller { actor: value.actor, address: value.address, ..Caller::default() };
                if existing.contains(&client) {
                    let lifted = EntryWrite::remove(entry);
                    let write = OrderWrite::entries_alone(vec![lifted], self.stamp(&caller));
                    match self.orders.commit_one(write).await {
                        Ok(_) => settled.lifted += 1,
                        // Somebody deletes the client again.
                        Err(StoreError::EntryConflict { .. }) => {}
                        Err(error) => return Err(AppError::Orders(error)),
                    }
                } else {
                    match self.settle_deleted(&caller, client).await {
                        Ok(detached) => {
                            settled.detached_orders += detached;
                            settled.finished += 1;
                        }
                        // One that fails does not keep the others from being settled.
                        Err(error) => failed = Some(error),
                    }
                }
            }
        }
    }

    async fn settle_deleted(&self, caller: &Caller, client: ClientId) -> Result<u64, AppError> {
        let result = match self.finish_deletion(caller, client).await {
            // Lifted meanwhile by another process, which found the client.
            Err(AppError::Orders(StoreError::EntryConflict { .. })) => Ok(0),
            result => result,
        };
        let access = Access::write(AuditAction::OrderDetach, &[Field::ClientId]);
        self.audited(caller, access, |_| vec![Subject::Client(client)], result).await
    }

    async fn retirement(&self, key: &EntryKey) -> Result<Option<Entry>, AppError> {
        let found = self.orders.entries(&EntryQuery::Keys(vec![key.clone()])).await.map_err(AppError::Orders)?;
        Ok(found.into_iter().next())
    }
}
