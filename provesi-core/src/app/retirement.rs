//! Retirements. Before a client is deleted in its own store, the store of orders records that it is being deleted. From then
//! on no order can be attached to it. If the process ends in between, another one settles the record once its lease has
//! expired.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::{Access, tell};
use crate::repository::EDIT_ATTEMPTS;
use crate::{
    Actor, App, AppError, AuditAction, Caller, ClientId, Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, Field,
    OrderRepositoryExt, PageLimit, StoreError, Subject, Timestamp,
};

/// How long a deletion may take before another process settles it. Far longer than the deadline of any call, so that a running
/// deletion is not taken for an unfinished one, even if the clocks of two machines differ by a minute.
const LEASE: Duration = Duration::from_secs(180);

/// How much of the lease must be left when the client is deleted.
const LEFT: Duration = Duration::from_secs(90);

/// What [`App::settle_retirements`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledRetirements {
    /// Deletions that were finished: the client does not exist, and its orders are detached.
    pub finished: u64,
    /// The orders that were detached by that.
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
    /// The entry that was replaced, if its deletion was done.
    done: Option<Entry>,
    /// Who asked for another deletion of the client that may be running, and relies on the entry too.
    shared_with: Option<(Actor, Option<IpAddr>)>,
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
    /// Records that a client is being deleted, with a lease that begins now. Replaces an existing record, such as that of a
    /// deletion that failed or that runs elsewhere.
    pub(super) async fn retire(&self, caller: &Caller, client: ClientId) -> Result<Retirement, AppError> {
        let key = EntryKey::retirement(client);
        let mut before: Option<Entry> = None;
        for _ in 0..EDIT_ATTEMPTS {
            let stamp = self.stamp(caller);
            // One that cannot be decoded is replaced like any other.
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
            // A lease that ends later than this one was made by a clock that was ahead.
            let is_running =
                |earlier: &Value| !earlier.done && stamp.at < earlier.lease_until && earlier.lease_until <= lease_until;
            let done = before.clone().filter(|_| earlier.as_ref().is_some_and(|earlier| earlier.done));
            let shared_with = earlier.filter(is_running).map(|earlier| (earlier.actor, earlier.address));
            match self.orders.commit_entry(write, &stamp).await {
                Ok(()) => {
                    let entry = Entry { key, value, due_at: Some(lease_until), order_id: None };
                    return Ok(Retirement { client, entry, lease_until, done, shared_with });
                }
                Err(StoreError::EntryConflict { .. }) => {
                    before = self.orders.entry(key.clone()).await.map_err(AppError::Orders)?;
                }
                // The client is not deleted, and if the record was made, its lease expires.
                Err(StoreError::OutcomeUnknown { source }) => {
                    return Err(AppError::Orders(StoreError::Unavailable { source }));
                }
                Err(error) => return Err(AppError::Orders(error)),
            }
        }
        Err(AppError::Contended)
    }

    /// Removes the record of a deletion that was refused, or restores the one that was there before. A record that another
    /// deletion may rely on stays until its lease has expired.
    pub(super) async fn lift(&self, caller: &Caller, retirement: Retirement) {
        if retirement.shared_with.is_some() {
            return;
        }
        let entry = match retirement.done {
            Some(done) => EntryWrite::replace(retirement.entry, done.value, None),
            None => EntryWrite::remove(retirement.entry),
        };
        match self.orders.commit_entry(entry, &self.stamp(caller)).await {
            // Another deletion has taken the record over.
            Ok(()) | Err(StoreError::EntryConflict { .. }) => {}
            Err(error) => tell("a client stays retired until its lease has expired", &error),
        }
    }

    /// Detaches the orders of a deleted client and marks its retirement as done. Returns the number of orders.
    pub(super) async fn finish_deletion(&self, caller: &Caller, client: ClientId) -> Result<u64, AppError> {
        let detached =
            self.orders.detach_retired_client(client, &self.stamp(caller)).await.map_err(AppError::Orders)?;
        let key = EntryKey::retirement(client);
        for _ in 0..EDIT_ATTEMPTS {
            let entry = self.orders.entry(key.clone()).await.map_err(AppError::Orders)?;
            let Some(entry) = entry else { return Ok(detached) };
            let value = Value::of(&entry).map_err(AppError::Orders)?;
            if value.done {
                return Ok(detached);
            }
            let done = Value { done: true, address: None, ..value }.to_json().map_err(AppError::Orders)?;
            match self.orders.commit_entry(EntryWrite::replace(entry, done, None), &self.stamp(caller)).await {
                Err(StoreError::EntryConflict { .. }) => {}
                result => return result.map(|()| detached).map_err(AppError::Orders),
            }
        }
        Err(AppError::Contended)
    }

    /// [`finish_deletion`](Self::finish_deletion) right after the delete. If it fails, the retirement is settled later.
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

    /// Finishes a deletion that another caller made while this one ran, and on that caller's behalf.
    pub(super) async fn finish_other(&self, caller: &Caller, retirement: Retirement) {
        let entry = self.orders.entry(retirement.entry.key.clone()).await.ok().flatten();
        let later =
            entry.filter(|entry| entry.value != retirement.entry.value).and_then(|entry| Value::of(&entry).ok());
        let other = later.map(|value| (value.actor, value.address)).or_else(|| retirement.shared_with.clone());
        let caller = match other {
            Some((actor, address)) => Caller { actor, address, ..Caller::default() },
            None => caller.clone(),
        };
        self.finish_now(&caller, retirement).await;
    }

    /// Settles unfinished deletions whose lease has expired. If the client does not exist, its orders are detached on behalf of
    /// the caller who deleted it; if it exists, the retirement is lifted and orders can be attached again. Orders that name a
    /// missing client without a retirement are left to [`check_integrity`](Self::check_integrity). Several processes may call
    /// this at the same time.
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
                    match self.orders.commit_entry(EntryWrite::remove(entry), &self.stamp(&caller)).await {
                        Ok(()) => settled.lifted += 1,
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
}
