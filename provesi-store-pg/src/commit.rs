//! Makes writes durable: those that may be joined are one statement for each kind.
//!
//! A statement of several writes never waits long for another transaction: it skips rows that are locked, and gives up when a
//! unique index makes it wait. Afterwards, one of the writes that are held up is made alone, in a statement that waits; once
//! the lock is released, the others are tried together again. Those that still wait take turns until the deadline. A caller
//! that does not want to wait is told at once which writes are held up ([`StoreError::Locked`]).
//! A statement that the server rolled back because of a row is repeated in halves, until that row is alone. A statement
//! whose outcome is unknown is never repeated.
//!
//! Two writes that claim the same record or the same unique value are never part of one statement; the later one is made
//! after the earlier one has an outcome.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use provesi_core::{EntryKind, StoreError, UniqueField};
use serde::Serialize;
use sqlx::postgres::{PgArguments, PgConnection, PgHasArrayType};
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, SqlSafeStr, Type};
use tokio::time::Instant;

use crate::error::{is_lock_timeout, may_be_of_one_row, write_error};
use crate::options::LOCK_TIMEOUT;
use crate::sql;
use crate::store::PgStore;

/// How long a statement of several writes waits for a lock.
const BATCH_LOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// The same if its caller tries the writes that are held up again by itself.
const TRY_LOCK_TIMEOUT: Duration = Duration::from_millis(10);

/// Up to how many writes a statement is kept prepared. The plan that PostgreSQL keeps expects few rows, and joins many of them
/// slowly; for more, the statement is planned each time, with its arguments.
const MAX_PREPARED: usize = 100;

/// How often a chunk of writes repeats inserts that found something in their way that is not there.
const MAX_INCONCLUSIVE: u32 = 100;

const INCONCLUSIVE: &str = "inserts are refused, but no row has their number: the ids that the sequence of orders_order gives \
    are those of existing rows; set it behind them (setval)";

/// What a write does. Writes of one kind may share a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Insert,
    /// Inserts a record under an id that it had before.
    Restore,
    Replace,
    /// Replaces a record and changes a unique value of it. Never joined: a value that is taken fails the statement.
    Rename,
    Delete,
    /// Leaves every record as it is.
    Keep,
}

/// A write as this module sees it.
pub(crate) trait Write: Sync + 'static {
    /// What the port returns for it.
    type Done: Clone + Send;
    /// A record or a unique value that the write changes.
    type Claim: Eq + Hash + Send;
    /// The constraints and indexes that keep a field unique, by the start of their names.
    const UNIQUE: &'static [(&'static str, UniqueField)];

    /// The statements, whose plans a test looks at.
    #[cfg(test)]
    const TEXTS: &'static [&'static str];

    fn kind(&self) -> Kind;

    /// What no other write of the same statement may claim.
    fn claims(&self) -> Vec<Self::Claim>;

    /// What a write of the same statement may use too, but not claim.
    fn uses(&self) -> Vec<Self::Claim> {
        Vec::new()
    }

    /// How many of these writes, which are not none, are made at a time.
    fn chunk_len(writes: &[Self]) -> usize
    where
        Self: Sized,
    {
        writes.len().min(sql::CHUNK)
    }

    /// The statement that makes these writes, all of this kind, and returns an [`Answer`] for each. It skips rows that another
    /// transaction has locked, or waits for them.
    fn text(kind: Kind, writes: &[&Self], skips_locked: bool) -> &'static str;

    /// Binds its arguments.
    fn bind(kind: Kind, writes: &[&Self], skips_locked: bool, statement: &mut Statement) -> Result<(), StoreError>;

    fn done(id: Option<i64>) -> Self::Done;
}

/// What a statement returns for a write:
/// - its place among the writes, from 1;
/// - its outcome: `done`; `stale`, if the row was not as it was read; `locked`, if the row was as it was read and was not
///   changed; the name of a unique field whose value is taken; the kind of an entry that is not as the write requires; anything
///   else is inconclusive, and is tried again;
/// - the id of the order.
type Answer = (i64, String, Option<i64>);

/// A statement with its arguments, most of them arrays with a value for each row. It has one more parameter, its last:
/// how long it waits for a lock.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) text: &'static str,
    pub(crate) arguments: PgArguments,
}

impl Statement {
    /// The statement that makes these writes, all of one kind.
    pub(crate) fn of<W: Write>(writes: &[&W], skips_locked: bool) -> Result<Self, StoreError> {
        let kind = writes[0].kind();
        let mut statement = Self { text: W::text(kind, writes, skips_locked), arguments: PgArguments::default() };
        W::bind(kind, writes, skips_locked, &mut statement)?;
        Ok(statement)
    }

