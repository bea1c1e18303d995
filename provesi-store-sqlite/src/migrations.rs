//! The schema and its versions. Migrations are part of the crate and run when the caller says so.

use provesi_core::{StoreError, StoreId};
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, SqlSafeStr};
use tokio::time::Instant;

use crate::audit;
use crate::error::{is_busy, store_error};
use crate::options::LOCK_PATIENCE;

/// A table of our own name: the file may hold another program's tables and its migrations.
pub(crate) const TABLE: &str = "_provesi_migrations";

const HAS_TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";

fn migrations() -> Vec<Migration> {
    let first = include_str!("../migrations/0001_clients_orders_history_audit.sql");
    let second = include_str!("../migrations/0002_audit_chain.sql");
    let third = include_str!("../migrations/0003_audit_subjects_beside_the_record.sql");
    let fourth = include_str!("../migrations/0004_entries.sql");
    let fifth = include_str!("../migrations/0005_returns_without_a_date.sql");
    vec![
        Migration::new(1, "clients orders history audit".into(), MigrationType::Simple, first.into_sql_str(), false),
        Migration::new(2, "audit chain".into(), MigrationType::Simple, second.into_sql_str(), false),
        Migration::new(
            3,
            "audit subjects beside the record".into(),
            MigrationType::Simple,
            third.into_sql_str(),
            false,
        ),
        Migration::new(4, "entries".into(), MigrationType::Simple, fourth.into_sql_str(), false),
        Migration::new(5, "returns without a date".into(), MigrationType::Simple, fifth.into_sql_str(), false),
    ]
}

/// Brings the schema up to date, in one transaction.
pub(crate) async fn run(writer: &SqlitePool) -> Result<(), StoreError> {
    let mut connection = writer.acquire().await.map_err(store_error)?;
    if pending(&mut connection).await?.is_empty() {
        return Ok(());
    }
    let migrated = migrate(&mut connection).await;
    if migrated.is_err() {
        // A migration that failed may have changed a setting of the connection.
        connection.close_on_drop();
    }
    migrated
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut migrator = Migrator::with_migrations(migrations());
    migrator.dangerous_set_table_name(TABLE);
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        // SQLite has no lock for migrations alone: with the lock for writing held from the start, a second process
        // that migrates at the same moment finds the work done.
        match connection.begin_with("BEGIN IMMEDIATE").await {
            Ok(mut transaction) => {
                migrator.run_direct(None, &mut *transaction, false).await.map_err(migrate_error)?;
                audit::link_old(&mut transaction).await?;
                return transaction.commit().await.map_err(store_error);
            }
            Err(error) if is_busy(&error) && Instant::now() < until => {}
            Err(error) => return Err(store_error(error)),
        }
    }
}

/// The descriptions of the migrations that the file lacks, in their order.
pub(crate) async fn pending(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let applied = applied(connection).await?;
    let known = migrations();
    for migration in &applied {
        match known.iter().find(|known| known.version == migration.version) {
            None => return Err(newer_file(migration.version)),
            Some(known) if known.checksum != migration.checksum => {
                return Err(StoreError::backend(MigrateError::VersionMismatch(migration.version)));
            }
            Some(_) => {}
        }
    }
    let is_applied = |migration: &Migration| applied.iter().any(|applied| applied.version == migration.version);
    let lacking = known.into_iter().filter(|migration| !is_applied(migration));
    Ok(lacking.map(|migration| migration.description.into_owned()).collect())
}

const STORE_ID: &str = "SELECT value FROM entries WHERE kind = 'store' AND name = 'id'";

/// The id of the store in the file; `None` before the migration that gives it one.
pub(crate) async fn store_id(connection: &mut SqliteConnection) -> Result<Option<StoreId>, StoreError> {
    let tables: i64 =
        sqlx::query_scalar(HAS_TABLE).bind("entries").fetch_one(&mut *connection).await.map_err(store_error)?;
    if tables == 0 {
        return Ok(None);
    }
    let id: Option<String> = sqlx::query_scalar(STORE_ID).fetch_optional(connection).await.map_err(store_error)?;
    id.map(|id| id.parse()).transpose()
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<AppliedMigration>, StoreError> {
    let tables: i64 =
        sqlx::query_scalar(HAS_TABLE).bind(TABLE).fetch_one(&mut *connection).await.map_err(store_error)?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    connection.list_applied_migrations(TABLE).await.map_err(migrate_error)
}

fn newer_file(version: i64) -> StoreError {
    StoreError::backend(format!(
        "the file was migrated by a newer version of this program: its migration {version} is unknown here"
    ))
}

fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        MigrateError::VersionMissing(version) => newer_file(version),
        other => StoreError::backend(other),
    }
}
