//! Lists of orders.

use std::collections::BTreeSet;

use provesi_core::{
    Direction, NumberPart, Order, OrderFilter, OrderListing, OrderRepositoryExt, OrderSort, OrderState, OrderStatus,
    PageLimit, PageRequest, Period, StoreError,
};

use crate::conformance::support::{Orders, assert_records, assert_refused, order_pages};
use crate::data::{at, client_id, new_order, reason, stamp, state};

const SORTS: [OrderSort; 4] = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];

fn listings(filter: &OrderFilter) -> Vec<OrderListing> {
    let ways = [Direction::Ascending, Direction::Descending];
    SORTS.into_iter().flat_map(|sort| ways.map(|way| OrderListing::new(filter.clone(), sort, way))).collect()
}

/// Orders with ties in every sort, some returned at the same time, one without a date.
async fn keep(store: &Orders, count: usize) -> Vec<Order> {
    let mut kept = Vec::new();
    for number in 0..count {
        let status = OrderStatus::ALL[number % 7];
        let when = at(i64::try_from(number % 4).expect("a small number"));
        let state = match number % 14 {
            12 => OrderState::restore(OrderStatus::Returned, None),
            _ if status == OrderStatus::Returned => {
                OrderState::new(status, Some(reason("roto")), when).expect("with its reason")
            }
            _ => state(status),
        };
        // Of both letter cases, and not in the order of the ids.
        let prefix = if number % 2 == 0 { "Ord" } else { "oRD" };
        let mut given = new_order(&format!("{prefix}-{:02}", (number * 37) % 101));
        given.client_id = (number % 3 != 0).then(|| client_id(number as u64 % 3));
        given.state = state;
        given.created_at = at(i64::try_from(number % 5).expect("a small number"));
        given.updated_at = when;
        kept.push(store.insert(&given, &stamp(0)).await.expect("kept"));
    }
    kept
}

fn in_order(orders: &[Order], listing: &OrderListing) -> Vec<Order> {
    let mut orders: Vec<_> = orders.iter().filter(|order| listing.has(&(*order).into())).cloned().collect();
    orders.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
    orders
}

pub async fn pages_of_any_size_cover_each_order_once_by_every_sort(store: Orders) {
    let kept = keep(&store, 60).await;
    for listing in listings(&OrderFilter::default()) {
        let expected = in_order(&kept, &listing);
        for limit in [1, 7, 30, 59, 60, 61, 1_000] {
            assert_records(&order_pages(&store, &listing, limit).await, &expected, (limit, &listing));
        }
    }
    let returns = OrderListing::returns();
    assert_records(&order_pages(&store, &returns, 2).await, &in_order(&kept, &returns), "orders");
    let of_client = OrderListing::of_client(client_id(1));
    assert_records(&order_pages(&store, &of_client, 3).await, &in_order(&kept, &of_client), "orders");
}

pub async fn returns_of_a_period_are_those_of_its_instants(store: Orders) {
    let kept = keep(&store, 60).await;
    let at = |second| Some(at(second));
    let periods = [(at(1), at(3)), (at(1), None), (None, at(1)), (at(0), at(0)), (at(2), at(9)), (at(9), None)];
    let part = NumberPart::parse("1").ok();
    for (from, until) in periods {
        for (statuses, part, client) in [
            (&[][..], None, None),
            (&[OrderStatus::Returned, OrderStatus::Packing], None, None),
            (&[OrderStatus::Packing], None, None),
            (&[], part.clone(), None),
            (&[OrderStatus::Packing], part.clone(), None),
            (&[], None, Some(client_id(1))),
            (&[OrderStatus::Packing], None, Some(client_id(1))),
            (&[], part.clone(), Some(client_id(2))),
        ] {
            let filter = OrderFilter {
                returned: Period { from, until },
                statuses: statuses.iter().copied().collect(),
                number_part: part,
                client_id: client,
            };
            let expected = kept.iter().filter(|order| filter.matches(&(*order).into())).count() as u64;
            assert_eq!(store.count_all(&filter).await.expect("counted"), expected, "{filter:?}");
            for listing in listings(&filter) {
                assert_records(&order_pages(&store, &listing, 2).await, &in_order(&kept, &listing), &listing);
            }
        }
    }
}

pub async fn numbers_are_sorted_byte_by_byte(store: Orders) {
    // A sort by the rules of a language passes over hyphens, and puts letters before digits or upper case apart.
    let numbers = ["-9", "10", "9", "a", "a--", "A-1", "a-1x", "A-b", "a1", "A1-", "ab", "AC", "Z"];
    for at in 0..numbers.len() {
        // Kept in another order than the one asked for.
        store.insert(&new_order(numbers[at * 5 % numbers.len()]), &stamp(0)).await.expect("kept");
    }
    let by_number = OrderListing::new(OrderFilter::default(), OrderSort::Number, Direction::Ascending);
    for limit in [1, 3, 1_000] {
        let listed = order_pages(&store, &by_number, limit).await;
        assert_eq!(listed.iter().map(|order| order.number.as_str()).collect::<Vec<_>>(), numbers, "pages of {limit}");
        let back = order_pages(&store, &by_number.reversed(), limit).await;
        assert_records(&back, &listed.into_iter().rev().collect::<Vec<_>>(), (limit, "backwards"));
    }
}

