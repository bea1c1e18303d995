//! The statements that write orders, each with its events and entries.
//!
//! A row is replaced or deleted only if every column still has the value that was read, whether or not `updated_at` moved.
//! Rows are locked in the order of their ids and numbers are inserted in their order, so that two statements do not wait for
//! each other. A statement has its snapshot before its locks: PostgreSQL checks the columns again on the row as it is once
//! it is locked. Entries are locked first of all, see [`entries`].

use std::collections::HashSet;

use provesi_core::{EntryCondition, OrderAction, OrderClaim, OrderId, OrderRow, OrderWrite, StoreError, UniqueField};

use crate::commit::{Kind, Statement, Write};
use crate::entries::{self, put_entries, refused, refused_by_condition, refused_writes};
use crate::events::{self, append_event, append_events};
use crate::instant::Instant;
use crate::sql::{self, compare_and_swap, folded, lock_timeout, order_columns, order_fields};

/// The rows of an insert (`given`) or as they were read (`before`), from $7 on.
macro_rules! rows {
    (many $name:literal) => {
        concat!(
            "unnest($7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], \
             $13::timestamptz[], $14::timestamptz[]) WITH ORDINALITY AS ",
            $name,
            " (",
            order_columns!(),
            ", n)"
        )
    };
    (one $name:literal) => {
        concat!(
            "(SELECT ($7::bigint[])[1], ($8::text[])[1], ($9::text[])[1], ($10::text[])[1], ($11::text[])[1], \
             ($12::timestamptz[])[1], ($13::timestamptz[])[1], ($14::timestamptz[])[1], 1::bigint) AS ",
            $name,
            " (",
            order_columns!(),
            ", n)"
        )
    };
}

/// The rows as a replacement leaves them, from $15 on.
macro_rules! rows_after {
    (many) => {
        concat!(
            "unnest($15::bigint[], $16::text[], $17::text[], $18::text[], $19::text[], $20::timestamptz[], \
             $21::timestamptz[], $22::timestamptz[]) WITH ORDINALITY AS after (",
            order_columns!(),
            ", n)"
        )
    };
    (one) => {
        concat!(
            "(SELECT ($15::bigint[])[1], ($16::text[])[1], ($17::text[])[1], ($18::text[])[1], ($19::text[])[1], \
             ($20::timestamptz[])[1], ($21::timestamptz[])[1], ($22::timestamptz[])[1], 1::bigint) AS after (",
            order_columns!(),
            ", n)"
        )
    };
}

/// Inserts the columns `$columns`. Without a target for the conflict: two indexes and the primary key may be in the way, and a
/// violation would fail the statement.
macro_rules! insert {
    ($columns:expr, $id_taken:literal) => {
        concat!(
            "WITH ",
            refused!("$15", "$16", "$17"),
            ", given AS MATERIALIZED (SELECT given.*, ",
            folded!(),
            " AS folded FROM ",
            lock_timeout!("$17"),
            ", ",
            rows!(many "given"),
            " WHERE NOT EXISTS (SELECT 1 FROM refused WHERE refused.n = given.n)), \
             inserted AS (\
                INSERT INTO orders_order (",
            $columns,
            ") SELECT ",
            $columns,
            " FROM given ORDER BY folded ON CONFLICT DO NOTHING RETURNING id, order_number), \
             done AS MATERIALIZED (SELECT given.n, inserted.id FROM inserted JOIN given USING (order_number)), ",
            append_events!(),
            ", ",
            put_entries!("$15"),
            " SELECT given.n, CASE \
                WHEN done.id IS NOT NULL THEN 'done' ",
            $id_taken,
            "WHEN EXISTS (SELECT 1 FROM orders_order WHERE ",
            folded!(),
            " = given.folded) THEN 'order_number' \
                ELSE 'inconclusive' END, done.id \
             FROM given LEFT JOIN done USING (n)",
            refused_writes!()
        )
    };
}

const INSERT: &str = insert!(order_fields!(""), "");

