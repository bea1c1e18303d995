//! What the cases share.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use provesi_core::{
    Client, ClientListing, ClientRepositoryExt, ClientRow, Order, OrderEvent, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderRow, Page, PageLimit, PageRequest, StoreError,
};

pub(super) use super::clients::Clients;
pub(super) type Orders = Arc<dyn OrderRepository>;

/// All pages of `limit` items, joined. Each is full but the last, which nothing follows.
async fn pages<T, C: Clone + Debug + PartialEq>(
    limit: u32,
    page: impl AsyncFn(PageRequest<C>) -> Result<Page<T, C>, StoreError>,
) -> Vec<T> {
    let limit = PageLimit::new(limit).expect("a limit");
    let (mut all, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = page(request.clone()).await.expect("a page");
        assert!(page.items.len() <= limit.get(), "a page of {limit:?} holds no more, got {}", page.items.len());
        let may_be_short = page.next.is_none() || page.stopped_early;
        assert!(
            may_be_short || page.items.len() == limit.get(),
            "a page before another is full or says that it stopped early: expected {limit:?}, got {}",
            page.items.len()
        );
        assert!(!page.stopped_early || page.next.is_some(), "who stopped early says where to look on");
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        assert_ne!(request.after.as_ref(), Some(&next), "the cursor of a page stands still");
        request = PageRequest::after(limit, next);
    }
}

/// Runs what only sets a case up: more at a time would be a test of how long a store lets callers wait.
pub(super) async fn a_few_at_a_time<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::stream::iter(all).buffered(64).collect().await
}

pub(super) async fn client_pages(store: &Clients, listing: &ClientListing, limit: u32) -> Vec<Client> {
    pages(limit, async |request| store.list(listing, &request).await).await
}

pub(super) async fn order_pages(store: &Orders, listing: &OrderListing, limit: u32) -> Vec<Order> {
    pages(limit, async |request| store.list(listing, &request).await).await
}

pub(super) async fn client_rows(store: &Clients, listing: &ClientListing, limit: u32) -> Vec<ClientRow> {
    pages(limit, async |request| store.page(listing, &request).await).await
}

pub(super) async fn order_rows(store: &Orders, listing: &OrderListing, limit: u32) -> Vec<OrderRow> {
    pages(limit, async |request| store.page(listing, &request).await).await
}

pub(super) async fn streamed_clients(store: &Clients, listing: &ClientListing) -> Vec<Client> {
    store.stream(listing).try_collect().await.expect("the clients of the listing")
}

pub(super) async fn streamed_orders(store: &Orders, listing: &OrderListing) -> Vec<Order> {
    store.stream(listing).try_collect().await.expect("the orders of the listing")
}

pub(super) async fn all_clients(store: &Clients) -> Vec<Client> {
    streamed_clients(store, &ClientListing::default()).await
}

pub(super) async fn all_orders(store: &Orders) -> Vec<Order> {
    streamed_orders(store, &OrderListing::default()).await
}

pub(super) async fn all_events(store: &Orders) -> Vec<OrderEvent> {
    let mut events: Vec<OrderEvent> = Vec::new();
    loop {
        let after = events.last().map(|event| event.id);
        let more = store.feed(after, PageLimit::MAX).await.expect("the feed");
        if more.is_empty() {
            return events;
        }
        events.extend(more);
    }
}

/// The names of what happened to the order with this number.
pub(super) async fn story(store: &Orders, number: &str) -> Vec<&'static str> {
    let number = number.parse().expect("a number");
    let events = store.history(&number, None, PageLimit::MAX).await.expect("the history");
    events.iter().map(|event| event.kind.name()).collect()
}

/// What a failed case shows of a record: every column. `Debug` keeps texts out of logs.
pub(super) trait Columns {
    fn columns(&self) -> String;
}

fn json(row: &impl serde::Serialize) -> String {
    serde_json::to_string(row).expect("a row has a form in JSON")
}

impl Columns for ClientRow {
    fn columns(&self) -> String {
        json(self)
    }
}

impl Columns for Client {
    fn columns(&self) -> String {
        json(&ClientRow::from(self))
    }
}

impl Columns for OrderRow {
    fn columns(&self) -> String {
        json(self)
    }
}

