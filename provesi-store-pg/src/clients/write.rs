//! The statements that write clients, see [`orders`](crate::orders::write) for how rows are compared and locked.

use provesi_core::{ClientClaim, ClientRow, ClientWrite, StoreError, UniqueField, fold, name_key, phone_digits};

use crate::commit::{Kind, Statement, Write};
use crate::instant::Instant;
use crate::sql::{client_columns, client_fields, compare_and_swap, lock_timeout};

/// The columns of rows, from $1 on: those of a client as it was read (`before`), or of one that is inserted.
macro_rules! row_values {
    () => {
        "$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]"
    };
}

/// The columns that are computed of a row as it is from now on, each after a comma and a prefix.
macro_rules! computed_fields {
    ($of:literal) => {
        concat!(
            ", ",
            $of,
            "name_key, ",
            $of,
            "name_search, ",
            $of,
            "email_folded, ",
            $of,
            "email_search, ",
            $of,
            "phone_digits"
        )
    };
}

macro_rules! computed_values {
    () => {
        "$8::bytea[], $9::text[], $10::text[], $11::text[], $12::text[]"
    };
}

/// Without a target for the conflict: id and address may be in the way.
const INSERT: &str = concat!(
    "WITH given AS MATERIALIZED (SELECT given.* FROM ",
    lock_timeout!("$13"),
    ", unnest(",
    row_values!(),
    ", ",
    computed_values!(),
    ") WITH ORDINALITY AS given (",
    client_columns!(),
    computed_fields!(""),
    ", n)), \
     done AS (\
        INSERT INTO provesi_clients (",
    client_columns!(),
    computed_fields!(""),
    ") SELECT ",
    client_columns!(),
    computed_fields!(""),
    " FROM given ORDER BY email_folded COLLATE \"C\" ON CONFLICT DO NOTHING RETURNING id) \
     SELECT given.n, CASE \
        WHEN done.id IS NOT NULL THEN 'done' \
        WHEN EXISTS (SELECT 1 FROM provesi_clients AS stored WHERE stored.id = given.id) THEN 'id' \
        WHEN EXISTS (SELECT 1 FROM provesi_clients AS stored WHERE stored.email_folded = given.email_folded) \
            THEN 'email' \
        ELSE 'inconclusive' END, NULL::bigint \
     FROM given LEFT JOIN done USING (id)"
);

macro_rules! swap {
    ($lock_timeout:literal, $locked:literal, $change:expr) => {
        compare_and_swap!(
            "provesi_clients",
            "$1",
            " || ''",
            "NULL::bigint",
            client_fields,
            "",
            concat!(
                "SELECT before.* FROM ",
                lock_timeout!($lock_timeout),
                ", unnest(",
                row_values!(),
                ") WITH ORDINALITY AS before (",
                client_columns!(),
                ", n)"
            ),
            $locked,
            $change,
            "",
            ""
        )
    };
}

macro_rules! replace {
    ($locked:literal) => {
        swap!(
            "$20",
            $locked,
            concat!(
                "WITH changed AS MATERIALIZED (SELECT n, held.id, ",
                client_fields!("after."),
                computed_fields!("after."),
                " FROM held JOIN unnest($13::text[], $14::text[], $15::text[], $16::text[], $17::text[], \
                 $18::timestamptz[], $19::timestamptz[], ",
                computed_values!(),
                ") WITH ORDINALITY AS after (",
                client_columns!(),
                computed_fields!(""),
                ", n) USING (n)) UPDATE provesi_clients SET (",
                client_fields!(""),
                computed_fields!(""),
                ") = (",
                client_fields!("held."),
                computed_fields!("held."),
                ") FROM changed AS held"
            )
        )
    };
}

macro_rules! delete {
    ($locked:literal) => {
        swap!("$8", $locked, "DELETE FROM provesi_clients USING held")
    };
}

const REPLACE: &str = replace!("");
const REPLACE_UNLOCKED: &str = replace!(" SKIP LOCKED");
const DELETE: &str = delete!("");
const DELETE_UNLOCKED: &str = delete!(" SKIP LOCKED");

impl Write for ClientWrite {
    type Done = ();
    type Claim = ClientClaim;
    const UNIQUE: &'static [(&'static str, UniqueField)] =
        &[("provesi_clients_email", UniqueField::Email), ("provesi_clients_pkey", UniqueField::ClientId)];

    #[cfg(test)]
    const TEXTS: &'static [&'static str] = &[INSERT, REPLACE, REPLACE_UNLOCKED, DELETE, DELETE_UNLOCKED];

    fn kind(&self) -> Kind {
        match self {
            Self::Insert(_) => Kind::Insert,
            Self::Replace { before, after } if before.email != after.email.as_str() => Kind::Rename,
            Self::Replace { .. } => Kind::Replace,
            Self::Delete { .. } => Kind::Delete,
        }
    }

    fn claims(&self) -> Vec<ClientClaim> {
        Self::claims(self)
    }

    fn text(kind: Kind, _: &[&Self], skips_locked: bool) -> &'static str {
        match (kind, skips_locked) {
            (Kind::Insert | Kind::Restore | Kind::Keep, _) => INSERT,
            (Kind::Replace | Kind::Rename, false) => REPLACE,
            (Kind::Replace | Kind::Rename, true) => REPLACE_UNLOCKED,
            (Kind::Delete, false) => DELETE,
            (Kind::Delete, true) => DELETE_UNLOCKED,
        }
    }

    fn bind(kind: Kind, writes: &[&Self], _: bool, statement: &mut Statement) -> Result<(), StoreError> {
        let before: Vec<_> = writes.iter().filter_map(|write| write.before().cloned()).collect();
        let after: Vec<_> = writes.iter().filter_map(|write| write.after()).collect();
        bind_rows(if kind == Kind::Insert { &after } else { &before }, statement)?;
        if kind != Kind::Delete {
            bind_computed(&after, statement)?;
        }
        if matches!(kind, Kind::Replace | Kind::Rename) {
            bind_rows(&after, statement)?;
        }
        Ok(())
    }

    fn done(_: Option<i64>) {}
}

/// Binds the columns of rows, in the order of `client_columns`.
fn bind_rows(rows: &[ClientRow], statement: &mut Statement) -> Result<(), StoreError> {
    statement.bind(rows, |row| row.id.to_string())?;
    statement.bind(rows, |row| row.name.as_str())?;
    statement.bind(rows, |row| row.email.as_str())?;
    statement.bind(rows, |row| row.phone.as_deref())?;
    statement.bind(rows, |row| row.address.as_deref())?;
    statement.bind(rows, |row| Instant::from(row.created_at))?;
    statement.bind(rows, |row| Instant::from(row.updated_at))
}

fn bind_computed(rows: &[ClientRow], statement: &mut Statement) -> Result<(), StoreError> {
    statement.bind(rows, |row| name_key(&row.name))?;
    statement.bind(rows, |row| fold(&row.name))?;
    statement.bind(rows, ClientRow::folded_email)?;
    statement.bind(rows, |row| fold(&row.email))?;
    statement.bind(rows, |row| row.phone.as_deref().map(phone_digits))
}
