//! The file of orders.

use std::collections::HashMap;
use std::path::Path;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use provesi_core::{
    AuditAction, ClientId, ClientKey, ClientRepositoryExt, Email, EntryKind, Field, NewOrder, Order, OrderKey,
    OrderNumber, OrderRepository, OrderRepositoryExt, OrderState, OrderStatus, ReturnReason, Stamp, StoreError, Stored,
    Subject, Timestamp, UniqueField,
};

use super::csv::{Columns, CsvFile, Record};
use super::values::{self, Fault, Faults};
use super::{Fate, INSERTS_IN_FLIGHT, ImportError, LOOKUPS_IN_FLIGHT, Run, Seen, Tally, batches, patiently};

const COLUMNS: [&str; 7] =
    ["order_number", "client_email", "status", "return_reason", "returned_at", "created_at", "updated_at"];

/// How many e-mail addresses are remembered with their clients, about 150 bytes each.
const MAX_OWNERS: usize = 50_000;

/// The fields of a new order.
const CREATED: [Field; 4] = [Field::OrderNumber, Field::ClientId, Field::Status, Field::ReturnReason];

type Opened = (CsvFile, Columns<7>, Vec<Box<str>>);

pub(super) fn open(path: &Path) -> Result<Opened, ImportError> {
    let file = CsvFile::open(path)?;
    let (columns, unknown) = file.columns(COLUMNS, &["order_number", "client_email"])?;
    Ok((file, columns, unknown))
}

pub(super) async fn import(run: &mut Run<'_>, file: CsvFile, columns: Columns<7>) -> Result<Tally, ImportError> {
    let (path, size, now) = (file.path().to_owned(), file.progress().0, run.now);
    let mut tally = Tally::default();
    let mut seen = Seen::default();
    let mut owners = Owners::default();
    let mut batches = batches(file, move |record| check(record, &columns, now));
    while let Some(batch) = batches.next().await? {
        run.report.at(batch.consumed);
        let mut rows = seen.sift(batch, "order_number", |row| row.number.folded());
        owners.learn(run, rows.good.iter().filter_map(|(_, row)| row.client.as_ref())).await?;
        let mut owned = Vec::with_capacity(rows.good.len());
        for (line, row) in rows.good {
            match owners.of(&row) {
                Some(owner) => owned.push((row, owner)),
                None => {
                    rows.bad.push((line, vec![Fault::new("client_email", "no client has this e-mail address")]));
                }
            }
        }
        run.report.bad_rows(&path, rows.bad, &mut tally)?;
        run.keep_orders(owned, &mut tally).await?;
    }
    run.report.file_done(size);
    Ok(tally)
}

/// An order as the file tells it.
struct OrderRow {
    number: OrderNumber,
    client: Option<Email>,
    state: OrderState,
    /// Whether the file says when the order came back, or the import does.
    returned_at_given: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn check(record: &Record, columns: &Columns<7>, now: Timestamp) -> Result<OrderRow, Vec<Fault>> {
    let [number, client, status, reason, returned_at, created_at, updated_at] =
        columns.pick(record).map_err(|why| vec![Fault::row(why)])?;
    let mut faults = Faults::default();
    let number = faults.take("order_number", OrderNumber::parse(number.trim()));
    let client = match client.trim() {
        "" => Some(None),
        email => faults.take("client_email", Email::parse(email)).map(Some),
    };
    let status = values::status(status).or_else(|| {
        let names: Vec<String> =
            OrderStatus::ALL.iter().map(|status| format!("{status} ({})", status.label())).collect();
        faults.add("status", format!("must be one of {}", names.join(", ")));
        None
    });
    // As everywhere, a reason is of no account in another status.
    let reason = match status {
        Some(OrderStatus::Returned) => faults.take("return_reason", ReturnReason::parse_optional(reason)),
        _ => Some(None),
    };
    let returned_at = faults.take_instant("returned_at", returned_at, now);
    let (created_at, updated_at) = faults.take_instants(created_at, updated_at, now);
    let state = match (status, reason) {
        (Some(status), Some(reason)) => OrderState::new(status, reason, returned_at.flatten().unwrap_or(updated_at))
            .map_err(|needed| faults.add("return_reason", needed.to_string()))
            .ok(),
        _ => None,
    };
    let row = || {
        let returned_at_given = returned_at?.is_some();
        Some(OrderRow { number: number?, client: client?, state: state?, returned_at_given, created_at, updated_at })
    };
    let row = row();
    faults.finish(row)
}

/// Whose an order is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Client(ClientId),
    /// A client that this import would make if it were no dry run.
    ToBeMade,
}

impl Owner {
    const fn id(self) -> Option<ClientId> {
        match self {
            Self::Client(id) => Some(id),
            Self::Nobody | Self::ToBeMade => None,
        }
    }
}

/// The clients of the e-mail addresses seen lately, `None` for an address that nobody has.
#[derive(Default)]
struct Owners(HashMap<Box<str>, Option<Owner>>);

