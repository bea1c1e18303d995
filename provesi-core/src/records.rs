//! Records of the rows that a store read, and as many as a page needs.

use std::future::Future;

use crate::{Chain, StoreError};

/// The records that could be decoded. [`StoreError::Corrupt`] is logged and skipped, so that one row does not cost the others.
///
/// # Errors
/// The first other error.
pub fn skip_corrupt<T>(records: impl IntoIterator<Item = Result<T, StoreError>>) -> Result<Vec<T>, StoreError> {
    let records = records.into_iter();
    let mut kept = Vec::with_capacity(records.size_hint().0);
    for record in records {
        match record {
            Ok(record) => kept.push(record),
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(error = %Chain(&error), "a corrupt record is skipped");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

/// The most rows that are read at a time to pass over those that cannot be decoded.
const MAX_ROWS: usize = 1_000;

/// The first `wanted` records after a place, or all there are. `read` reads up to so many rows after a place, and `place` tells
/// where a row stands, also one that cannot be decoded. Such rows are skipped and logged, and those that follow fill their
/// places, in constant memory: fewer records than wanted means that nothing follows. A page is read as one more than its limit,
/// see [`Page::from_one_more`](crate::Page::from_one_more).
///
/// # Errors
/// Those of `read`.
pub async fn read_full_page<R, T, P, F, Fut>(
    wanted: usize,
    mut after: P,
    read: F,
    place: impl Fn(&R) -> P,
) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<R, Error = StoreError>,
    P: Clone + PartialEq,
    F: Fn(P, usize) -> Fut,
    Fut: Future<Output = Result<Vec<R>, StoreError>>,
{
    let (mut records, mut limit) = (Vec::new(), wanted);
    loop {
        let rows = read(after.clone(), limit).await?;
        let is_all = rows.len() < limit;
        let last = rows.last().map(&place);
        records.append(&mut skip_corrupt(rows.into_iter().map(T::try_from))?);
        match last {
            // A row may stand beyond what a place can tell, such as an infinite instant. What follows it does so, too.
            Some(last) if !is_all && records.len() < wanted && last != after => {
                after = last;
                limit = limit.max((limit * 2).min(MAX_ROWS));
            }
            _ => {
                records.truncate(wanted);
                return Ok(records);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A number that is a record unless it is negative.
    #[derive(Debug, PartialEq)]
    struct Record(i64);

    impl TryFrom<i64> for Record {
        type Error = StoreError;

        fn try_from(row: i64) -> Result<Self, StoreError> {
            if row < 0 { Err(StoreError::corrupt("a test")) } else { Ok(Self(row)) }
        }
    }

    /// Reads `rows`, whose places are their absolute values, up to the one that no place goes beyond.
    async fn read(rows: &[i64], wanted: usize, last_place: i64) -> (Vec<i64>, Vec<i64>) {
        let asked = RefCell::new(Vec::new());
        let page = read_full_page::<i64, Record, _, _, _>(
            wanted,
            0,
            |after, limit| {
                asked.borrow_mut().push(after);
                let rows = rows.iter().copied().filter(|row| row.abs() > after || row.abs() > last_place);
                std::future::ready(Ok(rows.take(limit).collect()))
            },
            |row| row.abs().min(last_place),
        );
        let records = page.await.unwrap().into_iter().map(|record| record.0).collect();
        (records, asked.into_inner())
    }

    #[tokio::test]
    async fn rows_that_cannot_be_decoded_are_passed_from_where_they_stand() {
        assert_eq!(read(&[1, 2, 3], 2, 9).await, (vec![1, 2], vec![0]));
        assert_eq!(read(&[-1, -2, -3, -4, 5, -6, 7, 8], 2, 9).await, (vec![5, 7], vec![0, 2, 6]));
        assert_eq!(read(&[-1, -2, 3], 2, 9).await, (vec![3], vec![0, 2]));
        assert_eq!(read(&[-1, -2], 2, 9).await, (vec![], vec![0, 2]));
    }

    #[tokio::test]
    async fn rows_beyond_every_place_are_the_end() {
        assert_eq!(read(&[1, -10, -11, -12, -13, -14], 2, 9).await, (vec![1], vec![0, 9]));
    }
}
