//! Whether a file belongs to another program.

use std::path::Path;

use provesi_core::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::file;
use crate::migrations::TABLE;

/// Names without those of SQLite itself.
const TABLES: &str = "\
    SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' ORDER BY name = ?1 DESC, name LIMIT ?2";

/// How many names are listed.
const LISTED: i64 = 5;

/// The first tables of the file at `path`, where it has some and none of this crate's: it belongs to another program. Reads
/// alone; an existing file is left as it is, its journal mode too.
///
/// # Errors
/// - [`StoreError::Unavailable`] where the file cannot be opened.
/// - [`StoreError::Backend`] where it is no regular file, or no SQLite file.
pub async fn foreign_tables(path: impl AsRef<Path>) -> Result<Vec<String>, StoreError> {
    let path = path.as_ref();
    // Opening a named pipe would wait for ever.
    file::check_kind(path)?;
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.map_err(|error| file::open_error(path, error))?;
    let tables: Result<Vec<String>, _> =
        sqlx::query_scalar(TABLES).bind(TABLE).bind(LISTED).fetch_all(&mut connection).await;
    let _ = connection.close().await;
    let tables = tables.map_err(|error| file::open_error(path, error))?;
    Ok(if tables.first().is_some_and(|table| table == TABLE) { Vec::new() } else { tables })
}
