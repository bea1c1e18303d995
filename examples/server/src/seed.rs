//! Believable data to try the system with: the same for the same seed, client ids included.
//!
//! The numbers come from `ChaCha12` by name, which rand keeps the same on every machine and in every release, and the
//! ranges are drawn as rand 0.10 draws them. A test pins what comes out: whoever changes a list here changes the data.

mod clients;
mod names;
mod orders;
mod own_data;

use std::collections::HashSet;
use std::fmt;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use provesi_core::{
    App, AuditAction, Caller, Client, ClientId, ClientKey, ClientRepositoryExt, NewOrder, OrderNumber,
    OrderRepositoryExt, Stamp, StoreError, Subject, Timestamp, UniqueField,
};

use clients::Clients;
use orders::Orders;
pub(crate) use own_data::require_own_data;

/// How many inserts are under way at once, so that a store can commit many together.
const IN_FLIGHT: usize = 512;
/// The most numbers that one look-up takes.
const BATCH: usize = 1_000;
/// Microseconds in a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// How many days the orders are spread over.
const SPAN_DAYS: i64 = 730;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed {
    /// How many clients.
    pub(crate) clients: u32,
    /// How many orders.
    pub(crate) orders: u32,
    /// Which data: the same seed, counts and end make the same.
    pub(crate) seed: u64,
    /// When the two years of orders end.
    pub(crate) until: Timestamp,
}

/// How many records were made, and how many were there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seeded {
    clients: Counts,
    orders: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    new: u64,
    already_there: u64,
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "clients: {} new, {} already there", self.clients.new, self.clients.already_there)?;
        writeln!(f, "orders: {} new, {} already there", self.orders.new, self.orders.already_there)?;
        if self.clients.new + self.orders.new == 0 {
            writeln!(f, "nothing was added: these data were seeded before")?;
        }
        Ok(())
    }
}

/// Why seeding stopped. What was made stays; the same command again goes on from there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("the store of clients failed")]
    Clients(#[source] StoreError),
    #[error("the store of orders failed")]
    Orders(#[source] StoreError),
    #[error("the audit failed; what was made stays")]
    Audit(#[source] StoreError),
    #[error("--yes: must be given, because the stores hold {0} that `seed` did not make; nothing was changed")]
    ForeignData(&'static str),
    /// A client that was in the way of an insert is gone before it could be read.
    #[error("somebody else is changing the clients; try again")]
    Raced,
}

/// Makes what `seed` asks for, leaving alone what is there.
pub(crate) async fn seed(app: &App, caller: &Caller, seed: &Seed, bar: &ProgressBar) -> Result<Seeded, SeedError> {
    bar.set_length(u64::from(seed.clients) + u64::from(seed.orders));
    let mut seeded = Seeded::default();
    // Whose client is whose: by place, with when each was made. 24 bytes a client are all that is kept.
    let mut owners = Vec::with_capacity(seed.clients as usize);
    let mut made = stream::iter(Clients::new(seed)).map(|client| keep_client(app, client)).buffered(IN_FLIGHT);
    let mut subjects = Vec::new();
    while let Some((owner, is_new)) = made.try_next().await? {
        owners.push(owner);
        seeded.clients.count(is_new);
        bar.inc(1);
        subjects.extend(is_new.then_some(Subject::Client(owner.id)));
        if subjects.len() == BATCH {
            recorded(app, caller, AuditAction::ClientCreate, std::mem::take(&mut subjects)).await?;
        }
    }
    recorded(app, caller, AuditAction::ClientCreate, subjects).await?;
    let mut orders = stream::iter(Orders::new(seed, owners)).chunks(BATCH);
    while let Some(batch) = orders.next().await {
        let (size, missing) = (batch.len() as u64, missing_orders(app, batch).await?);
        seeded.orders.already_there += size - missing.len() as u64;
        bar.inc(size - missing.len() as u64);
        // The store gives ids in the order in which the inserts reach it: that of their first polls, which the buffer
        // keeps as long as none of them is made to wait its turn.
        let keep = |order| tokio::task::unconstrained(keep_order(app, caller, order));
        let mut made = stream::iter(missing).map(keep).buffered(IN_FLIGHT);
        let mut subjects = Vec::new();
        while let Some(new) = made.try_next().await? {
            seeded.orders.count(new.is_some());
            bar.inc(1);
            subjects.extend(new.map(Subject::Order));
        }
        recorded(app, caller, AuditAction::OrderCreate, subjects).await?;
    }
    bar.finish_and_clear();
    Ok(seeded)
}

impl Counts {
    const fn count(&mut self, is_new: bool) {
        if is_new {
            self.new += 1;
        } else {
            self.already_there += 1;
        }
    }
}

/// A client that orders may name, and since when.
#[derive(Clone, Copy, Debug)]
struct Owner {
    id: ClientId,
    since: Timestamp,
}

async fn keep_client(app: &App, client: Client) -> Result<(Owner, bool), SeedError> {
    let owner = |id| Owner { id, since: client.created_at };
    match app.clients().insert(&client).await {
        Ok(kept) => Ok((owner(kept.id), true)),
        Err(StoreError::AlreadyExists { field: UniqueField::ClientId }) => Ok((owner(client.id), false)),
        Err(StoreError::AlreadyExists { .. }) => {
            // Somebody else's client has the address: the orders go to it, so that none names a client who is not there.
            let there = app.clients().load(ClientKey::Email(client.email.clone())).await.map_err(SeedError::Clients)?;
            Ok((owner(there.ok_or(SeedError::Raced)?.row.id), false))
        }
        Err(error) => Err(SeedError::Clients(error)),
    }
}

async fn recorded(app: &App, caller: &Caller, action: AuditAction, subjects: Vec<Subject>) -> Result<(), SeedError> {
    app.record_access(caller, action, &[], subjects).await.map_err(SeedError::Audit)
}

async fn missing_orders(app: &App, batch: Vec<NewOrder>) -> Result<Vec<NewOrder>, SeedError> {
    let numbers: Vec<OrderNumber> = batch.iter().map(|order| order.number.clone()).collect();
    let there = app.orders().find_by_numbers(&numbers).await.map_err(SeedError::Orders)?;
    let there: HashSet<String> = there.into_iter().map(|order| order.number.to_ascii_lowercase()).collect();
    Ok(batch.into_iter().filter(|order| !there.contains(&order.number.folded())).collect())
}

/// The number of the order where it was made.
async fn keep_order(app: &App, caller: &Caller, order: NewOrder) -> Result<Option<OrderNumber>, SeedError> {
    // The history of made-up data tells the made-up time.
    let stamp = Stamp::new(order.created_at, caller);
    match app.orders().insert(&order, &stamp).await {
        Ok(order) => Ok(Some(order.number)),
        Err(StoreError::AlreadyExists { .. }) => Ok(None),
        Err(error) => Err(SeedError::Orders(error)),
    }
}

#[cfg(test)]
mod tests;