const RESTORE: &str = insert!(
    order_columns!(),
    "WHEN EXISTS (SELECT 1 FROM orders_order AS stored WHERE stored.id = given.id) THEN 'stale' "
);

/// Inserts one order, which has one event: without arrays to join, which cost more than the insert itself.
macro_rules! insert_one {
    ($refused:expr, $lock_timeout:literal, $condition:literal, $entries:expr, $refused_write:literal) => {
        concat!(
            "WITH ",
            $refused,
            "done AS (\
                INSERT INTO orders_order (",
            order_fields!(""),
            ") SELECT ($8::text[])[1], ($9::text[])[1], ($10::text[])[1], ($11::text[])[1], ($12::timestamptz[])[1], \
                    ($13::timestamptz[])[1], ($14::timestamptz[])[1] FROM ",
            lock_timeout!($lock_timeout),
            $condition,
            " ON CONFLICT DO NOTHING RETURNING 1::bigint AS n, id), ",
            append_event!(),
            $entries,
            " SELECT 1::bigint, CASE \
                WHEN done.id IS NOT NULL THEN 'done' ",
            $refused_write,
            "WHEN EXISTS (SELECT 1 FROM orders_order WHERE ",
            folded!(),
            " = lower(($8::text[])[1] COLLATE \"C\")) THEN 'order_number' \
                ELSE 'inconclusive' END, done.id \
             FROM (SELECT $1::bigint[], $7::bigint[]) AS given LEFT JOIN done ON true"
        )
    };
    ($refused:expr, $lock_timeout:literal, $entries:expr) => {
        insert_one!(
            concat!($refused, ", "),
            $lock_timeout,
            " WHERE NOT EXISTS (SELECT 1 FROM refused)",
            $entries,
            "WHEN EXISTS (SELECT 1 FROM refused) THEN (SELECT reason FROM refused) "
        )
    };
}

const INSERT_ONE: &str = insert_one!("", "$15", "", "", "");
const INSERT_ONE_ON_CONDITION: &str = insert_one!(refused_by_condition!("$15", "$16", "$17", "$18", "$19"), "$19", "");
const INSERT_ONE_WITH_ENTRIES: &str =
    insert_one!(refused!("$15", "$16", "$17"), "$17", concat!(", ", put_entries!("$15")));

/// A compare-and-swap of rows that are not refused because of their entries.
macro_rules! swap {
    ($refused:expr, $lock_timeout:literal, $count:ident, $locked:literal, $change:expr, $entries:expr) => {
        compare_and_swap!(
            "orders_order",
            "$7",
            " + 0",
            "before.id",
            order_fields,
            concat!($refused, ", "),
            concat!(
                "SELECT before.* FROM ",
                lock_timeout!($lock_timeout),
                ", ",
                rows!($count "before"),
                " WHERE NOT EXISTS (SELECT 1 FROM refused WHERE refused.n = before.n)"
            ),
            $locked,
            $change,
            concat!(", ", append_events!(), $entries, " "),
            refused_writes!()
        )
    };
}

macro_rules! update {
    ($count:ident) => {
        concat!(
            "WITH changed AS MATERIALIZED (SELECT n, held.id, ",
            order_fields!("after."),
            " FROM held JOIN ",
            rows_after!($count),
            " USING (n)) UPDATE orders_order SET (",
            order_fields!(""),
            ") = (",
            order_fields!("held."),
            ") FROM changed AS held"
        )
    };
}

macro_rules! replace {
    ($count:ident, $locked:literal) => {
        swap!(
            refused!("$23", "$24", "$25"),
            "$25",
            $count,
            $locked,
            update!($count),
            concat!(", ", put_entries!("$23"))
        )
    };
}

const REPLACE: &str = replace!(many, "");
const REPLACE_UNLOCKED: &str = replace!(many, " SKIP LOCKED");
const REPLACE_ONE_WITH_ENTRIES: &str = replace!(one, "");
const REPLACE_ONE_ON_CONDITION: &str =
    swap!(refused_by_condition!("$23", "$24", "$25", "$26", "$27"), "$27", one, "", update!(one), "");
