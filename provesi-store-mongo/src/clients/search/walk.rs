//! The walk along the names, for what no index finds: a slice of them at a time, until the time is over.

use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use provesi_core::{ClientId, ClientName, ClientPosition, Direction, MatchRank, StoreError};

use super::{Search, bounds};
use crate::collations;
use crate::error::store_error;

/// The largest slice: a command for it is still far from the limit of a call.
const MAX_SLICE: usize = 16_000;

impl Search<'_> {
    /// Keeps what passes `filter` and is listed among `rank`. Where the time was over before the page was full or the
    /// names at their end, the place up to which it looked: at least one slice further.
    pub(super) async fn walk(
        &mut self,
        rank: MatchRank,
        from: Option<&ClientPosition>,
        filter: &Document,
    ) -> Result<Option<ClientPosition>, StoreError> {
        let (mut from, mut size) = (from.cloned(), self.store.search_slice);
        loop {
            let began = Instant::now();
            let last = self.last_of_slice(from.as_ref(), size).await?;
            let slice = bounds::slice(from.as_ref(), last.as_deref(), self.direction);
            let documents = self.find(bounds::passing(slice, filter), None).await?;
            self.take(documents, rank).await?;
            let Some(last) = last.filter(|_| !self.is_full()) else { return Ok(None) };
            // All who have that name were looked at.
            let place = ClientPosition { rank: Some(rank), name: last, id: last_id(self.direction) };
            let left = self.until.saturating_duration_since(Instant::now());
            match next_size(size, self.store.search_slice, began.elapsed(), left) {
                Some(next) => size = next,
                None => return Ok(Some(place)),
            }
            from = Some(place);
        }
    }

    /// The name with which a slice of `size` names ends; none where fewer follow. A name that no client can have does
    /// not count: it is not fit for a place, since it may be longer than a cursor.
    async fn last_of_slice(&self, from: Option<&ClientPosition>, size: usize) -> Result<Option<String>, StoreError> {
        let fit = doc! { "name": { "$regex": format!("^.{{1,{}}}$", ClientName::MAX_CHARS), "$options": "s" } };
        let slice = bounds::passing(bounds::slice(from, None, self.direction), &fit);
        let names = self.store.clients.clone_with_type::<Document>();
        let last = names.find_one(slice).collation(collations::names()).sort(bounds::order(self.direction));
        let last = last.skip(size as u64 - 1).projection(doc! { "_id": 0, "name": 1 }).max_time(self.store.time_limit);
        let last = last.await.map_err(store_error)?;
        Ok(last.and_then(|last| last.get_str("name").ok().map(str::to_owned)))
    }
}

/// The id after which nobody comes.
const fn last_id(direction: Direction) -> ClientId {
    match direction {
        Direction::Ascending => ClientId::from_bytes([0xff; 12]),
        Direction::Descending => ClientId::from_bytes([0; 12]),
    }
}

/// How large the next slice may be for it to be done in the time that is left, at the pace of the one before; none where
/// it would be smaller than the first.
fn next_size(size: usize, first: usize, took: Duration, left: Duration) -> Option<usize> {
    let in_time = u128::try_from(size).ok()? * left.as_micros() / took.as_micros().max(1);
    let in_time = usize::try_from(in_time).unwrap_or(usize::MAX);
    (in_time >= first).then(|| in_time.min(2 * size).min(MAX_SLICE.max(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_while_there_is_time_for_them() {
        let millis = Duration::from_millis;
        assert_eq!(next_size(500, 500, millis(2), millis(28)), Some(1_000), "no more than twice as large");
        assert_eq!(next_size(4_000, 500, millis(16), millis(6)), Some(1_500), "what the time allows");
        assert_eq!(next_size(500, 500, millis(2), millis(2)), Some(500));
        assert_eq!(next_size(1_500, 500, millis(6), millis(1)), None, "there is no time for the smallest");
        assert_eq!(next_size(500, 500, millis(40), Duration::ZERO), None);
        assert_eq!(next_size(16_000, 500, millis(1), Duration::from_secs(60)), Some(16_000));
        assert_eq!(next_size(1, 1, Duration::ZERO, Duration::MAX), Some(2));
    }
}