    /// Binds a column: the value of each row.
    pub(crate) fn bind<'q, R, T>(&mut self, rows: &'q [R], value: impl Fn(&'q R) -> T) -> Result<(), StoreError>
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
    {
        let values: Vec<T> = rows.iter().map(value).collect();
        self.arguments.add(values).map_err(StoreError::backend)
    }

    /// Binds one value for all rows.
    pub(crate) fn bind_value<'q, T: Encode<'q, Postgres> + Type<Postgres>>(
        &mut self,
        value: T,
    ) -> Result<(), StoreError> {
        self.arguments.add(value).map_err(StoreError::backend)
    }

    /// Binds an array of objects; NULL if it is empty.
    pub(crate) fn bind_json<T: Serialize>(&mut self, values: &[T]) -> Result<(), StoreError> {
        let json =
            (!values.is_empty()).then(|| serde_json::to_string(values)).transpose().map_err(StoreError::backend)?;
        self.bind_value(json)
    }
}

/// How long the writes of a chunk may take.
#[derive(Clone, Copy)]
pub(crate) struct TimeLimit {
    pub(crate) deadline: Instant,
    /// What the server needs besides waiting for locks.
    pub(crate) reserve: Duration,
}

impl TimeLimit {
    /// The time that is left for waiting.
    fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(self.reserve)
    }
}

/// A statement as it is sent.
struct Sent {
    statement: Statement,
    count: usize,
    unique: &'static [(&'static str, UniqueField)],
    /// The longest wait for a lock, and how much time there is; as the session has it in the caller's transaction.
    limit: Option<(Duration, TimeLimit)>,
}

impl Sent {
    async fn run(&self, connection: &mut PgConnection) -> Result<Vec<Answer>, StoreError> {
        let Statement { text, mut arguments } = self.statement.clone();
        // The server gives up first, so that a write that waited in vain is known to be rolled back.
        let wait = self.limit.map(|(longest, time)| longest.min(time.left()));
        // The session has this limit already.
        let wait = wait.filter(|wait| *wait < LOCK_TIMEOUT);
        let lock_timeout = wait.map(|wait| format!("{}ms", wait.as_millis().max(1)));
        arguments.add(lock_timeout).map_err(StoreError::backend)?;
        let is_prepared = self.count <= MAX_PREPARED;
        // The driver would find the prepared one by the same text.
        let text = if is_prepared { text.into_sql_str() } else { AssertSqlSafe(format!("{text} ")).into_sql_str() };
        let answers = sqlx::query_as_with(text, arguments).persistent(is_prepared).fetch_all(connection).await;
        answers.map_err(|error| write_error(error, self.unique))
    }
}

/// What is done with a write that another transaction holds up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeldUp {
    /// It waits until the deadline.
    Waits,
    /// It ends with [`StoreError::Locked`].
    IsRefused,
}

/// Makes the writes and returns the outcome of each.
pub(crate) async fn commit<W: Write>(
    store: &PgStore,
    writes: &[W],
    held_up: HeldUp,
) -> Vec<Result<W::Done, StoreError>> {
    let mut outcomes = Vec::with_capacity(writes.len());
    let mut rest = writes;
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(W::chunk_len(rest));
        rest = others;
        let time = store.time_limit();
        // A single write has no neighbours that it could hold up.
        let waits = chunk.len() == 1 && held_up == HeldUp::Waits;
        let states = vec![if waits { State::HeldUp } else { State::Open }; chunk.len()];
        let batch = Batch { store, time, writes: chunk, states, held_up, last_alone: 0, inconclusive: 0 };
        outcomes.append(&mut batch.run().await);
    }
    outcomes
}

/// How far a write is.
#[derive(Clone)]
enum State<T> {
    Open,
    /// It waits for another transaction: it is made alone.
    HeldUp,
    Ended(Result<T, StoreError>),
}

struct Batch<'b, W: Write> {
    store: &'b PgStore,
    time: Option<TimeLimit>,
    writes: &'b [W],
    states: Vec<State<W::Done>>,
    held_up: HeldUp,
    /// The last write that was tried alone.
    last_alone: usize,
    inconclusive: u32,
}

/// What to do next, as places of writes.
enum Next {
    /// Statements that do not wait.
    Join(Vec<Vec<usize>>),
    /// One of the writes that are held up.
    Alone(usize),
}

