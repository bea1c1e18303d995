//! Tests that PostgreSQL reads every page along an index: no scan of a table, no sort but of what is a page or few.

#[path = "../tests/it/database.rs"]
mod database;

use std::collections::BTreeSet;
use std::sync::Arc;

use provesi_core::{
    Actor, ClientId, ClientWrite, Direction, MatchRank, NumberPart, Order, OrderFilter, OrderId, OrderListing,
    OrderPosition, OrderSort, OrderState, OrderStatus, OrderWrite, Period, ReturnDate, Stamp, StoreAdmin, Stored,
    Timestamp,
};
use provesi_testkit::data::with;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Executor, PgConnection};

use crate::PgStore;
use crate::clients::{page_text, search_text};
use crate::commit::{Statement as WriteStatement, Write};
use crate::orders::{Statement, WITH_CLIENT_BY_ID, WITH_CLIENT_BY_NUMBER};
use crate::{grams, sql};
use database::{Database, Kept, database};

const SORTS: [OrderSort; 4] = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// With so many rows that scanning them would not pay, as the planner knows.
static FILLED: Kept<Database> = Kept::new();

async fn filled() -> Option<Database> {
    let database = database().await?;
    let store = PgStore::open(database.url(), 1).unwrap();
    store.migrate().await.unwrap();
    let mut connection = store.pool().acquire().await.unwrap().detach();
    connection
        .execute(
            "SET statement_timeout = 0; \
             INSERT INTO orders_order \
                 (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
             SELECT 'Ord-' || n, lpad(to_hex(n % 2000), 24, '0'), \
                 ('{received,picking,packing,shipped,delivered,returned,cancelled}'::text[])[1 + n % 7], \
                 CASE WHEN n % 7 = 5 THEN 'roto' END, CASE WHEN n % 7 = 5 THEN now() - n * interval '1 s' END, \
                 now() - n * interval '1 s', now() - n * interval '2 s' \
             FROM generate_series(1, 30000) AS n; \
             INSERT INTO provesi_clients \
                 (id, name, name_key, name_search, email, email_folded, email_search, created_at, updated_at) \
             SELECT lpad(to_hex(n), 24, '0'), n, n::text::bytea, n, n, n, n, now(), now() \
             FROM generate_series(1, 20000) AS n; \
             INSERT INTO provesi_order_events (order_id, order_number, at, actor, detail) \
             SELECT id, order_number, now(), 'anonymous', '{}' FROM orders_order; \
             INSERT INTO provesi_entries (kind, name, value, due_at) \
             SELECT 'answer', n, '{}', now() + n * interval '1 s' FROM generate_series(1, 20000) AS n; \
             INSERT INTO provesi_audit (sequence, at, actor, action, outcome, fields, hash) \
             SELECT n, now() + n * interval '1 s', 'anonymous', 'order_read', 'done', '{}', decode(repeat('00', 32), 'hex') \
             FROM generate_series(1, 20000) AS n; \
             INSERT INTO provesi_audit_subjects (sequence, at, subject) \
             SELECT sequence, at, 'order:ord-' || sequence % 1000 FROM provesi_audit",
        )
        .await
        .unwrap();
    connection.execute("VACUUM (ANALYZE)").await.unwrap();
    Some(database)
}

struct Planner {
    connection: PgConnection,
    _database: Arc<Database>,
}

impl Planner {
    /// None where PostgreSQL is left out of the tests.
    async fn new() -> Option<Self> {
        let database = FILLED.get(filled).await?;
        let store = PgStore::open(database.url(), 1).unwrap();
        let connection = store.pool().acquire().await.unwrap().detach();
        Some(Self { connection, _database: database })
    }

    async fn plan(&mut self, text: &str, arguments: PgArguments) -> String {
        let text = format!("EXPLAIN (COSTS OFF) {text}");
        let lines: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(text.clone()), arguments)
            .persistent(false)
            .fetch_all(&mut self.connection)
            .await
            .unwrap_or_else(|error| panic!("{error}: {text}"));
        lines.join("\n")
    }

    async fn plan_of(&mut self, listing: &OrderListing, place: Option<&OrderPosition>) -> String {
        let statement = Statement::page(listing, place, 51).unwrap();
        self.plan(&statement.text, statement.arguments).await
    }
}

