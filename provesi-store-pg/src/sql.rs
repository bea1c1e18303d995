//! Expressions that statements and indexes share. PostgreSQL uses an index on an expression only where the statement has
//! the very same one, so each stands here once, as text to be put together by `concat!`.

/// The number as numbers are compared. Under the collation `C`, `lower` changes A to Z and nothing else, whatever the
/// language of the database, and the result is compared byte by byte.
macro_rules! folded {
    () => {
        "lower(order_number COLLATE \"C\")"
    };
}

/// The number in lower case that the order had before an event: what `EventKind::number_before` says.
macro_rules! number_before {
    () => {
        "lower((CASE detail ->> 'type' WHEN 'renumbered' THEN detail ->> 'from' ELSE detail -> 'from' ->> 'order_number' END) \
            COLLATE \"C\")"
    };
}

/// The events that have a number before.
macro_rules! has_number_before {
    () => {
        "detail ->> 'type' IN ('renumbered', 'repaired', 'changed_elsewhere')"
    };
}

/// What a part of the number is looked up by, see [`grams`](crate::grams).
macro_rules! number_grams {
    () => {
        "provesi_grams(lower(order_number COLLATE \"C\"))"
    };
}

/// What a part of a name, an e-mail address or a phone is looked up by: the grams of all three, of which each begins
/// with a mark of its own, so that what it starts with can be looked up as well. None of them holds a control character.
macro_rules! client_grams {
    () => {
        "provesi_grams(E'\\n' || name_search || E'\\t' || email_search || E'\\r' || coalesce(phone_digits, ''))"
    };
}

/// The client's id as ids are compared: the Python system kept the letter case in which they came.
macro_rules! client {
    () => {
        "lower(client_id COLLATE \"C\")"
    };
}

/// By what returns are sorted: [`ReturnDate`](provesi_core::ReturnDate), with infinities in place of what is no date, so
/// that a cursor compares without NULL. The Python system let blank reasons pass; blank is what `str::trim` cuts, and
/// such a return has no date.
macro_rules! returned_key {
    () => {
        "CASE WHEN status <> 'returned' THEN '-infinity'::timestamptz WHEN btrim(return_reason, E' \\t\\n\\u000b\\f\\r\\u0085\\u00a0\\u1680\
        \\u2000\\u2001\\u2002\\u2003\\u2004\\u2005\\u2006\\u2007\\u2008\\u2009\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000') <> '' \
        THEN coalesce(returned_at, 'infinity'::timestamptz) ELSE 'infinity'::timestamptz END"
    };
}

/// `updated_at` where the orders of one status are sorted by it. The detour through another type does not change the
/// order, and only the index that begins with the status has it: by the bare column PostgreSQL might walk along the index
/// of all orders and pass over those of other statuses, which takes long where these are not mixed evenly.
macro_rules! updated_in_status {
    () => {
        "(updated_at AT TIME ZONE 'UTC')"
    };
}

/// `created_at`, likewise.
macro_rules! created_in_status {
    () => {
        "(created_at AT TIME ZONE 'UTC')"
    };
}

/// The number as orders of one status are sorted by it, likewise.
macro_rules! number_in_status {
    () => {
        "(lower(order_number COLLATE \"C\") || '')"
    };
}

/// The columns of an order but its id, each after a prefix such as `stored.`.
macro_rules! order_fields {
    ($of:literal) => {
        concat!(
            $of,
            "order_number, ",
            $of,
            "client_id, ",
            $of,
            "status, ",
            $of,
            "return_reason, ",
            $of,
            "returned_at, ",
            $of,
            "created_at, ",
            $of,
            "updated_at"
        )
    };
}

/// The columns of an order, in the order in which [`Columns`](crate::rows::Columns) decodes them.
macro_rules! order_columns {
    () => {
        concat!("id, ", $crate::sql::order_fields!(""))
    };
}

/// The columns of a client but its id, each after a prefix such as `stored.`.
macro_rules! client_fields {
    ($of:literal) => {
        concat!($of, "name, ", $of, "email, ", $of, "phone, ", $of, "address, ", $of, "created_at, ", $of, "updated_at")
    };
}

/// The columns of a client, in the order in which [`Columns`](crate::rows::Columns) decodes them.
macro_rules! client_columns {
    () => {
        concat!("id, ", $crate::sql::client_fields!(""))
    };
}

/// The columns of an order and of its client, in the order in which [`Columns`](crate::rows::Columns) decodes them.
macro_rules! order_with_client_columns {
    () => {
        concat!(
            "orders_order.id, ",
            $crate::sql::order_fields!("orders_order."),
            ", client.id, ",
            $crate::sql::client_fields!("client.")
        )
    };
}