impl Columns for Order {
    fn columns(&self) -> String {
        json(&OrderRow::from(self))
    }
}

/// Asserts that a store gave these records in this order, and shows the first that differs.
#[track_caller]
pub(super) fn assert_records<R: Columns + PartialEq>(got: &[R], expected: &[R], what: impl Debug) {
    let alike = got.iter().zip(expected).take_while(|(got, expected)| got == expected).count();
    let first = |records: &[R]| records.get(alike).map_or_else(|| "nothing".to_owned(), Columns::columns);
    assert!(
        got == expected,
        "{what:?}: expected {} records, got {}; number {} differs\n  expected {}\n  got      {}",
        expected.len(),
        got.len(),
        alike + 1,
        first(expected),
        first(got)
    );
}

/// Asserts that a store gave this record, or that it gave none, and shows every column.
#[track_caller]
pub(super) fn assert_record<R: Columns + PartialEq>(got: Result<Option<R>, StoreError>, expected: Option<&R>) {
    let got = got.expect("the record is read");
    let shown = |record: Option<&R>| record.map_or_else(|| "none".to_owned(), Columns::columns);
    assert!(got.as_ref() == expected, "\n  expected {}\n  got      {}", shown(expected), shown(got.as_ref()));
}

/// Asserts that a call was refused with a meaning.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}
pub(super) use assert_refused;

/// The winners among results of which the others were told that the value is taken.
pub(super) fn winners<T: Debug>(results: Vec<Result<T, StoreError>>) -> Vec<T> {
    let won = |result| match result {
        Ok(value) => Some(value),
        Err(StoreError::AlreadyExists { .. }) => None,
        Err(other) => panic!("expected a success or AlreadyExists, got {other:?}"),
    };
    results.into_iter().filter_map(won).collect()
}

/// Fails a random case where the store's answer is not the reference store's.
pub(super) fn assert_same<T: Debug + PartialEq>(
    command: &impl Debug,
    ours: &Result<T, StoreError>,
    theirs: &Result<T, StoreError>,
) -> Result<(), TestCaseError> {
    let same = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(ours), Err(theirs)) => std::mem::discriminant(ours) == std::mem::discriminant(theirs),
        _ => false,
    };
    prop_assert!(same, "{command:?}\n  the store: {ours:?}\n  the reference store: {theirs:?}");
    Ok(())
}

/// Polls a call until it is done or waits for the `waits`th time, and drops it there: every place where a call may be
/// dropped half-way, whatever the speed of the store. A time-out cannot do it: the timer counts whole milliseconds.
pub(super) async fn drop_at_wait(waits: usize, call: impl Future) {
    let mut call = pin!(call);
    let mut left = waits;
    let polled = |context: &mut Context<'_>| {
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    };
    poll_fn(polled).await;
}

/// How many random cases there are, unless `PROVESI_TESTKIT_CASES` says.
const CASES: u32 = 48;

/// How long one random case may take, and how long it takes at most to shrink one that failed, in milliseconds:
/// together less than the time that a case of the suite has, which cannot end what blocks.
const RANDOM_TIMEOUT: Duration = Duration::from_secs(20);
const SHRINKING_MILLIS: u32 = 60_000;

/// Plays random cases, each on a store of its own, and shrinks one that fails to the least that fails.
pub(super) async fn check_random<S, F, Fut, T, G, P, Played>(strategy: S, fixture: F, play: P)
where
    S: Strategy,
    F: Fn() -> Fut,
    Fut: Future<Output = (T, G)>,
    P: Fn(T, S::Value) -> Played,
    Played: Future<Output = Result<(), TestCaseError>>,
{
    let cases = std::env::var("PROVESI_TESTKIT_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_time: SHRINKING_MILLIS, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let runtime = tokio::runtime::Handle::current();
    let result = tokio::task::block_in_place(|| {
        runner.run(&strategy, |commands| {
            let played = async {
                let (store, _guard) = fixture().await;
                play(store, commands).await
            };
            let in_time = runtime.block_on(async { tokio::time::timeout(RANDOM_TIMEOUT, played).await });
            in_time.unwrap_or_else(|_| Err(TestCaseError::fail(format!("no end within {RANDOM_TIMEOUT:?}"))))
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