/// Somewhere in the middle.
fn place(sort: OrderSort, came_back: bool) -> OrderPosition {
    let at = provesi_core::Clock::now(&provesi_core::SystemClock);
    let at = Timestamp::from_micros(at.micros() - 15_000_000_000).unwrap();
    let id = OrderId::new(15_000);
    match sort {
        OrderSort::UpdatedAt => OrderPosition::UpdatedAt { at, id },
        OrderSort::CreatedAt => OrderPosition::CreatedAt { at, id },
        OrderSort::ReturnedAt => {
            let returned_at = if came_back { ReturnDate::At(at) } else { ReturnDate::NotReturned };
            OrderPosition::ReturnedAt { returned_at, updated_at: at, id }
        }
        _ => OrderPosition::Number { folded: "ord-2".to_owned(), id },
    }
}

fn listing(
    sort: OrderSort,
    direction: Direction,
    statuses: &[OrderStatus],
    client_id: Option<ClientId>,
) -> OrderListing {
    let filter =
        OrderFilter { statuses: BTreeSet::from_iter(statuses.iter().copied()), client_id, ..OrderFilter::default() };
    OrderListing::new(filter, sort, direction)
}

#[tokio::test]
async fn every_page_is_a_walk_along_an_index() {
    let Some(mut planner) = Planner::new().await else { return };
    let some = [OrderStatus::Packing, OrderStatus::Returned, OrderStatus::Cancelled];
    for sort in SORTS {
        for direction in DIRECTIONS {
            for statuses in [&[][..], &some[..1], &some[1..2], &some[..2], &some, &OrderStatus::ALL] {
                let listing = listing(sort, direction, statuses, None);
                for place in [None, Some(place(sort, false)), Some(place(sort, true))] {
                    let plan = planner.plan_of(&listing, place.as_ref()).await;
                    if plan.contains("One-Time Filter: false") {
                        // Before a return there is nothing that did not come back.
                        continue;
                    }
                    let case = format!("{listing:?} {place:?}:\n{plan}");
                    assert!(!plan.contains("Seq Scan"), "{case}");
                    // What is sorted is pages that are put together, never what one walk finds.
                    let is_one_walk = plan.matches("provesi_orders").count() <= 1;
                    assert!(!(is_one_walk && plan.contains("Sort")), "{case}");
                    let walks = plan.matches("Index Scan").count();
                    assert_eq!(plan.matches("Limit").count(), if walks > 1 { walks + 1 } else { 1 }, "{case}");
                    assert!(!plan.contains("Filter:"), "{case}");
                    if place.is_some() && sort == OrderSort::UpdatedAt {
                        assert!(plan.contains("Index Cond") && plan.contains("ROW("), "{case}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn returns_of_a_period_are_a_range_of_an_index() {
    let Some(mut planner) = Planner::new().await else { return };
    let mut listing = OrderListing::returns();
    listing.filter.returned = Period { from: Some(Timestamp::MIN), until: Some(Timestamp::MAX) };
    for place in [None, Some(place(OrderSort::ReturnedAt, true))] {
        let plan = planner.plan_of(&listing, place.as_ref()).await;
        assert!(plan.contains("provesi_orders_return_date") && plan.contains("Index Cond"), "{plan}");
        assert!(!plan.contains("Filter:") && !plan.contains("Sort"), "{plan}");
        // The later end of the period, or the place within it.
        assert_eq!((plan.matches(" >= ").count(), plan.matches(" < ").count()), (1, 1), "{plan}");
        assert_eq!(plan.contains("ROW("), place.is_some(), "{plan}");
    }
}

/// A client's orders, by the latest change: from the oldest, where another index would be a walk past all others.
#[tokio::test]
async fn the_orders_of_a_client_are_a_walk_by_the_latest_change() {
    let Some(mut planner) = Planner::new().await else { return };
    let client = Some("00000000000000000000000a".parse().unwrap());
    for direction in DIRECTIONS {
        for statuses in [&[][..], &[OrderStatus::Packing, OrderStatus::Shipped]] {
            let listing = listing(OrderSort::UpdatedAt, direction, statuses, client);
            let plan = planner.plan_of(&listing, Some(&place(OrderSort::UpdatedAt, false))).await;
            assert!(
                plan.contains("using provesi_orders_client") || plan.contains("on provesi_orders_client"),
                "{plan}"
            );
            assert_eq!(plan.matches("Index").count(), 2, "{plan}");
        }
    }
}

/// The index along which a search walks.
fn walked(sort: OrderSort, statuses: &[OrderStatus]) -> &'static [&'static str] {
    match (sort, statuses.is_empty()) {
        (OrderSort::UpdatedAt, true) => &["provesi_orders_updated"],
        (OrderSort::UpdatedAt, false) => &["provesi_orders_status_updated"],
        (OrderSort::CreatedAt, true) => &["provesi_orders_created"],
        (OrderSort::CreatedAt, false) => &["provesi_orders_status_created"],
        (OrderSort::ReturnedAt, true) => &["provesi_orders_return_date", "provesi_orders_status_updated"],
        (OrderSort::ReturnedAt, false) => &["provesi_orders_status_updated"],
        (_, true) => &["provesi_orders_number"],
        (_, false) => &["provesi_orders_number_in_status"],
    }
}

#[tokio::test]
async fn a_search_among_orders_is_walks_along_the_index_of_the_sort_and_a_lookup() {
    let Some(mut planner) = Planner::new().await else { return };
    let client: Option<ClientId> = Some("00000000000000000000000a".parse().unwrap());
    let parts = ["z", "zz", "z-z", "29871", "9", "99"].map(Some);
    let searches = parts.into_iter().flat_map(|part| [(part, None), (part, client)]).chain([(None, client)]);
    let statuses = [&[][..], &[OrderStatus::Packing], &[OrderStatus::Packing, OrderStatus::Shipped]];
    for ((part, client), statuses) in searches.flat_map(|search| statuses.map(|statuses| (search, statuses))) {
        for sort in SORTS {
            let is_walk_of_client = client.is_some() && sort == OrderSort::UpdatedAt;
            if is_walk_of_client && part.is_none() {
                continue;
            }
            let mut listing = listing(sort, Direction::Descending, statuses, client);
            listing.filter.number_part = part.map(|part| NumberPart::parse(part).unwrap());
            for place in [None, Some(place(sort, false))] {
                let plan = planner.plan_of(&listing, place.as_ref()).await;
                assert!(!plan.contains("Seq Scan"), "{listing:?}\n{plan}");
                // A client's orders, few as they are here, may be sorted instead.
                for index in if is_walk_of_client { &[] } else { walked(sort, statuses) } {
                    assert!(plan.contains(&format!("using {index} ")), "{index} {listing:?}\n{plan}");
                }
                let lookups =
                    [(part.is_some(), "on provesi_orders_grams"), (client.is_some(), "provesi_orders_client")];
                for (is_asked, lookup) in lookups {
                    assert_eq!(plan.contains(lookup), is_asked, "{lookup} {listing:?}\n{plan}");
                }
            }
        }
    }
}

/// The values of a page of clients that match `text`, after a place in the middle.
fn values_of_clients(text: &str) -> PgArguments {
    let mut arguments = PgArguments::default();
    arguments.add(51_i64).unwrap();
    arguments.add(&b"3000"[..]).unwrap();
    arguments.add("00000000000000000000000a").unwrap();
    arguments.add(sql::containing(text)).unwrap();
    arguments.add(sql::containing(text)).unwrap();
    arguments.add(sql::starting_with(text)).unwrap();
    arguments.add(4_000_i64).unwrap();
    for mark in ["\n", "\t", ""] {
        arguments.add(grams::having(&format!("{mark}{text}"))).unwrap();
    }
    arguments
}

#[tokio::test]
async fn clients_are_a_walk_along_their_names() {
    let Some(mut planner) = Planner::new().await else { return };
    for direction in DIRECTIONS {
        for placed in [false, true] {
            let plan = planner.plan(&page_text(direction, placed), values_of_clients("4321")).await;
            assert!(plan.contains("provesi_clients_name") && !plan.contains("Sort"), "{plan}");
            assert_eq!(plan.contains("ROW(name_key, id)"), placed, "{plan}");
        }
    }
}

#[tokio::test]
async fn a_search_among_clients_is_walks_along_their_names_and_lookups() {
    let Some(mut planner) = Planner::new().await else { return };
    for text in ["4", "z", "43", "zz", "4321", "nadie"] {
        for direction in DIRECTIONS {
            for place in [None].into_iter().chain(MatchRank::ALL.map(Some)) {
                let plan = planner.plan(&search_text(direction, place), values_of_clients(text)).await;
                assert!(!plan.contains("Seq Scan"), "{text} {place:?}\n{plan}");
                let walks = plan.matches("using provesi_clients_name ").count();
                let lookups = plan.matches("on provesi_clients_grams").count();
                assert!(walks > 0 && walks == lookups, "{text} {place:?}\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn every_other_statement_is_a_lookup() {
    let Some(mut planner) = Planner::new().await else { return };
    // Whatever the values are: that is how a statement is planned that is kept prepared for long.
    planner.connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let reads =
        [crate::entries::READS, crate::orders::READS, crate::clients::READS, crate::events::READS, crate::audit::READS];
    let writes = [OrderWrite::TEXTS, ClientWrite::TEXTS];
    for text in reads.into_iter().flatten().chain(writes.into_iter().flatten()) {
        planner.connection.execute(AssertSqlSafe(format!("PREPARE asked AS {text}"))).await.unwrap();
        let nulls = vec!["NULL"; text.matches('$').count().min(3)];
        // Names of parameters may be there twice: as many NULLs as PostgreSQL counts.
        let count: i32 = sqlx::query_scalar(
            "SELECT cardinality(parameter_types)::int FROM pg_prepared_statements WHERE name = 'asked'",
        )
        .fetch_one(&mut planner.connection)
        .await
        .unwrap();
        let nulls = nulls.iter().cycle().take(usize::try_from(count).unwrap()).copied().collect::<Vec<_>>().join(", ");
        let text_of_plan = format!("EXPLAIN (COSTS OFF) EXECUTE asked({nulls})");
        let lines: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(text_of_plan)).fetch_all(&mut planner.connection).await.unwrap();
        let plan = lines.join("\n");
        assert!(!plan.contains("Seq Scan"), "{text}:\n{plan}");
        planner.connection.execute("DEALLOCATE asked").await.unwrap();
    }
}

#[tokio::test]
async fn a_whole_batch_of_orders_finds_its_clients_by_their_ids() {
    let Some(mut planner) = Planner::new().await else { return };
    let ids: Vec<i64> = (0..256).map(|n| 1 + n * 100).collect();
    let numbers: Vec<String> = ids.iter().map(|id| format!("ord-{id}")).collect();
    let (mut by_id, mut by_number) = (PgArguments::default(), PgArguments::default());
    by_id.add(ids).unwrap();
    by_number.add(numbers).unwrap();
    for (text, keys) in [(WITH_CLIENT_BY_ID.many, by_id), (WITH_CLIENT_BY_NUMBER.many, by_number)] {
        let plan = planner.plan(text, keys).await;
        assert!(plan.contains("provesi_clients_pkey"), "{plan}");
        assert!(!["Seq Scan on provesi_clients", "Hash", "Merge"].iter().any(|way| plan.contains(way)), "{plan}");
    }
}

/// Orders with ids from 1 on, as they might have been read.
fn stored(count: i64) -> Vec<Stored<Order>> {
    let orders = (1..=count).map(|id| {
        Order::builder()
            .id(OrderId::new(id))
            .number(format!("Ord-{id}").parse().unwrap())
            .state(OrderState::restore(OrderStatus::Received, None))
            .created_at(Timestamp::MIN)
            .updated_at(Timestamp::MIN)
            .build()
    });
    orders.map(Stored::from).collect()
}

#[tokio::test]
async fn a_large_batch_never_compares_each_row_with_each_other() {
    let Some(mut planner) = Planner::new().await else { return };
    let stamp = Stamp { at: Timestamp::MIN, actor: Actor::Anonymous, address: None };
    let replace = |before: &Stored<Order>| {
        let content = with(before.record.clone().unwrap(), |it| it.client_id = Some(ClientId::from_bytes([7; 12])));
        let after = before.with_content(content, Timestamp::MIN).unwrap();
        OrderWrite::replace(before.clone(), after, stamp.clone())
    };
    let stored = stored(1_000);
    let replacements: Vec<_> = stored.iter().map(replace).collect();
    let deletions: Vec<_> = stored.iter().map(|before| OrderWrite::delete(before.clone(), stamp.clone())).collect();
    for writes in [replacements, deletions] {
        let statement = WriteStatement::of(&writes.iter().collect::<Vec<_>>(), true).unwrap();
        let mut arguments = statement.arguments;
        arguments.add(None::<String>).unwrap();
        let plan = planner.plan(statement.text, arguments).await;
        // What compares the columns of a row with what was read is not what joins them.
        let mut filters = plan.lines().filter(|line| line.contains("Join Filter: "));
        assert!(filters.all(|line| line.contains("Join Filter: COALESCE")), "{plan}");
    }
}