const REPLACE_ONE: &str = compare_and_swap!(
    "orders_order",
    "$7",
    " + 0",
    "before.id",
    order_fields,
    "",
    concat!("SELECT before.* FROM ", lock_timeout!("$23"), ", ", rows!(one "before")),
    "",
    update!(one),
    concat!(", ", append_events!(), " "),
    ""
);

macro_rules! delete {
    ($locked:literal) => {
        swap!(
            refused!("$15", "$16", "$17"),
            "$17",
            many,
            $locked,
            "DELETE FROM orders_order USING held",
            concat!(", ", put_entries!("$15"))
        )
    };
}

const DELETE: &str = delete!("");
const DELETE_UNLOCKED: &str = delete!(" SKIP LOCKED");

/// Leaves all rows as they are: events, those that are rewritten ($8), and entries. The order of each write is in $7, NULL for a
/// write that concerns none.
const KEEP: &str = concat!(
    "WITH ",
    refused!("$9", "$10", "$11"),
    ", done AS MATERIALIZED (SELECT given.n, given.id FROM ",
    lock_timeout!("$11"),
    ", unnest($7::bigint[]) WITH ORDINALITY AS given (id, n) \
        WHERE NOT EXISTS (SELECT 1 FROM refused WHERE refused.n = given.n)), ",
    append_events!(),
    ", rewritten AS (\
        UPDATE provesi_order_events AS event SET detail = changed.detail::jsonb \
        FROM done JOIN jsonb_to_recordset($8::jsonb) AS changed (n bigint, event_id bigint, detail text) USING (n) \
        WHERE event.id = changed.event_id AND event.order_id = done.id), ",
    put_entries!("$9"),
    " SELECT done.n, 'done', done.id FROM done",
    refused_writes!()
);

/// The most entries that a statement locks: PostgreSQL has room for some thousand locks in all, in a table that all its
/// databases share.
const MAX_LOCKS: usize = 200;

