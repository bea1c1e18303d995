//! The schema, brought up to date when the caller says so: on an empty database, and beside a system that is running.
//!
//! `orders_order` is the Python system's. It gets indexes and nothing else, each built with CONCURRENTLY, which lets
//! others read and write meanwhile, and which cannot be part of a transaction. So what is there is looked up in the
//! catalog instead of being remembered, and a migration that was broken off goes on where it was. Tables of our own are
//! made by numbered scripts, each in one transaction with the line that says so.

pub(crate) mod case_duplicates;
mod schema;

use std::time::Duration;

use provesi_core::StoreError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::time::Instant;

use crate::error::{sqlstate_of, store_error};
use crate::{audit, sql};
use schema::{AUDIT_CHAIN, Index, ORDERS_TABLE, Obsolete, SCRIPTS, Script};

/// How long is waited for another process that migrates, and how often it is looked.
const TURN: Duration = Duration::from_secs(900);
const LOOK: Duration = Duration::from_millis(100);

/// An index of a large table takes its time, and at its end waits for transactions that were there before it. None of it
/// keeps anybody from writing.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '10min'; SET maintenance_work_mem = '256MB'; \
    SET client_min_messages = 'warning'";

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1, $2)";

const MAKE_OUR_TABLE: &str = "\
    CREATE TABLE IF NOT EXISTS provesi_migrations \
        (version integer PRIMARY KEY, description text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

const KEEP_VERSION: &str = "INSERT INTO provesi_migrations (version, description) VALUES ($1, $2)";

/// A thing that the database lacks.
enum Step {
    OrdersTable,
    Script(&'static Script),
    Index(&'static Index),
    Obsolete(&'static Obsolete),
}

impl Step {
    fn describe(&self) -> String {
        match self {
            Self::OrdersTable => "create the table orders_order".to_owned(),
            Self::Script(script) => format!("create {}", script.description),
            Self::Index(index) => format!("create the index {}", index.name),
            Self::Obsolete(index) => format!("drop the index {}", index.name),
        }
    }
}

/// What [`run`] would do, in its order.
pub(crate) async fn pending(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let steps = steps(connection).await?;
    Ok(steps.iter().map(Step::describe).collect())
}

/// Brings the schema up to date. The caller closes the connection afterwards: it keeps the settings and the lock of this.
pub(crate) async fn run(connection: &mut PgConnection) -> Result<(), StoreError> {
    connection.execute(SESSION).await.map_err(store_error)?;
    take_turn(connection).await?;
    migrate(connection).await
}

/// The lock is asked for again and again rather than waited for: a statement that waits would be one of those that an
/// index is waiting for.
async fn take_turn(connection: &mut PgConnection) -> Result<(), StoreError> {
    let until = Instant::now() + TURN;
    while Instant::now() < until {
        let is_ours: bool = sqlx::query_scalar(TRY_LOCK)
            .bind(sql::LOCKS)
            .bind(sql::LOCK_OF_MIGRATIONS)
            .fetch_one(&mut *connection)
            .await
            .map_err(store_error)?;
        if is_ours {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(StoreError::unavailable("another process has been migrating for too long"))
}

async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    // Looked up anew: another process may have done it meanwhile.
    let steps = steps(connection).await?;
    if steps.iter().any(|step| matches!(step, Step::OrdersTable)) {
        return make(connection, steps).await;
    }
    let mut indexed = false;
    for step in steps {
        tracing::info!(step = step.describe(), "migrating");
        match step {
            Step::OrdersTable => {}
            Step::Script(script) => apply(connection, script).await?,
            Step::Index(index) => {
                build(connection, index).await?;
                indexed = true;
            }
            Step::Obsolete(index) => {
                connection.execute(index.drop).await.map_err(store_error)?;
            }
        }
    }
    if indexed {
        // An index on an expression is of use to the planner once it knows what the expression gives.
        connection.execute("ANALYZE orders_order, provesi_clients").await.map_err(store_error)?;
    }
    Ok(())
}

/// Where there is no table of orders yet, nobody is to be kept from writing to it: all at once.
async fn make(connection: &mut PgConnection, steps: Vec<Step>) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    for step in steps {
        match step {
            Step::OrdersTable => {
                transaction.execute(ORDERS_TABLE).await.map_err(store_error)?;
            }
            Step::Script(script) => apply(&mut transaction, script).await?,
            Step::Index(index) => {
                transaction.execute(AssertSqlSafe(at_once(index.create))).await.map_err(store_error)?;
            }
            Step::Obsolete(index) => {
                transaction.execute(AssertSqlSafe(at_once(index.drop))).await.map_err(store_error)?;
            }
        }
    }
    transaction.commit().await.map_err(store_error)
}

/// The statement as it may stand in a transaction.
fn at_once(concurrently: &str) -> String {
    concurrently.replacen(" CONCURRENTLY", "", 1)
}

async fn apply(connection: &mut PgConnection, script: &Script) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    transaction.execute(MAKE_OUR_TABLE).await.map_err(store_error)?;
    transaction.execute(script.text).await.map_err(store_error)?;
    if script.version == AUDIT_CHAIN {
        audit::link_old(&mut transaction).await?;
    }
    sqlx::query(KEEP_VERSION)
        .bind(script.version)
        .bind(script.description)
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
    transaction.commit().await.map_err(store_error)
}

async fn build(connection: &mut PgConnection, index: &Index) -> Result<(), StoreError> {
    if index.is_of_numbers {
        case_duplicates::refuse(connection).await?;
    }
    // One that was begun and not finished is in the way, costs as much as a whole one, and is of no use.
    connection.execute(index.drop).await.map_err(store_error)?;
    let Err(error) = connection.execute(index.create).await else { return Ok(()) };
    connection.execute(index.drop).await.map_err(store_error)?;
    let error = store_error(error);
    if index.is_of_numbers && sqlstate_of(&error) == "23505" {
        // Duplicates that were written after it was looked for them.
        case_duplicates::refuse(connection).await?;
    }
    Err(error)
}

async fn steps(connection: &mut PgConnection) -> Result<Vec<Step>, StoreError> {
    let applied = schema::applied(connection).await?;
    let mut steps = Vec::new();
    if schema::has_orders(connection).await? {
        schema::check_orders(connection).await?;
    } else {
        steps.push(Step::OrdersTable);
    }
    let lacking = schema::lacking(connection).await?;
    // First what the rows may forbid, so that nothing was changed where they do.
    let (first, others): (Vec<_>, Vec<_>) = lacking.into_iter().partition(|index| index.is_of_numbers);
    steps.extend(first.into_iter().map(Step::Index));
    steps.extend(SCRIPTS.iter().filter(|script| !applied.contains(&script.version)).map(Step::Script));
    steps.extend(others.into_iter().map(Step::Index));
    // Last: until then, what took their place may not be there.
    steps.extend(schema::obsolete(connection).await?.into_iter().map(Step::Obsolete));
    Ok(steps)
}
