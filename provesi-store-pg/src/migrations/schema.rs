//! What the schema should be, and what of it is there.

use std::collections::HashMap;

use provesi_core::StoreError;
use sqlx::postgres::PgConnection;

use crate::error::store_error;
use crate::sql::{
    client, client_grams, created_in_status, folded, has_number_before, number_before, number_grams, number_in_status,
    returned_key, updated_in_status,
};

/// Django's table, for a database that has none.
pub(super) const ORDERS_TABLE: &str = include_str!("../../migrations/orders_order.sql");

/// Tables of our own.
pub(super) struct Script {
    pub(super) version: i32,
    pub(super) description: &'static str,
    pub(super) text: &'static str,
}

/// The script after which audit records of versions without a chain are added to it.
pub(super) const AUDIT_CHAIN: i32 = 3;

pub(super) static SCRIPTS: &[Script] = &[
    Script {
        version: 1,
        description: "the tables of history, clients and audit",
        text: include_str!("../../migrations/0001_history_clients_audit.sql"),
    },
    Script {
        version: 2,
        description: "the function that gives the grams of a text",
        text: include_str!("../../migrations/0002_grams.sql"),
    },
    Script {
        version: AUDIT_CHAIN,
        description: "the tables of the chain of records of access",
        text: include_str!("../../migrations/0003_audit_chain.sql"),
    },
    Script { version: 4, description: "the table of entries", text: include_str!("../../migrations/0004_entries.sql") },
];

/// An index of a table that others write to meanwhile.
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) create: &'static str,
    pub(super) drop: &'static str,
    /// The one that two numbers may forbid.
    pub(super) is_of_numbers: bool,
}

macro_rules! index {
    ($kind:literal, $name:literal, $($on:expr),+) => {
        Index {
            name: $name,
            create: concat!("CREATE ", $kind, " CONCURRENTLY IF NOT EXISTS ", $name, " ON ", $($on),+),
            drop: concat!("DROP INDEX CONCURRENTLY IF EXISTS ", $name),
            is_of_numbers: false,
        }
    };
}

static INDEXES: &[Index] = &[
    Index { is_of_numbers: true, ..index!("UNIQUE INDEX", "provesi_orders_number", "orders_order (", folded!(), ")") },
    index!("INDEX", "provesi_orders_updated", "orders_order (updated_at, id)"),
    index!("INDEX", "provesi_orders_created", "orders_order (created_at, id)"),
    index!("INDEX", "provesi_orders_status_updated", "orders_order (status, ", updated_in_status!(), ", id)"),
    index!("INDEX", "provesi_orders_status_created", "orders_order (status, ", created_in_status!(), ", id)"),
    index!("INDEX", "provesi_orders_number_in_status", "orders_order (status, ", number_in_status!(), ")"),
    index!(
        "INDEX",
        "provesi_orders_return_date",
        "orders_order ((",
        returned_key!(),
        "), updated_at, id) WHERE status = 'returned'"
    ),
    index!("INDEX", "provesi_orders_client", "orders_order (", client!(), ", updated_at, id)"),
    index!(
        "INDEX",
        "provesi_order_events_number_before",
        "provesi_order_events (",
        number_before!(),
        ", id) WHERE ",
        has_number_before!()
    ),
    // What is written is entered later, by one writer for all, which costs all of them less. Not much of it: that writer
    // is kept for long by 4 MB, which would be usual, and every search reads all of it until then.
    index!(
        "INDEX",
        "provesi_orders_grams",
        "orders_order USING gin (",
        number_grams!(),
        ") WITH (gin_pending_list_limit = 512)"
    ),
    index!(
        "INDEX",
        "provesi_clients_grams",
        "provesi_clients USING gin (",
        client_grams!(),
        ") WITH (gin_pending_list_limit = 512)"
    ),
];

/// An index that an earlier state of this crate made, which nothing uses any more and every writer pays for.
pub(super) struct Obsolete {
    pub(super) name: &'static str,
    pub(super) drop: &'static str,
}

