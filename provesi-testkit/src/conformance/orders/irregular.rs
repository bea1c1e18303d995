//! Rows that break rules of the domain. No store writes them: the tests of a store plant them, as another program would.

use futures_util::TryStreamExt;
use provesi_core::{
    ClientId, Direction, EventKind, Expected, Field, Invalid, NumberPart, Order, OrderCount, OrderFields, OrderFilter,
    OrderGroup, OrderId, OrderKey, OrderListing, OrderNumber, OrderRepositoryExt, OrderRow, OrderSort, OrderState,
    OrderStatus, Period, Rule, StoreError, Stored, Version,
};

use crate::conformance::support::{
    Orders, all_events, assert_records, assert_refused, order_rows, story, streamed_orders,
};
use crate::data::{at, client_id, new_order, order_row, stamp, with};

/// A text of 24 characters that is no client id.
const NO_ID: &str = "no hex at all, 24 chars.";

/// Orders with the ids 1 to 8, two of them valid, and the rules that each breaks. None has an event.
fn orders() -> Vec<(OrderRow, Vec<Invalid>)> {
    let number = Invalid::new(Field::OrderNumber, Rule::NumberCharset);
    let client = Invalid::new(Field::ClientId, Rule::ObjectId);
    let status = Invalid::new(Field::Status, Rule::UnknownStatus);
    let seven = client_id(7).to_string();
    let rows = [
        ("B-1", Some(&*seven), "received", false, vec![]),
        ("A-1\n", Some(&*seven), "received", false, vec![number]),
        ("C-1", Some(NO_ID), "picking", false, vec![client]),
        ("D-1", Some(&*seven), "nonsense", false, vec![status]),
        ("a b", Some(NO_ID), "", false, vec![number, client, status]),
        ("Ñ-9", None, "returned", true, vec![number]),
        ("e-1", None, "RETURNED", true, vec![status]),
        ("Z-1", None, "returned", true, vec![]),
    ];
    let row = |(id, (number, client_id, status, is_return, faults)): (i64, (&str, Option<&str>, &str, bool, _))| {
        let row = with(order_row(id, number, status), |it| {
            it.client_id = client_id.map(str::to_owned);
            it.return_reason = is_return.then(|| "Llegó roto".to_owned());
            it.returned_at = is_return.then(|| at(id % 2));
            it.created_at = at(id * 3 % 8);
            it.updated_at = at(id * 5 % 8);
        });
        (row, faults)
    };
    (1..).zip(rows).map(row).collect()
}

/// The rows to plant.
#[must_use]
pub fn rows() -> Vec<OrderRow> {
    orders().into_iter().map(|(row, _)| row).collect()
}

fn order_listings() -> Vec<OrderListing> {
    let part = |text: &str| OrderFilter { number_part: NumberPart::parse(text).ok(), ..OrderFilter::default() };
    let filters = [
        OrderFilter::default(),
        OrderListing::of_client(client_id(7)).filter,
        OrderListing::returns().filter,
        OrderFilter { statuses: [OrderStatus::Received, OrderStatus::Picking].into(), ..OrderFilter::default() },
        OrderFilter { returned: Period { from: Some(at(0)), until: Some(at(1)) }, ..OrderFilter::default() },
        part("1"),
        part("-9"),
        OrderFilter { client_id: Some(client_id(7)), ..part("1") },
    ];
    let sorts = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];
    let ways = [Direction::Ascending, Direction::Descending];
    let sorted = sorts.into_iter().flat_map(|sort| ways.map(|way| (sort, way)));
    sorted.flat_map(|(sort, way)| filters.clone().map(|filter| OrderListing::new(filter, sort, way))).collect()
}

/// Every list has every order where it belongs, and what reads valid orders leaves the others out.
async fn assert_orders(store: &Orders, rows: &[OrderRow]) {
    for listing in order_listings() {
        let mut expected: Vec<_> = rows.iter().filter(|row| listing.has(row)).cloned().collect();
        expected.sort_by(|a, b| listing.compare(a, b));
        for limit in [1, 3, 1_000] {
            assert_records(&order_rows(store, &listing, limit).await, &expected, (limit, &listing));
        }
        let valid: Vec<_> = expected.iter().filter_map(|row| row.check().ok()).collect();
        assert_records(&streamed_orders(store, &listing).await, &valid, &listing);
        let expected = rows.iter().filter(|row| listing.filter.matches(row)).count();
        assert_eq!(store.count_all(&listing.filter).await.expect("counted"), expected as u64, "{listing:?}");
        for by in [OrderGroup::Status, OrderGroup::DayCreated { offset_minutes: -300 }] {
            let query = OrderCount::Orders { filter: listing.filter.clone(), by };
            assert_eq!(store.count(&query).await.expect("counted"), query.of(rows, []), "{query:?}");
        }
    }
    let names_seven = |row: &&OrderRow| row.client_id() == Ok(Some(client_id(7)));
    let count = rows.iter().filter(names_seven).count() as u64;
    assert_eq!(store.count_by_client(&[client_id(7)]).await.expect("counted")[&client_id(7)], count);
    let ids: Vec<ClientId> = store.stream_client_ids().try_collect().await.expect("the ids");
    assert_eq!(ids, if count > 0 { vec![client_id(7)] } else { Vec::new() });
}

