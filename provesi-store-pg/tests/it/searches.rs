//! Searches among more rows than are passed on the way to a page, so that each way of finding one is taken: what is
//! nearby, what is further on, what is looked up. What they find is compared with the rules in core.

use futures_util::TryStreamExt;
use provesi_core::{
    ClientFilter, ClientListing, ClientQuery, ClientRepository, ClientRepositoryExt, ClientRow, Direction, NumberPart,
    OrderFilter, OrderListing, OrderRepository, OrderRepositoryExt, OrderRow, OrderSort, OrderStatus, PageLimit,
    PageRequest, fold, name_key,
};
use sqlx::Executor;

use crate::common::{Fixture, client_id};

/// Of 21,000 orders the newest 9,000 have another kind of number, and one client has many of those between.
const ORDERS: &str = "
    INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, created_at, updated_at)
    SELECT CASE WHEN n > 12000 THEN 'New-' ELSE 'Ord-' END || lpad(n::text, 5, '0'),
        repeat(CASE WHEN n BETWEEN 2000 AND 6000 THEN '07' ELSE lpad((10 + n % 80)::text, 2, '0') END, 12),
        ('{received,picking,packing,shipped,delivered,returned,cancelled}'::text[])[1 + n % 7],
        CASE WHEN n % 7 = 5 THEN 'roto' END, CASE WHEN n % 7 = 5 THEN to_timestamp(1700000000 + n) END,
        to_timestamp(1700000000 + n), to_timestamp(1700000000 + n)
    FROM generate_series(1, 21000) AS n";

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

#[tokio::test]
async fn a_search_finds_the_orders_that_match_wherever_they_are() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    raw.execute(ORDERS).await.unwrap();
    raw.execute("ANALYZE").await.unwrap();
    let all: Vec<_> = OrderRepositoryExt::stream(store, &OrderListing::default()).try_collect().await.unwrap();
    assert_eq!(all.len(), 21_000);
    let statuses = [&[][..], &[OrderStatus::Packing], &[OrderStatus::Returned, OrderStatus::Shipped]];
    let clients = [None, Some(client_id(7)), Some(client_id(0x12))];
    let limit = PageLimit::new(40).unwrap();
    let mut turn = 0;
    for part in [None, Some("zz"), Some("new"), Some("ord"), Some("d-0"), Some("0"), Some("42"), Some("w-2099")] {
        for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
            for direction in DIRECTIONS {
                let mut filter = OrderFilter {
                    number_part: part.map(|part| NumberPart::parse(part).unwrap()),
                    ..OrderFilter::default()
                };
                filter.statuses.extend(statuses[turn % 3]);
                filter.client_id = clients[turn / 3 % 3];
                turn += 1;
                let listing = OrderListing::new(filter, sort, direction);
                let mut expected: Vec<_> = all.iter().map(OrderRow::from).filter(|order| listing.has(order)).collect();
                expected.sort_by(|a, b| listing.compare(a, b));
                let middle = expected.get(expected.len() / 2).map(|order| listing.cursor_at(order));
                for (after, skipped) in [(None, 0), (middle, expected.len() / 2 + 1)] {
                    let page = OrderRepository::page(store, &listing, &PageRequest { limit, after }).await.unwrap();
                    let expected: Vec<_> = expected.iter().skip(skipped).take(40).cloned().collect();
                    assert_eq!(page.items, expected, "{listing:?} {skipped}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_search_finds_the_clients_that_match_wherever_they_are() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    let names: Vec<String> = (0..7_000)
        .map(|n| match n % 100 {
            0 => format!("Zoé 'O\\' {n}"),
            1 => format!("Ñandú {n}"),
            _ => format!("Ana {n}"),
        })
        .collect();
    sqlx::query(
        "INSERT INTO provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, phone, \
             phone_digits, created_at, updated_at) \
         SELECT lpad(to_hex(n), 24, '0'), name, key, folded, mail, mail, mail, phone, phone, now(), now() \
         FROM unnest($1::text[], $2::bytea[], $3::text[]) WITH ORDINALITY AS given (name, key, folded, n), \
             LATERAL (SELECT (CASE WHEN n % 10 = 0 THEN 'zoe' ELSE 'c' END) || n || '@ejemplo.co', '300' || n) \
                 AS made (mail, phone)",
    )
    .bind(&names)
    .bind(names.iter().map(|name| name_key(name)).collect::<Vec<_>>())
    .bind(names.iter().map(|name| fold(name)).collect::<Vec<_>>())
    .execute(&mut raw)
    .await
    .unwrap();
    raw.execute("ANALYZE").await.unwrap();
    let all: Vec<_> = ClientRepositoryExt::stream(store, &ClientListing::default()).try_collect().await.unwrap();
    assert_eq!(all.len(), 7_000);
    let limit = PageLimit::new(40).unwrap();
    for text in ["a", "z", "zo", "zoe", "q", "ñ", "42", "3006", "+57 3006", "'o\\", "oe 1", "ejemplo", "99@e", "nadie"]
    {
        for direction in DIRECTIONS {
            let filter = ClientFilter { query: Some(ClientQuery::parse(text).unwrap()) };
            let listing = ClientListing::new(filter, direction);
            let mut expected: Vec<_> =
                all.iter().map(ClientRow::from).filter(|client| listing.filter.matches(client)).collect();
            expected.sort_by_cached_key(|client| (listing.rank_of(client), name_key(&client.name), client.id));
            if direction == Direction::Descending {
                expected.reverse();
            }
            let middle = expected.get(expected.len() / 2).map(|client| listing.cursor_at(client));
            for (after, skipped) in [(None, 0), (middle, expected.len() / 2 + 1)] {
                let page = ClientRepository::page(store, &listing, &PageRequest { limit, after }).await.unwrap();
                let expected: Vec<_> = expected.iter().skip(skipped).take(40).cloned().collect();
                assert_eq!(page.items, expected, "{text} {direction:?} {skipped}");
            }
        }
    }
}