macro_rules! obsolete {
    ($name:literal) => {
        Obsolete { name: $name, drop: concat!("DROP INDEX CONCURRENTLY IF EXISTS ", $name) }
    };
}

static OBSOLETE: &[Obsolete] = &[
    obsolete!("provesi_orders_returned"),
    obsolete!("provesi_orders_status_number"),
    obsolete!("provesi_orders_trigrams"),
    obsolete!("provesi_clients_trigrams"),
];

/// The indexes that are there and of no use.
pub(super) async fn obsolete(connection: &mut PgConnection) -> Result<Vec<&'static Obsolete>, StoreError> {
    let mut found = Vec::new();
    for index in OBSOLETE {
        if has_relation(connection, index.name).await? {
            found.push(index);
        }
    }
    Ok(found)
}

const HAS_INDEX: &str =
    "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1)::oid AND indisvalid AND indisready)";

/// The indexes that are not there, or not in working order.
pub(super) async fn lacking(connection: &mut PgConnection) -> Result<Vec<&'static Index>, StoreError> {
    let mut lacking = Vec::new();
    for index in INDEXES {
        let is_there: bool =
            sqlx::query_scalar(HAS_INDEX).bind(index.name).fetch_one(&mut *connection).await.map_err(store_error)?;
        if !is_there {
            lacking.push(index);
        }
    }
    Ok(lacking)
}

const HAS_RELATION: &str = "SELECT to_regclass($1) IS NOT NULL";

async fn has_relation(connection: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar(HAS_RELATION).bind(name).fetch_one(connection).await.map_err(store_error)
}

pub(super) async fn has_orders(connection: &mut PgConnection) -> Result<bool, StoreError> {
    has_relation(connection, "orders_order").await
}

const APPLIED: &str = "SELECT version FROM provesi_migrations";

/// The scripts that were run.
///
/// # Errors
/// [`StoreError::Backend`] where one of them is not known here.
pub(super) async fn applied(connection: &mut PgConnection) -> Result<Vec<i32>, StoreError> {
    if !has_relation(connection, "provesi_migrations").await? {
        return Ok(Vec::new());
    }
    let applied: Vec<i32> = sqlx::query_scalar(APPLIED).fetch_all(connection).await.map_err(store_error)?;
    match applied.iter().find(|version| SCRIPTS.iter().all(|known| known.version != **version)) {
        Some(version) => Err(StoreError::backend(format!(
            "the database was migrated by a newer version of this program: its migration {version} is unknown here"
        ))),
        None => Ok(applied),
    }
}

/// The columns of `orders_order` and what is read from them.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("id", &["int8"]),
    ("order_number", &["varchar", "text"]),
    ("client_id", &["varchar", "text"]),
    ("status", &["varchar", "text"]),
    ("return_reason", &["text", "varchar"]),
    ("returned_at", &["timestamptz"]),
    ("created_at", &["timestamptz"]),
    ("updated_at", &["timestamptz"]),
];

const COLUMN_TYPES: &str = "\
    SELECT attname::text, typname::text FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid \
    WHERE attrelid = to_regclass('orders_order')::oid AND attnum > 0 AND NOT attisdropped";

/// # Errors
/// [`StoreError::Backend`] where the table is another one than Django's.
pub(super) async fn check_orders(connection: &mut PgConnection) -> Result<(), StoreError> {
    let types: Vec<(String, String)> = sqlx::query_as(COLUMN_TYPES).fetch_all(connection).await.map_err(store_error)?;
    let types: HashMap<String, String> = types.into_iter().collect();
    for (column, known) in COLUMNS {
        let found = types.get(column).map_or("missing", String::as_str);
        if !known.contains(&found) {
            return Err(StoreError::backend(format!(
                "orders_order is not the table that it should be: its column {column} is {found}, not {}",
                known[0]
            )));
        }
    }
    Ok(())
}