impl Owners {
    /// Looks up those of `emails` that are not known yet.
    async fn learn(&mut self, run: &Run<'_>, emails: impl Iterator<Item = &Email>) -> Result<(), ImportError> {
        if self.0.len() > MAX_OWNERS {
            self.0.clear();
        }
        let unknown: HashMap<String, &Email> =
            emails.map(|email| (email.folded(), email)).filter(|(folded, _)| !self.0.contains_key(&**folded)).collect();
        let mut found = stream::iter(unknown)
            .map(async |(folded, email)| {
                let client = match run.app.clients().load(ClientKey::Email(email.clone())).await {
                    // Whose it is cannot be told.
                    Err(StoreError::Corrupt { .. }) => None,
                    client => client.map_err(ImportError::Clients)?,
                };
                let to_be_made = || (run.dry_run && run.emails.contains(&folded)).then_some(Owner::ToBeMade);
                let owner = client.map(|client| Owner::Client(client.row.id)).or_else(to_be_made);
                Ok::<_, ImportError>((folded, owner))
            })
            .buffer_unordered(LOOKUPS_IN_FLIGHT);
        let mut seen = Vec::new();
        while let Some((folded, owner)) = found.try_next().await? {
            seen.extend(owner.and_then(Owner::id).map(Subject::Client));
            self.0.insert(folded.into(), owner);
        }
        drop(found);
        run.recorded(AuditAction::ClientList, &[], seen).await
    }

    fn of(&self, row: &OrderRow) -> Option<Owner> {
        match &row.client {
            None => Some(Owner::Nobody),
            Some(email) => self.0.get(&*email.folded()).copied().flatten(),
        }
    }
}

impl Run<'_> {
    async fn keep_orders(&self, rows: Vec<(OrderRow, Owner)>, tally: &mut Tally) -> Result<(), ImportError> {
        let keys: Vec<OrderKey> = rows.iter().map(|(row, _)| OrderKey::from(&row.number)).collect();
        let there = self.app.orders().get_many(&keys).await;
        let is_there = |((row, _), there): (&(OrderRow, Owner), &Result<Option<_>, StoreError>)| {
            (!matches!(there, Ok(None))).then(|| Subject::Order(row.number.clone()))
        };
        self.recorded(AuditAction::OrderList, &[], rows.iter().zip(&there).filter_map(is_there).collect()).await?;
        let mut missing = Vec::with_capacity(rows.len());
        for ((row, owner), there) in rows.into_iter().zip(there) {
            let there = match there {
                // It is there, and says something else.
                Err(StoreError::Corrupt { .. }) => {
                    tally.count(Fate::AlreadyThere { differs: true });
                    continue;
                }
                there => there.map_err(ImportError::Orders)?,
            };
            match there.map(Stored::new) {
                Some(order) => tally.count(Fate::AlreadyThere { differs: differs(&row, owner, &order) }),
                None if self.dry_run => tally.count(Fate::New),
                None => missing.push((row, owner)),
            }
        }
        let insert = async |(row, owner): (OrderRow, Owner)| {
            let subjects = [Some(Subject::Order(row.number.clone())), owner.id().map(Subject::Client)];
            Ok((self.insert_order(row, owner).await?, subjects))
        };
        let mut fates = stream::iter(missing).map(insert).buffered(INSERTS_IN_FLIGHT);
        let mut recorded = Vec::new();
        while let Some((fate, subjects)) = fates.try_next().await.map_err(ImportError::Orders)? {
            if matches!(fate, Fate::New) {
                recorded.extend(subjects.into_iter().flatten());
            }
            tally.count(fate);
        }
        self.recorded(AuditAction::OrderCreate, &CREATED, recorded).await
    }

    /// Inserts the order of a row, unless it exists already. Without its client, if that was deleted since the lookup.
    async fn insert_order(&self, row: OrderRow, owner: Owner) -> Result<Fate, StoreError> {
        let order = NewOrder::builder().number(row.number.clone()).maybe_client_id(owner.id()).state(row.state.clone());
        let mut order = order.created_at(row.created_at).updated_at(row.updated_at).build();
        let stamp = self.stamp();
        let mut inserted = patiently(|| self.app.orders().insert(&order, &stamp)).await;
        if let Err(StoreError::EntryConflict { kind: EntryKind::Retirement }) = inserted {
            order.client_id = None;
            inserted = patiently(|| self.app.orders().insert(&order, &stamp)).await;
        }
        match inserted {
            Ok(_) => Ok(Fate::New),
            // Somebody else made it since the look-up.
            Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber }) => {
                let there = self.app.orders().load(OrderKey::from(&row.number)).await?;
                Ok(Fate::AlreadyThere { differs: there.is_none_or(|there| differs(&row, owner, &there)) })
            }
            Err(error) => Err(error),
        }
    }

    /// The events tell who made the orders here and when: this import, now.
    fn stamp(&self) -> Stamp {
        Stamp::new(self.now, self.caller)
    }
}

/// Whether the order that is there says something else than the row. A date of return that the file does not give is
/// no difference.
fn differs(row: &OrderRow, owner: Owner, there: &Stored<Order>) -> bool {
    let Ok(there) = &there.record else { return true };
    let reason = |state: &OrderState| state.return_info().map(|info| info.reason.clone());
    let returned_at = |state: &OrderState| state.return_info().map(|info| info.returned_at);
    row.number != there.number
        || owner == Owner::ToBeMade
        || owner.id() != there.client_id
        || row.state.status() != there.status()
        || reason(&row.state) != reason(&there.state)
        || (row.returned_at_given && returned_at(&row.state) != returned_at(&there.state))
}
