//! Rows as lines. A row crosses from SQLite's thread value by value, which costs more than to find it. So the rows of a
//! statement come as one text with a line of JSON for each, in which SQLite escapes line breaks and tabs.

use provesi_core::StoreError;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, Row, Type};

/// How the row in a line is decoded.
pub(crate) type Decode<T> = fn(&[u8]) -> Result<T, StoreError>;

/// A statement whose first column is called `line`, with its arguments.
pub(crate) struct Lines {
    pub(crate) text: String,
    pub(crate) arguments: SqliteArguments,
}

impl Lines {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), arguments: SqliteArguments::default() }
    }

    /// Binds the next argument.
    pub(crate) fn bind<'v>(mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Result<Self, StoreError> {
        self.arguments.add(value).map_err(StoreError::backend)?;
        Ok(self)
    }

    /// All lines, in the order of the statement: SQLite keeps the order of a subquery that has a limit.
    pub(crate) async fn fetch(self, connection: &mut SqliteConnection) -> Result<Text, sqlx::Error> {
        let text = format!("SELECT group_concat(line, char(10)) FROM ({})", self.text);
        let row = sqlx::query_with(AssertSqlSafe(text), self.arguments).fetch_optional(connection).await?;
        row.map_or_else(|| Ok(Text::default()), |row| Text::of(&row))
    }

    /// The statement as it is, with a row for each line.
    pub(crate) fn one_by_one(self) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        sqlx::query_with(AssertSqlSafe(self.text), self.arguments)
    }
}

/// The lines that were read.
#[derive(Default)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// The first column, which is NULL if there are no lines.
    pub(crate) fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        // As bytes: another program may have written what is not UTF-8.
        Ok(Self(row.try_get_unchecked::<Option<Vec<u8>>, _>(0)?.unwrap_or_default()))
    }

    /// The only line, of a row by itself.
    pub(crate) fn line(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }
}

/// The columns of a line.
///
/// # Errors
/// [`StoreError::Corrupt`] if they have other types, or are not UTF-8: it says what row it is, whose first column is its id, and
/// nothing of its values.
pub(crate) fn columns<T: DeserializeOwned>(what: &str, line: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(line).map_err(|fault: serde_json::Error| {
        let fault = format!("its columns, as a JSON array, cannot be decoded beyond byte {}", fault.column());
        corrupt(what, line, &fault)
    })
}

/// An error that names the row, so that an operator can look at it.
pub(crate) fn corrupt(what: &str, line: &[u8], fault: &(impl std::fmt::Display + ?Sized)) -> StoreError {
    let id = line.split(|byte| matches!(byte, b',' | b']')).next().unwrap_or_default();
    let id = String::from_utf8_lossy(id);
    StoreError::corrupt(format!("{what} {}: {fault}", id.trim_matches(['[', '"'])))
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;

    const ROWS: &str = "\
        SELECT json_array(column1, column2) AS line FROM (VALUES \
            (9223372036854775807, 'two' || char(10) || 'lines' || char(13) || char(9) || char(0) || '\"\\ñ🚚'), \
            (2, CAST(x'61ff62' AS TEXT)), \
            (-9223372036854775808, NULL))";

    #[tokio::test]
    async fn each_row_is_a_line_whatever_is_in_it_and_fails_alone() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let text = Lines::new(ROWS).fetch(&mut connection).await.unwrap();
        let rows: Vec<Result<(i64, Option<String>), _>> = text.lines().map(|line| columns("row", line)).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(*rows[0].as_ref().unwrap(), (i64::MAX, Some("two\nlines\r\t\0\"\\ñ🚚".to_owned())));
        assert!(matches!(&rows[1], Err(StoreError::Corrupt { .. })), "{:?}", rows[1]);
        assert!(format!("{:?}", rows[1]).contains("row 2: "), "{:?}", rows[1]);
        assert_eq!(*rows[2].as_ref().unwrap(), (i64::MIN, None));
    }

    #[tokio::test]
    async fn lines_keep_the_order_of_a_statement_with_a_limit() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 5000) \
            SELECT json_array(n) AS line FROM n ORDER BY n * 7919 % 5003 DESC LIMIT ?1 + 0";
        let text = Lines::new(numbers).bind(5_000).unwrap().fetch(&mut connection).await.unwrap();
        let lines: Vec<(i64,)> = text.lines().map(|line| columns("number", line).unwrap()).collect();
        let place = |(n,): &(i64,)| std::cmp::Reverse(n * 7_919 % 5_003);
        assert_eq!(lines.len(), 5_000);
        assert!(lines.is_sorted_by_key(place));
        // Without rows there is no line.
        let none = Lines::new(numbers).bind(0).unwrap().fetch(&mut connection).await.unwrap();
        assert_eq!(none.lines().count(), 0);
    }
}
