//! Tests that SQLite reads every page along an index, whatever is in the tables: no scan of a table, no sort.

use std::collections::BTreeSet;

use provesi_core::{
    ClientId, Direction, NumberPart, OrderFilter, OrderId, OrderListing, OrderPosition, OrderSort, OrderStatus, Period,
    ReturnDate, StoreAdmin, Timestamp,
};
use sqlx::{AssertSqlSafe, Row};

use crate::SqliteStore;
use crate::clients::page_text;
use crate::orders::{Access, Statement};

const SORTS: [OrderSort; 4] = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];

struct Planner {
    store: SqliteStore,
    _dir: tempfile::TempDir,
}

impl Planner {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(dir.path().join("plans.db"), 1).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, _dir: dir }
    }

    async fn plan(&self, text: &str) -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
        let rows = self.store.readers.read(async |connection| query.fetch_all(connection).await).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error}: {text}"));
        rows.iter().map(|row| row.get::<String, _>("detail")).collect()
    }

    async fn plan_of(&self, listing: &OrderListing, access: &Access, place: Option<&OrderPosition>) -> Vec<String> {
        let statement = Statement::page(listing, access, place, 51).unwrap();
        self.plan(&statement.text).await
    }
}

fn place(sort: OrderSort) -> OrderPosition {
    let (at, id) = (Timestamp::from_micros(1).unwrap(), OrderId::new(1));
    match sort {
        OrderSort::UpdatedAt => OrderPosition::UpdatedAt { at, id },
        OrderSort::CreatedAt => OrderPosition::CreatedAt { at, id },
        OrderSort::ReturnedAt => OrderPosition::ReturnedAt { returned_at: ReturnDate::NotReturned, updated_at: at, id },
        _ => OrderPosition::Number { folded: "a".to_owned(), id },
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
    let planner = Planner::new().await;
    let some = [OrderStatus::Packing, OrderStatus::Returned, OrderStatus::Cancelled];
    for sort in SORTS {
        for direction in [Direction::Ascending, Direction::Descending] {
            for statuses in [&[][..], &some[..1], &some[..2], &some, &OrderStatus::ALL] {
                for part in [None, NumberPart::parse("7").ok()] {
                    let mut listing = listing(sort, direction, statuses, None);
                    listing.filter.number_part = part;
                    for place in [None, Some(place(sort))] {
                        let plan = planner.plan_of(&listing, &Access::Sort, place.as_ref()).await;
                        let case = format!("{listing:?} {place:?}: {plan:#?}");
                        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "a sort: {case}");
                        for step in plan.iter().filter(|step| step.contains("orders")) {
                            assert!(step.contains("USING INDEX orders_"), "{case}");
                            // Without a place and a status there is nothing to look up: the walk starts at the end.
                            let whole = place.is_none() && !step.contains("orders_status");
                            assert_eq!(step.starts_with("SCAN"), whole, "{case}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_is_looked_up_with_all_its_columns() {
    // Many orders may have one instant, after an import: a walk must not start at the first of them.
    let planner = Planner::new().await;
    for (sort, statuses, bounds) in [
        (OrderSort::UpdatedAt, &[][..], "(updated_at,rowid)<(?,?)"),
        (OrderSort::CreatedAt, &[][..], "(created_at,rowid)<(?,?)"),
        (OrderSort::UpdatedAt, &[OrderStatus::Packing][..], "status=? AND (updated_at,rowid)<(?,?)"),
        (OrderSort::ReturnedAt, &[OrderStatus::Returned][..], "status=? AND (returned_key,updated_at,rowid)<(?,?,?)"),
    ] {
        let listing = listing(sort, Direction::Descending, statuses, None);
        let plan = planner.plan_of(&listing, &Access::Sort, Some(&place(sort))).await;
        assert!(plan.len() == 1 && plan[0].contains(bounds), "{plan:?}");
    }
}

#[tokio::test]
async fn returns_of_a_period_are_a_range_and_a_cursor_is_one_of_its_ends() {
    let planner = Planner::new().await;
    let mut listing = OrderListing::returns();
    listing.filter.returned = Period { from: Some(Timestamp::MIN), until: Some(Timestamp::MAX) };
    for (place, bounds) in [
        (None, "(status=? AND returned_key>? AND returned_key<?)"),
        (
            Some(place(OrderSort::ReturnedAt)),
            "(status=? AND returned_key>? AND (returned_key,updated_at,rowid)<(?,?,?))",
        ),
    ] {
        let plan = planner.plan_of(&listing, &Access::Sort, place.as_ref()).await;
        assert!(plan.len() == 1 && plan[0].contains(bounds), "{plan:?}");
    }
}

#[tokio::test]
async fn the_orders_of_a_client_are_a_walk_by_the_latest_change_and_few_to_sort_otherwise() {
    let planner = Planner::new().await;
    let client = Some(ClientId::from_bytes([1; 12]));
    for sort in SORTS {
        let listing = listing(sort, Direction::Descending, &[OrderStatus::Packing, OrderStatus::Shipped], client);
        let plan = planner.plan_of(&listing, &Access::Client, Some(&place(sort))).await;
        assert!(plan[0].starts_with("SEARCH orders USING INDEX orders_client_updated (client_id=?"), "{plan:?}");
        if sort == OrderSort::UpdatedAt {
            assert!(plan[0].contains("(client_id=? AND (updated_at,rowid)<(?,?))"), "{plan:?}");
        }
        let sorted = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert_eq!(sorted, sort != OrderSort::UpdatedAt, "{plan:?}");
    }
    let listing = listing(OrderSort::Number, Direction::Ascending, &[], None);
    let plan = planner.plan_of(&listing, &Access::Ids("[]".to_owned()), None).await;
    assert!(plan[0].starts_with("SEARCH orders USING INTEGER PRIMARY KEY"), "{plan:?}");
}

#[tokio::test]
async fn clients_are_a_walk_along_their_names() {
    let planner = Planner::new().await;
    for direction in [Direction::Ascending, Direction::Descending] {
        for placed in [false, true] {
            let plan = planner.plan(&page_text(direction, placed, false)).await;
            assert_eq!(plan.len(), 1, "{plan:?}");
            assert!(plan[0].contains("INDEX clients_name"), "{plan:?}");
            assert_eq!(plan[0].contains("(name_key,id)"), placed, "{plan:?}");
            // What the page does not show is read from the index alone.
            let plan = planner.plan(&page_text(direction, placed, true)).await;
            assert!(plan.contains(&"SCAN clients USING COVERING INDEX clients_name".to_owned()), "{plan:?}");
            assert!(plan.contains(&"SEARCH clients USING INTEGER PRIMARY KEY (rowid=?)".to_owned()), "{plan:?}");
            assert_eq!(plan.iter().filter(|step| step.contains(" clients ")).count(), 2, "{plan:?}");
        }
    }
}

#[tokio::test]
async fn every_other_read_is_a_lookup() {
    let planner = Planner::new().await;
    for text in crate::orders::READS
        .iter()
        .chain(crate::entries::READS)
        .chain(crate::clients::READS)
        .chain(crate::events::READS)
        .chain(crate::audit::READS)
    {
        let plan = planner.plan(text).await;
        for step in &plan {
            assert!(!step.starts_with("SCAN orders") && !step.starts_with("SCAN clients"), "{text}: {plan:?}");
            assert!(!step.starts_with("SCAN entries"), "{text}: {plan:?}");
            assert!(!step.starts_with("SCAN order_events") && !step.starts_with("SCAN audit"), "{text}: {plan:?}");
            assert!(!step.contains("TEMP B-TREE"), "{text}: {plan:?}");
        }
    }
}