impl Write for OrderWrite {
    type Done = Option<OrderId>;
    type Claim = OrderClaim;
    /// Our index, in any letter case, and Django's constraint, to the letter.
    const UNIQUE: &'static [(&'static str, UniqueField)] =
        &[("provesi_orders_number", UniqueField::OrderNumber), ("orders_order_order_number", UniqueField::OrderNumber)];
    #[cfg(test)]
    const TEXTS: &'static [&'static str] = &[
        INSERT,
        INSERT_ONE,
        INSERT_ONE_ON_CONDITION,
        INSERT_ONE_WITH_ENTRIES,
        RESTORE,
        REPLACE,
        REPLACE_ONE,
        REPLACE_ONE_ON_CONDITION,
        REPLACE_ONE_WITH_ENTRIES,
        REPLACE_UNLOCKED,
        DELETE,
        DELETE_UNLOCKED,
        KEEP,
    ];

    fn kind(&self) -> Kind {
        match self.action() {
            OrderAction::Insert(_) => Kind::Insert,
            OrderAction::Restore(_) => Kind::Restore,
            OrderAction::Replace { before, after } if before.number != after.number.as_str() => Kind::Rename,
            OrderAction::Replace { .. } => Kind::Replace,
            OrderAction::Delete { .. } => Kind::Delete,
            OrderAction::Keep { .. } | OrderAction::None => Kind::Keep,
        }
    }

    fn claims(&self) -> Vec<OrderClaim> {
        Self::claims(self)
    }

    fn uses(&self) -> Vec<OrderClaim> {
        self.conditions().iter().map(|condition| OrderClaim::Entry(condition.key().clone())).collect()
    }

    fn chunk_len(writes: &[Self]) -> usize {
        let mut locked = HashSet::new();
        let mut len = 0;
        for write in writes.iter().take(sql::CHUNK) {
            locked.extend(write.entry_keys());
            if locked.len() > MAX_LOCKS {
                break;
            }
            len += 1;
        }
        len.max(1)
    }

    fn text(kind: Kind, writes: &[&Self], skips_locked: bool) -> &'static str {
        let is_one = writes.len() == 1;
        match (kind, skips_locked, Needs::of(kind, writes, skips_locked)) {
            (Kind::Insert, _, Needs::Nothing) => INSERT_ONE,
            (Kind::Insert, _, Needs::Condition(_)) => INSERT_ONE_ON_CONDITION,
            (Kind::Insert, ..) if is_one => INSERT_ONE_WITH_ENTRIES,
            (Kind::Insert, ..) => INSERT,
            (Kind::Restore, ..) => RESTORE,
            (Kind::Replace | Kind::Rename, _, Needs::Nothing) => REPLACE_ONE,
            (Kind::Replace | Kind::Rename, _, Needs::Condition(_)) => REPLACE_ONE_ON_CONDITION,
            (Kind::Replace | Kind::Rename, false, _) if is_one => REPLACE_ONE_WITH_ENTRIES,
            (Kind::Replace | Kind::Rename, false, _) => REPLACE,
            (Kind::Replace | Kind::Rename, true, _) => REPLACE_UNLOCKED,
            (Kind::Delete, false, _) => DELETE,
            (Kind::Delete, true, _) => DELETE_UNLOCKED,
            (Kind::Keep, ..) => KEEP,
        }
    }

    fn bind(kind: Kind, writes: &[&Self], skips_locked: bool, statement: &mut Statement) -> Result<(), StoreError> {
        events::bind(writes, statement)?;
        if kind == Kind::Keep {
            statement.bind(writes, |write| write.id().map(OrderId::get))?;
            statement.bind_json(&events::rewritten(writes)?)?;
        } else {
            // The id of an inserted order comes from the table.
            let row = |write: &&Self| write.before().cloned().or_else(|| write.after(OrderId::new(0)));
            bind_rows(&writes.iter().filter_map(row).collect::<Vec<_>>(), statement)?;
        }
        if matches!(kind, Kind::Replace | Kind::Rename) {
            let rows: Vec<_> = writes.iter().filter_map(|write| write.after(OrderId::new(0))).collect();
            bind_rows(&rows, statement)?;
        }
        match Needs::of(kind, writes, skips_locked) {
            Needs::Nothing => Ok(()),
            Needs::Condition(condition) => entries::bind_condition(condition, skips_locked, statement),
            Needs::Entries => entries::bind(writes, skips_locked, statement),
        }
    }

    fn done(id: Option<i64>) -> Option<OrderId> {
        id.map(OrderId::new)
    }
}

/// What a statement requires of entries and changes of them. A single insert or replacement is shorter where that is little.
enum Needs<'w> {
    Nothing,
    Condition(&'w EntryCondition),
    Entries,
}

impl<'w> Needs<'w> {
    fn of(kind: Kind, writes: &[&'w OrderWrite], skips_locked: bool) -> Self {
        let may_be_short = match kind {
            Kind::Insert => true,
            Kind::Replace | Kind::Rename => !skips_locked,
            Kind::Restore | Kind::Delete | Kind::Keep => false,
        };
        match writes {
            [write] if may_be_short => match (write.conditions(), write.entries()) {
                ([], []) => Self::Nothing,
                ([condition], []) => Self::Condition(condition),
                _ => Self::Entries,
            },
            _ => Self::Entries,
        }
    }
}

/// Binds the columns of rows, in the order of `order_columns`.
fn bind_rows(rows: &[OrderRow], statement: &mut Statement) -> Result<(), StoreError> {
    statement.bind(rows, |row| row.id.get())?;
    statement.bind(rows, |row| row.number.as_str())?;
    statement.bind(rows, |row| row.client_id.as_deref())?;
    statement.bind(rows, |row| row.status.as_str())?;
    statement.bind(rows, |row| row.return_reason.as_deref())?;
    statement.bind(rows, |row| row.returned_at.map(Instant::from))?;
    statement.bind(rows, |row| Instant::from(row.created_at))?;
    statement.bind(rows, |row| Instant::from(row.updated_at))
}