/// The columns of [`EventRow`](crate::rows::EventRow).
macro_rules! event_columns {
    () => {
        "id, order_id, order_number, at, actor, address, detail::text AS detail"
    };
}

/// Shares the lock of the feed until the end of the transaction, see [`events`](crate::events).
macro_rules! share_event_lock {
    () => {
        "pg_advisory_xact_lock_shared(1347571542, 1)"
    };
}

/// A row of FROM that limits how long the transaction waits for a lock from here on, unless the parameter is NULL.
macro_rules! lock_timeout {
    ($parameter:literal) => {
        concat!(
            "(SELECT CASE WHEN ",
            $parameter,
            "::text IS NOT NULL THEN set_config('lock_timeout', ",
            $parameter,
            ", true) END) AS limited"
        )
    };
}

/// FROM and WHERE of the rows of `before` that still are as they were read (`stored`), see [`compare_and_swap`].
///
/// The coalesce hides the comparisons from the planner, which would expect one row of a thousand to be as it was read.
macro_rules! unchanged {
    ($table:literal, $ids:literal, $no_index:literal, $fields:ident) => {
        concat!(
            " FROM before JOIN ",
            $table,
            " AS stored ON stored.id = ANY(",
            $ids,
            ") AND stored.id",
            $no_index,
            " = before.id AND coalesce((",
            $fields!("stored."),
            ") IS NOT DISTINCT FROM (",
            $fields!("before."),
            "), false)"
        )
    };
}

/// The statement that changes rows only if they are as they were read. `$before` selects the rows as they were read, with
/// their place `n`; `$ids` is the parameter with their ids. Locks those that still are so, in the order of their ids (`held`);
/// makes the change (`done`); and tells a row that was passed over because it is locked from one that is not as it was read.
/// `$first` and `$then` are further parts of the WITH, `$others` adds the answers of writes that are not in `$before`.
///
/// Rows are looked up by the array of ids, and joined by an expression that is equal to the id and has no index (`$no_index`).
/// A planner that believes the table to be empty, as after an ANALYZE beside the first insert, otherwise compares each write with each
/// row of the table.
macro_rules! compare_and_swap {
    ($table:literal, $ids:literal, $no_index:literal, $id:literal, $fields:ident, $first:expr, $before:expr, $locked:literal, $change:expr, $then:expr, $others:expr) => {
        concat!(
            "WITH ",
            $first,
            "before AS MATERIALIZED (",
            $before,
            "), held AS MATERIALIZED (SELECT before.n, stored.id",
            $crate::sql::unchanged!($table, $ids, $no_index, $fields),
            " ORDER BY stored.id FOR UPDATE OF stored",
            $locked,
            "), done AS (",
            $change,
            " WHERE ",
            $table,
            ".id = ANY(",
            $ids,
            ") AND ",
            $table,
            ".id",
            $no_index,
            " = held.id RETURNING held.n, ",
            $table,
            ".id) ",
            $then,
            "SELECT before.n, CASE \
                WHEN done.n IS NOT NULL THEN 'done' \
                WHEN before.n IN (SELECT before.n",
            $crate::sql::unchanged!($table, $ids, $no_index, $fields),
            ") THEN 'locked' \
                ELSE 'stale' END, ",
            $id,
            " FROM before LEFT JOIN done USING (n)",
            $others
        )
    };
}

/// Whether the server takes writes: it is no standby, and transactions may write.
macro_rules! is_writable {
    () => {
        "current_setting('transaction_read_only') = 'off'"
    };
}

pub(crate) use {
    client, client_columns, client_fields, client_grams, compare_and_swap, created_in_status, event_columns, folded,
    has_number_before, is_writable, lock_timeout, number_before, number_grams, number_in_status, order_columns,
    order_fields, order_with_client_columns, returned_key, share_event_lock, unchanged, updated_in_status,
};

/// The first part of the keys of our advisory locks: `PROV` in ASCII.
pub(crate) const LOCKS: i32 = 1_347_571_542;

/// The lock that a writer of events shares.
pub(crate) const LOCK_OF_EVENTS: i32 = 1;

/// The lock that who migrates holds alone.
pub(crate) const LOCK_OF_MIGRATIONS: i32 = 0;

/// The most keys or writes of one statement.
pub(crate) const CHUNK: usize = 1_000;

/// For one transaction: counting a large table takes longer than anything else.
pub(crate) const PATIENT: &str = "SET LOCAL statement_timeout = '30s'";

/// A number of rows. All of ours are small.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A pattern for LIKE that finds `text` anywhere.
pub(crate) fn containing(text: &str) -> String {
    format!("%{}%", literally(text))
}

/// A pattern for LIKE that finds `text` at the start.
pub(crate) fn starting_with(text: &str) -> String {
    format!("{}%", literally(text))
}

fn literally(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