pub async fn every_combination_of_filters_finds_what_matches(store: Orders) {
    let kept = keep(&store, 50).await;
    let statuses: [&[OrderStatus]; 5] = [
        &[],
        &[OrderStatus::Returned],
        &[OrderStatus::Picking],
        &[OrderStatus::Received, OrderStatus::Returned, OrderStatus::Cancelled],
        &OrderStatus::ALL,
    ];
    for statuses in statuses {
        for client in [None, Some(1), Some(9)] {
            for part in [None, Some("1"), Some("d-0"), Some("nada")] {
                let filter = OrderFilter {
                    statuses: BTreeSet::from_iter(statuses.iter().copied()),
                    client_id: client.map(client_id),
                    number_part: part.map(|part| NumberPart::parse(part).expect("a part")),
                    ..OrderFilter::default()
                };
                for listing in listings(&filter) {
                    let expected = in_order(&kept, &listing);
                    assert_records(&order_pages(&store, &listing, 4).await, &expected, &listing);
                }
                let expected = kept.iter().filter(|order| filter.matches(&(*order).into())).count();
                assert_eq!(store.count_all(&filter).await.expect("counted"), expected as u64, "{filter:?}");
            }
        }
    }
}

pub async fn parts_of_numbers_are_found_in_any_letter_case(store: Orders) {
    let longest = "x".repeat(32);
    let mut kept = Vec::new();
    for number in ["Ord-001", "ORD-010", "ord-100", "A", "-", "1-1-1", "B-ord", longest.as_str()] {
        kept.push(store.insert(&new_order(number), &stamp(0)).await.expect("kept"));
    }
    for part in ["o", "1", "-", "rd", "RD-", "ord-0", "ORD-100", "1-1-1", "zz", "x", longest.as_str(), "b-ORD"] {
        let filter =
            OrderFilter { number_part: Some(NumberPart::parse(part).expect("a part")), ..OrderFilter::default() };
        for listing in listings(&filter) {
            assert_records(&order_pages(&store, &listing, 2).await, &in_order(&kept, &listing), (part, &listing));
        }
    }
}

pub async fn the_reversed_listing_walks_back_with_the_same_cursors(store: Orders) {
    keep(&store, 40).await;
    for listing in listings(&OrderFilter::default()) {
        let all = order_pages(&store, &listing, 1_000).await;
        let request = PageRequest::after(PageLimit::new(6).expect("a limit"), listing.cursor_at(&(&all[20]).into()));
        let back = store.list(&listing.reversed(), &request).await.expect("a page").items;
        assert_records(&back, &all[14..20].iter().rev().cloned().collect::<Vec<_>>(), &listing);
    }
}

pub async fn a_cursor_of_another_listing_is_refused(store: Orders) {
    let kept = keep(&store, 10).await;
    let all = listings(&OrderFilter::default());
    let refuse = async |listing: &OrderListing, other: &OrderListing| {
        let request = PageRequest::after(PageLimit::MAX, other.cursor_at(&(&kept[6]).into()));
        assert_refused!(store.page(listing, &request).await, StoreError::InvalidCursor);
    };
    refuse(&all[0], &all[2]).await;
    refuse(&OrderListing::default(), &OrderListing::of_client(client_id(1))).await;
    refuse(&OrderListing::of_client(client_id(2)), &OrderListing::of_client(client_id(1))).await;
    refuse(&OrderListing::returns(), &OrderListing::default()).await;
    // Through its text a cursor stays what it is.
    let cursor = all[0].cursor_at(&(&kept[3]).into()).to_string().parse().expect("a cursor");
    store.page(&all[0], &PageRequest::after(PageLimit::MAX, cursor)).await.expect("a page");
}

pub async fn a_page_tells_only_of_a_next_one_that_has_something(store: Orders) {
    let none = store.page(&OrderListing::default(), &PageRequest::first(PageLimit::MAX)).await.expect("a page");
    assert_eq!((none.items, none.next), (Vec::new(), None));
    keep(&store, 4).await;
    let page = async |limit| {
        let request = PageRequest::first(PageLimit::new(limit).expect("a limit"));
        let page = store.page(&OrderListing::default(), &request).await.expect("a page");
        (page.items.len(), page.next.is_some())
    };
    assert_eq!([page(3).await, page(4).await, page(5).await], [(3, true), (4, false), (4, false)]);
}
