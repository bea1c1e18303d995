//! How a page of what is looked for is found in one statement, whether few rows match or nearly all do.
//!
//! Where many match, a walk along the index of the sort soon has a page. Where few do, they are looked up and sorted.
//! PostgreSQL estimates how many match and not where they stand, so a walk is made first, and broken off after so many rows.
//! Without a full page by then, what it found is dropped, and a sample of the table says how to go on: where most rows match,
//! the walk is made to its end, else those that match are looked up.

/// How many blocks of 8,192 bytes are a sample.
const SAMPLE: u32 = 100;

/// Two parts of a WITH: `{name}_walk`, the rows of `walk`, which are `bound` at most and in the order of the page; and
/// `{name}_near`, those of them that meet `condition`, `limit` at most. A scan of a WITH gives rows in their order, and
/// reads no more than it is asked for.
pub(crate) fn near(name: &str, walk: &str, condition: &str, limit: &str) -> String {
    format!(
        "{name}_walk AS MATERIALIZED ({walk}), \
         {name}_near AS MATERIALIZED (SELECT * FROM {name}_walk WHERE {condition} LIMIT {limit})"
    )
}

/// Whether `{name}_near` is a full page, or all there is.
pub(crate) fn is_enough(name: &str, limit: &str, bound: &str) -> String {
    format!("((SELECT count(*) FROM {name}_near) >= {limit} OR (SELECT count(*) FROM {name}_walk) < {bound})")
}

/// Whether more than one in `n` rows of `table` meet `condition`, as far as a sample tells.
pub(crate) fn more_than_one_in(n: u32, table: &str, condition: &str) -> String {
    let bytes = SAMPLE * 8_192;
    format!(
        "(SELECT {n} * count(*) FILTER (WHERE {condition}) > count(*) FROM {table} \
         TABLESAMPLE SYSTEM (least(100, 100.0 * {bytes} / greatest(pg_relation_size('{table}'), 1))))"
    )
}
