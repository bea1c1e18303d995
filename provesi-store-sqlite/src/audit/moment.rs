//! Moments: the position of a record in lists as one number, see the table `audit`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use provesi_core::{AuditRecord, StoreError, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::error::store_error;
use crate::sql;

/// The bits that distinguish the records of one millisecond.
const BITS: u32 = 15;

/// The greatest moment of each of these milliseconds.
pub(super) const LAST: &str = "\
    SELECT value, \
        (SELECT max(moment) FROM audit WHERE moment >= value << 15 AND moment < (value + 1) << 15) \
    FROM json_each(?1)";

/// The first moment of the millisecond of `at`.
pub(super) fn start(at: Timestamp) -> i64 {
    millis(at) << BITS
}

/// The last moment that is in use, by its millisecond.
pub(super) struct Moments(HashMap<i64, i64>);

impl Moments {
    /// Reads the moments in use in the milliseconds of `records`. The transaction must hold the write lock.
    pub(super) async fn read(connection: &mut SqliteConnection, records: &[AuditRecord]) -> Result<Self, StoreError> {
        let mut millis: Vec<i64> = records.iter().map(|record| millis(record.at)).collect();
        millis.sort_unstable();
        millis.dedup();
        let last: Vec<(i64, Option<i64>)> =
            sqlx::query_as(LAST).bind(sql::json(&millis)?).fetch_all(connection).await.map_err(store_error)?;
        Ok(Self(last.into_iter().filter_map(|(millis, last)| last.map(|last| (millis, last))).collect()))
    }

    /// The next moment of the millisecond of `at`.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if 32,768 are in use: the clock stands still.
    pub(super) fn next(&mut self, at: Timestamp) -> Result<i64, StoreError> {
        let millis = millis(at);
        let moment = match self.0.entry(millis) {
            Entry::Vacant(none) => *none.insert(millis << BITS),
            Entry::Occupied(mut last) => {
                *last.get_mut() += 1;
                *last.get()
            }
        };
        if moment >> BITS == millis {
            Ok(moment)
        } else {
            Err(StoreError::backend("more than 32,768 audit records in one millisecond"))
        }
    }
}

fn millis(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_the_order_of_instants_and_then_of_arrival() {
        let mut moments = Moments(HashMap::new());
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let made: Vec<i64> = [-1, 0, 999, 1_000].map(|micros| moments.next(at(micros)).unwrap()).into();
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        for whole in [Timestamp::MIN, at(0), Timestamp::MAX.to_millis()] {
            let moment = moments.next(whole).unwrap();
            assert_eq!((moment >> BITS) * 1_000, whole.micros());
            assert!(moment >= start(whole));
        }
    }

    #[test]
    fn a_full_millisecond_is_an_error_and_does_not_continue_in_the_next_one() {
        let mut moments = Moments(HashMap::new());
        let at = Timestamp::from_micros(5_000).unwrap();
        for _ in 0..1 << BITS {
            moments.next(at).unwrap();
        }
        assert!(matches!(moments.next(at), Err(StoreError::Backend { .. })));
    }
}