impl<W: Write> Batch<'_, W> {
    async fn run(mut self) -> Vec<Result<W::Done, StoreError>> {
        while let Some(next) = self.next() {
            match next {
                Next::Join(parts) => self.join(parts).await,
                Next::Alone(at) => self.wait(at).await,
            }
        }
        let outcome = |state| match state {
            State::Ended(outcome) => outcome,
            // Held up, or behind a write that is.
            State::HeldUp | State::Open => Err(StoreError::Locked),
        };
        self.states.into_iter().map(outcome).collect()
    }

    /// The writes that no earlier write without an outcome is in the way of. Those that wait for other transactions come
    /// last.
    fn next(&self) -> Option<Next> {
        let (mut claimed, mut used) = (HashSet::new(), HashSet::new());
        let mut joined: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        let (mut parts, mut held_up) = (Vec::new(), Vec::new());
        for (at, write) in self.writes.iter().enumerate() {
            if matches!(self.states[at], State::Ended(_)) {
                continue;
            }
            let (claims, uses) = (write.claims(), write.uses());
            let is_free = claims.iter().all(|claim| !claimed.contains(claim) && !used.contains(claim))
                && uses.iter().all(|claim| !claimed.contains(claim));
            claimed.extend(claims);
            used.extend(uses);
            match (&self.states[at], write.kind()) {
                _ if !is_free => {}
                (State::Open, Kind::Rename) => parts.push(vec![at]),
                (State::Open, kind) => joined.entry(kind).or_default().push(at),
                _ => held_up.push(at),
            }
        }
        parts.extend(joined.into_values());
        if self.held_up == HeldUp::IsRefused {
            held_up.clear();
        }
        let next_alone = held_up.iter().find(|at| **at > self.last_alone).or(held_up.first());
        if parts.is_empty() { next_alone.map(|at| Next::Alone(*at)) } else { Some(Next::Join(parts)) }
    }

    /// Makes each of the parts by one statement, or by several if the server rolls it back because of some of its writes.
    async fn join(&mut self, mut parts: Vec<Vec<usize>>) {
        while let Some(mut part) = parts.pop() {
            let Err(error) = self.send(&part, true).await else { continue };
            if !may_be_of_one_row(&error) {
                self.fail(&part, &error);
            } else if part.len() > 1 {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            } else if is_lock_timeout(&error) {
                self.states[part[0]] = State::HeldUp;
            } else {
                self.fail(&part, &error);
            }
        }
    }

    /// Makes a write that is held up, by a statement that waits.
    async fn wait(&mut self, at: usize) {
        self.last_alone = at;
        match self.send(&[at], false).await {
            // What this one waited for may have held up the others as well.
            Ok(()) => {
                for state in self.states.iter_mut().filter(|state| matches!(state, State::HeldUp)) {
                    *state = State::Open;
                }
            }
            Err(error) if is_lock_timeout(&error) && self.count_held_up() > 1 && self.time.is_some() => {}
            Err(error) => self.fail(&[at], &error),
        }
    }

    fn count_held_up(&self) -> usize {
        self.states.iter().filter(|state| matches!(state, State::HeldUp)).count()
    }

    /// Ends the writes of a statement that have no outcome yet.
    fn fail(&mut self, part: &[usize], error: &StoreError) {
        for at in part {
            if !matches!(self.states[*at], State::Ended(_)) {
                self.states[*at] = State::Ended(Err(error.clone()));
            }
        }
    }

    /// Sends one statement and notes what became of each of its writes.
    async fn send(&mut self, part: &[usize], is_joined: bool) -> Result<(), StoreError> {
        let limit = self.time.map(|time| {
            let share = u32::try_from(self.count_held_up()).ok().and_then(|count| time.left().checked_div(count));
            let wait = match (is_joined, self.held_up) {
                (true, HeldUp::IsRefused) => TRY_LOCK_TIMEOUT,
                (true, HeldUp::Waits) => BATCH_LOCK_TIMEOUT,
                (false, _) => share.unwrap_or_default().max(BATCH_LOCK_TIMEOUT),
            };
            (wait.min(LOCK_TIMEOUT), time)
        });
        if self.time.is_some_and(|time| time.left().is_zero()) {
            return Err(StoreError::unavailable("there was no time left to send this write"));
        }
        let writes: Vec<&W> = part.iter().map(|at| &self.writes[*at]).collect();
        // The statement for one write has a kept plan, and no form that skips a locked row: a caller that is not to wait for long
        // waits for a moment.
        let skips_locked = is_joined && (part.len() > 1 || self.held_up == HeldUp::Waits);
        let statement = Statement::of(&writes, skips_locked)?;
        let sent = Sent { statement, count: part.len(), unique: W::UNIQUE, limit };
        let answers = self
            .store
            .write(self.time.map(|time| time.deadline), sent, |connection, sent| Box::pin(sent.run(connection)));
        for (place, outcome, id) in answers.await? {
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            let Some(&at) = place.and_then(|place| part.get(place)) else { continue };
            let taken = W::UNIQUE.iter().find(|(_, field)| field.as_str() == outcome);
            self.states[at] = match (outcome.as_str(), taken) {
                ("done", _) => State::Ended(Ok(W::done(id))),
                ("locked", _) if skips_locked => State::HeldUp,
                // A statement that waited for the lock found a row that was changed meanwhile.
                ("stale" | "locked", _) => State::Ended(Err(StoreError::VersionConflict)),
                (_, Some(&(_, field))) => State::Ended(Err(StoreError::AlreadyExists { field })),
                (outcome, None) => match EntryKind::from_text(outcome) {
                    Some(kind) => State::Ended(Err(StoreError::EntryConflict { kind })),
                    None => continue,
                },
            };
        }
        let is_conclusive = |at: &usize| match self.states[*at] {
            State::Open => false,
            State::HeldUp => is_joined,
            State::Ended(_) => true,
        };
        if !part.iter().all(is_conclusive) {
            self.inconclusive += 1;
        }
        if self.inconclusive > MAX_INCONCLUSIVE { Err(StoreError::backend(INCONCLUSIVE)) } else { Ok(()) }
    }
}
