//! The statements that write orders, each with its events.
//!
//! A row is replaced or deleted only if every column still has the value that was read, whether or not `updated_at` moved.
//! Rows are locked in the order of their ids and numbers are inserted in their order, so that two statements do not wait for
//! each other. A statement has its snapshot before its locks: PostgreSQL checks the columns again on the row as it is once
//! it is locked.

use provesi_core::{OrderAction, OrderId, OrderRow, OrderWrite, StoreError, UniqueField};

use crate::commit::{Kind, Statement, Texts, Write};
use crate::events::{self, append_event, append_events};
use crate::instant::Instant;
use crate::sql::{compare_and_swap, folded, lock_timeout, order_columns, order_fields};

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

/// Without a target for the conflict: two indexes and the primary key may be in the way, and a violation would fail the
/// statement.
const INSERT: &str = concat!(
    "WITH given AS MATERIALIZED (SELECT given.*, ",
    folded!(),
    " AS folded FROM ",
    lock_timeout!("$15"),
    ", ",
    rows!(many "given"),
    "), \
     inserted AS (\
        INSERT INTO orders_order (",
    order_fields!(""),
    ") SELECT ",
    order_fields!(""),
    " FROM given ORDER BY folded ON CONFLICT DO NOTHING RETURNING id, order_number), \
     done AS MATERIALIZED (SELECT given.n, inserted.id FROM inserted JOIN given USING (order_number)), ",
    append_events!(),
    " SELECT given.n, CASE \
        WHEN done.id IS NOT NULL THEN 'done' \
        WHEN EXISTS (SELECT 1 FROM orders_order WHERE ",
    folded!(),
    " = given.folded) THEN 'order_number' \
        ELSE 'inconclusive' END, done.id \
     FROM given LEFT JOIN done USING (n)"
);

/// The same for one order, which has one event: without arrays to join, which cost more than the insert itself.
const INSERT_ONE: &str = concat!(
    "WITH done AS (\
        INSERT INTO orders_order (",
    order_fields!(""),
    ") SELECT ($8::text[])[1], ($9::text[])[1], ($10::text[])[1], ($11::text[])[1], ($12::timestamptz[])[1], \
            ($13::timestamptz[])[1], ($14::timestamptz[])[1] FROM ",
    lock_timeout!("$15"),
    " ON CONFLICT DO NOTHING RETURNING id), ",
    append_event!(),
    " SELECT 1::bigint, CASE \
        WHEN done.id IS NOT NULL THEN 'done' \
        WHEN EXISTS (SELECT 1 FROM orders_order WHERE ",
    folded!(),
    " = lower(($8::text[])[1] COLLATE \"C\")) THEN 'order_number' \
        ELSE 'inconclusive' END, done.id \
     FROM (SELECT $1::bigint[], $7::bigint[]) AS given LEFT JOIN done ON true"
);

macro_rules! swap {
    ($lock_timeout:literal, $count:ident, $locked:literal, $change:expr) => {
        compare_and_swap!(
            "orders_order",
            "before.id",
            order_fields,
            concat!("SELECT before.* FROM ", lock_timeout!($lock_timeout), ", ", rows!($count "before")),
            $locked,
            $change,
            concat!(", ", append_events!(), " ")
        )
    };
}

macro_rules! replace {
    ($count:ident, $locked:literal) => {
        swap!(
            "$23",
            $count,
            $locked,
            concat!(
                "UPDATE orders_order SET (",
                order_fields!(""),
                ") = (",
                order_fields!("after."),
                ") FROM held JOIN ",
                rows_after!($count),
                " USING (n)"
            )
        )
    };
}

macro_rules! delete {
    ($locked:literal) => {
        swap!("$15", many, $locked, "DELETE FROM orders_order USING held")
    };
}

const TEXTS: Texts = Texts {
    insert: INSERT,
    insert_one: INSERT_ONE,
    replace: replace!(many, ""),
    replace_one: replace!(one, ""),
    replace_unlocked: replace!(many, " SKIP LOCKED"),
    delete: delete!(""),
    delete_unlocked: delete!(" SKIP LOCKED"),
};

/// What a write of orders claims.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    Id(OrderId),
    /// A number in lower case.
    Number(String),
}

impl Write for OrderWrite {
    type Done = OrderId;
    type Claim = Claim;
    const TEXTS: Texts = TEXTS;
    /// Our index, in any letter case, and Django's constraint, to the letter.
    const UNIQUE: &'static [(&'static str, UniqueField)] =
        &[("provesi_orders_number", UniqueField::OrderNumber), ("orders_order_order_number", UniqueField::OrderNumber)];

    fn kind(&self) -> Kind {
        match self.action() {
            OrderAction::Insert(_) => Kind::Insert,
            OrderAction::Replace { before, after } if before.number != after.number.as_str() => Kind::Rename,
            OrderAction::Replace { .. } => Kind::Replace,
            OrderAction::Delete { .. } => Kind::Delete,
        }
    }

    fn claims(&self) -> Vec<Claim> {
        let number = Claim::Number(self.number().to_ascii_lowercase());
        match before(self) {
            Some(before) => vec![Claim::Id(before.id), Claim::Number(before.number.to_ascii_lowercase()), number],
            None => vec![number],
        }
    }

    fn bind(kind: Kind, writes: &[&Self], statement: &mut Statement) -> Result<(), StoreError> {
        events::bind(writes, statement)?;
        let rows: Vec<_> = writes.iter().filter_map(|write| before(write).cloned().or_else(|| after(write))).collect();
        bind_rows(&rows, statement)?;
        if matches!(kind, Kind::Replace | Kind::Rename) {
            let rows: Vec<_> = writes.iter().filter_map(|write| after(write)).collect();
            bind_rows(&rows, statement)?;
        }
        Ok(())
    }

    fn done(id: Option<i64>) -> OrderId {
        OrderId::new(id.unwrap_or_default())
    }
}

const fn before(write: &OrderWrite) -> Option<&OrderRow> {
    match write.action() {
        OrderAction::Insert(_) => None,
        OrderAction::Replace { before, .. } | OrderAction::Delete { before } => Some(before),
    }
}

/// The row that a write leaves. The id of an inserted one comes from the table.
fn after(write: &OrderWrite) -> Option<OrderRow> {
    match write.action() {
        OrderAction::Insert(order) => Some(OrderRow::from(&order.clone().with_id(OrderId::new(0)))),
        OrderAction::Replace { after, .. } => Some(OrderRow::from(after)),
        OrderAction::Delete { .. } => None,
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