async fn loaded(store: &Orders, id: OrderId) -> Stored<Order> {
    store.load(OrderKey::Id(id)).await.expect("read").expect("there")
}

/// The order with right values for what is wrong.
fn repaired(row: &OrderRow) -> Order {
    let status = row.status().unwrap_or(OrderStatus::Packing);
    Order::builder()
        .id(row.id)
        .number(OrderNumber::parse(&row.number).unwrap_or(format!("R-{}", row.id).parse().expect("a number")))
        .maybe_client_id(row.client_id().unwrap_or_default())
        .state(OrderState::restore(status, row.return_info()))
        .created_at(row.created_at)
        .updated_at(row.updated_at)
        .build()
}

pub async fn irregular_orders_are_listed_and_repaired(store: Orders) {
    let planted = orders();
    let mut rows = rows();
    assert_orders(&store, &rows).await;
    for (row, faults) in &planted {
        let stored = loaded(&store, row.id).await;
        assert_eq!((&stored.row, stored.faults()), (row, &faults[..]));
        match store.get(row.id).await {
            Ok(order) => assert_eq!(order, row.check().ok()),
            refused => assert!(!faults.is_empty() && matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}"),
        }
        let Ok(number) = OrderNumber::parse(&row.number.to_ascii_uppercase()) else { continue };
        assert_eq!(store.load(number.into()).await.expect("read"), Some(stored));
    }

    // What is refused changes nothing.
    for (row, _) in &planted {
        let stale = Version::of_none().into();
        assert_refused!(store.update(&repaired(row), stale, &stamp(20)).await, StoreError::VersionConflict);
        assert_refused!(store.delete(row.id, stale, &stamp(20)).await, StoreError::VersionConflict);
    }
    let taken = with(repaired(&rows[3]), |it| it.number = "b-1".parse().expect("a number"));
    assert_refused!(store.update(&taken, Expected::Any, &stamp(20)).await, StoreError::AlreadyExists { .. });
    assert_eq!(all_events(&store).await, []);
    assert_orders(&store, &rows).await;

    // Irregular orders keep the client, and do not keep the others from losing it.
    assert_eq!(store.detach_client(client_id(7), &stamp(20)).await.expect("detached"), 1);
    rows[0] = loaded(&store, OrderId::new(1)).await.row;
    assert_eq!(rows[0].client_id, None);
    assert_orders(&store, &rows).await;

    for row in rows.iter_mut().filter(|row| row.check().is_err()) {
        let version = loaded(&store, row.id).await.version();
        let given = repaired(row);
        let after = store.update(&given, version.into(), &stamp(30)).await.expect("repaired");
        assert_eq!(after, with(given.clone(), |it| it.updated_at = row.updated_at.next(at(30))));
        assert_refused!(store.update(&given, version.into(), &stamp(31)).await, StoreError::VersionConflict);
        let event = all_events(&store).await.pop().expect("an event");
        let from = OrderFields::from(&*row);
        let kind = EventKind::Repaired {
            from,
            status: after.status(),
            client_id: after.client_id,
            return_info: after.return_info().cloned(),
        };
        assert_eq!((event.order_id, event.number.as_str(), event.kind), (row.id, after.number.as_str(), kind));
        *row = OrderRow::from(&after);
        assert_eq!(loaded(&store, row.id).await, after.into());
    }
    assert_eq!(all_events(&store).await.len(), 7);
    assert_orders(&store, &rows).await;
}

pub async fn irregular_orders_are_deleted(store: Orders) {
    let mut rows = rows();
    while let Some(row) = rows.pop() {
        let stored = loaded(&store, row.id).await;
        assert_eq!(store.delete(row.id, stored.version().into(), &stamp(20)).await.expect("deleted"), stored);
        assert_refused!(store.delete(row.id, Expected::Any, &stamp(20)).await, StoreError::NotFound);
        let event = all_events(&store).await.pop().expect("an event");
        let kind = EventKind::Deleted {
            status: row.status.clone(),
            client_id: row.client_id.clone(),
            return_info: row.return_info(),
        };
        assert_eq!((event.order_id, &event.number, event.kind), (row.id, &row.number, kind));
        assert_orders(&store, &rows).await;
    }
    assert_eq!(all_events(&store).await.len(), 8);
    assert_eq!(story(&store, "d-1").await, ["deleted"], "the last number of a deleted order finds its history");
}

/// Case. Orders of another program have no event under the number that they give up.
pub async fn orders_without_events_are_found_by_the_number_that_they_give_up(store: Orders) {
    let planted = rows();
    // A valid one, and one that is repaired with it.
    for (id, before, kind) in [(1, "b-1", "renumbered"), (4, "d-1", "repaired")] {
        let row = planted.iter().find(|row| row.id.get() == id).expect("planted");
        let number = format!("new-{id}");
        let given = with(repaired(row), |it| it.number = number.parse().expect("a number"));
        store.update(&given, Expected::Any, &stamp(1)).await.expect("updated");
        for number in [before, &number] {
            assert_eq!(story(&store, number).await, [kind], "the history of {number}");
        }
    }
    // Whoever has the number now has its history.
    store.insert(&new_order("B-1"), &stamp(2)).await.expect("inserted");
    assert_eq!(story(&store, "B-1").await, ["created"]);
}
