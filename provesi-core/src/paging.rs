//! Keyset pages: a limit, a cursor that says where to go on, and nothing that grows with the list.

use std::future::Future;
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Direction, Field, Invalid, Rule, StoreError};

/// How many items a page may have: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The largest page.
    pub const MAX: Self = Self(1_000);

    /// A page of at most `limit` items.
    ///
    /// # Errors
    /// [`Rule::Range`] outside 1 to 1,000.
    pub fn new(limit: u32) -> Result<Self, Invalid> {
        u16::try_from(limit)
            .ok()
            .filter(|limit| (1..=Self::MAX.0).contains(limit))
            .map(Self)
            .ok_or(Invalid::new(Field::Limit, Rule::Range { min: 1, max: Self::MAX.0.into() }))
    }

    /// The limit.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Which page: how many items at most, after which place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest<C> {
    /// The most items.
    pub limit: PageLimit,
    /// The place after which the page starts; none for the first page.
    pub after: Option<C>,
}

impl<C> PageRequest<C> {
    /// The first page of at most `limit` items.
    #[must_use]
    pub const fn first(limit: PageLimit) -> Self {
        Self { limit, after: None }
    }

    /// The page of at most `limit` items after `cursor`.
    #[must_use]
    pub const fn after(limit: PageLimit, cursor: C) -> Self {
        Self { limit, after: Some(cursor) }
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items, in the listing's order.
    pub items: Vec<T>,
    /// Where the next page starts; none where no item follows.
    pub next: Option<C>,
    /// Whether the store stopped looking before it had a full page or had seen all there is, since that would have taken
    /// too long. The items are then those that were found until then, maybe none, and [`next`](Self::next) is where to
    /// look on.
    pub stopped_early: bool,
}

impl<T, C> Page<T, C> {
    /// The page of `limit` items out of those that a store read, one more than the limit where there was one more:
    /// how a store learns whether a page follows without counting.
    pub fn from_one_more(mut items: Vec<T>, limit: PageLimit, cursor: impl FnOnce(&T) -> C) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next, stopped_early: false }
    }

    /// The page of the items that were found until the store stopped looking, at `next`.
    pub const fn stopped_early(items: Vec<T>, next: C) -> Self {
        Self { items, next: Some(next), stopped_early: true }
    }

    /// The same page of other items, which stand for these.
    pub fn with_items<U>(self, items: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U, C> {
        Page { items: items(self.items), next: self.next, stopped_early: self.stopped_early }
    }
}

/// The page of `request` out of all rows of a listing, in the order of `key`, which no two have alike. `after` is the place
/// that the page starts after.
pub(crate) fn page_of<T, K: Ord, C>(
    rows: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
    direction: Direction,
    after: Option<&K>,
    limit: PageLimit,
    cursor: impl FnOnce(&T) -> C,
) -> Page<T, C> {
    let compare = |a: &K, b: &K| direction.apply(a.cmp(b));
    let rows = rows.into_iter().map(|row| (key(&row), row));
    let mut rows: Vec<_> = rows.filter(|(key, _)| after.is_none_or(|after| compare(key, after).is_gt())).collect();
    let wanted = limit.get() + 1;
    if rows.len() > wanted {
        // Only what is on the page need be sorted.
        rows.select_nth_unstable_by(wanted, |(a, _), (b, _)| compare(a, b));
        rows.truncate(wanted);
    }
    rows.sort_unstable_by(|(a, _), (b, _)| compare(a, b));
    Page::from_one_more(rows.into_iter().map(|(_, row)| row).collect(), limit, cursor)
}

/// A stream that borrows nothing.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send + 'static>>;

/// All pages of a listing, one after the other, as `fetch` gets them. An error ends the stream.
pub fn stream_pages<T, C, E, F, Fut>(fetch: F) -> BoxStream<Result<Vec<T>, E>>
where
    T: Send + 'static,
    C: Send + 'static,
    E: Send + 'static,
    F: Fn(Option<C>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Page<T, C>, E>> + Send + 'static,
{
    // The outer option: whether a page follows; the inner one: after which place.
    stream::try_unfold((Some(None), fetch), |(next, fetch)| async move {
        let Some(cursor) = next else { return Ok(None) };
        let page = fetch(cursor).await?;
        Ok(Some((page.items, (page.next.map(Some), fetch))))
    })
    .boxed()
}

/// All items of a listing, read page by page as `fetch` gets them: how a store streams in constant memory without
/// holding a connection between pages. An error ends the stream.
pub fn stream_items<T, C, F, Fut>(fetch: F) -> BoxStream<Result<T, StoreError>>
where
    T: Send + 'static,
    C: Send + 'static,
    F: Fn(Option<C>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Page<T, C>, StoreError>> + Send + 'static,
{
    stream_pages(fetch).map_ok(|items| stream::iter(items).map(Ok)).try_flatten().boxed()
}

/// The longest text of a cursor, in bytes.
const MAX_CURSOR_BYTES: usize = 2_048;

/// The version of the form of cursors: one of another version is invalid, and never misread.
const CURSOR_VERSION: u8 = 2;

pub(crate) fn encode_cursor(cursor: &impl Serialize) -> String {
    // Cursors are plain structs of texts and numbers, which serde_json cannot fail to write.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(CURSOR_VERSION, cursor)).unwrap_or_default())
}

pub(crate) fn decode_cursor<C: DeserializeOwned>(text: &str) -> Result<C, StoreError> {
    if text.len() > MAX_CURSOR_BYTES {
        return Err(StoreError::InvalidCursor);
    }
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| StoreError::InvalidCursor)?;
    match serde_json::from_slice(&json) {
        Ok((CURSOR_VERSION, cursor)) => Ok(cursor),
        _ => Err(StoreError::InvalidCursor),
    }
}

/// A short mark of what a cursor belongs to, over its JSON form. It finds mistakes, not attacks: a cursor holds no secret.
pub(crate) fn fingerprint(listing: &impl Serialize) -> u64 {
    let mut hash = Fnv::new();
    hash.write(&serde_json::to_vec(listing).unwrap_or_default());
    hash.0
}

/// 64-bit FNV-1a: the same on every machine and in every release, which std's hasher does not promise.
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, step);
    }

    /// Both halves of the hash in one.
    pub(crate) const fn folded(&self) -> u32 {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_1_to_1000() {
        assert!(PageLimit::new(0).is_err() && PageLimit::new(1_001).is_err() && PageLimit::new(u32::MAX).is_err());
        assert_eq!(PageLimit::new(1).unwrap().get(), 1);
        assert_eq!(PageLimit::new(1_000).unwrap(), PageLimit::MAX);
    }

    #[test]
    fn a_page_has_a_next_only_where_an_item_follows() {
        let limit = PageLimit::new(2).unwrap();
        let page = Page::from_one_more(vec![1, 2, 3], limit, |&last| last);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(2)));
        let page = Page::from_one_more(vec![1, 2], limit, |&last| last);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        assert_eq!(Page::from_one_more(Vec::<i32>::new(), limit, |&last| last).next, None);
    }
}
