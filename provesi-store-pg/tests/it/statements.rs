//! How many statements a call is, counted where they go over the wire.

use futures_util::{StreamExt, TryStreamExt};
use provesi_core::{
    ClientFilter, ClientId, ClientListing, ClientQuery, ClientRepository, ClientRepositoryExt, Direction, EventGroup,
    Expected, NumberPart, Order, OrderCount, OrderFilter, OrderGroup, OrderKey, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderSort, OrderStatus, OrderWrite, PageLimit, PageRequest, Period, Stored,
};
use provesi_store_pg::PgStore;
use provesi_testkit::data::{record, with};
use provesi_testkit::servers::Statements;
use sqlx::Executor;

use crate::common::{Fixture, at, client, client_id, order, stamp};

/// A store whose statements are counted. It has a connection, so that making one is not counted too.
async fn counted(fixture: &Fixture) -> (PgStore, Statements) {
    let statements = Statements::to(fixture.database.url()).await;
    let store = PgStore::open(statements.url(), 1).unwrap();
    OrderRepository::ping(&store).await.unwrap();
    // What a new connection is asked, then the ping.
    assert_eq!(statements.take().len(), 3);
    OrderRepository::ping(&store).await.unwrap();
    assert_eq!(statements.take().len(), 1, "no more than the ping on a connection that is known");
    (store, statements)
}

#[tokio::test]
async fn reads_are_one_statement_each_and_an_insert_is_one_with_its_event() {
    let fixture = Fixture::new().await;
    let (store, statements) = counted(&fixture).await;
    let ran = || statements.take().len();
    let made = OrderRepositoryExt::insert(&store, &order("A-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    let text = statements.take();
    assert_eq!(text.len(), 1, "{text:?}");
    assert!(text[0].contains("orders_order") && text[0].contains("provesi_order_events"), "{text:?}");
    ClientRepositoryExt::insert(&store, &client(7)).await.unwrap();
    assert_eq!(ran(), 1, "a client");
    OrderRepositoryExt::get(&store, made.id).await.unwrap().unwrap();
    assert_eq!(ran(), 1, "get");
    store.find_by_number(&made.number).await.unwrap().unwrap();
    assert_eq!(ran(), 1, "by number");
    ClientRepositoryExt::get(&store, client_id(7)).await.unwrap().unwrap();
    assert_eq!(ran(), 1, "get a client");
    store.history(&made.number, None, PageLimit::MAX).await.unwrap();
    assert_eq!(ran(), 1, "history");
    let ids: Vec<ClientId> =
        (0..1_000_u16).map(|n| ClientId::from_bytes(n.to_be_bytes().repeat(6).try_into().unwrap())).collect();
    for (ids, expected) in [(&ids[..1], 1), (&ids[..], 1)] {
        assert_eq!(store.count_by_client(ids).await.unwrap().len(), ids.len());
        assert_eq!(ran(), expected, "counts of {} clients", ids.len());
        store.existing(ids).await.unwrap();
        assert_eq!(ran(), expected, "{} clients", ids.len());
    }
    let more: Vec<ClientId> = ids.iter().copied().chain([ClientId::from_bytes([0xff; 12])]).collect();
    store.count_by_client(&more).await.unwrap();
    assert_eq!(ran(), 2, "counts of 1,001 clients");
    let moved = with(made.clone(), |it| it.client_id = None);
    OrderRepositoryExt::update(&store, &moved, Expected::Any, &stamp(2)).await.unwrap();
    assert_eq!(ran(), 2, "an update is a read and a commit");
    let renumbered = with(moved, |it| it.number = "A-2".parse().unwrap());
    OrderRepositoryExt::update(&store, &renumbered, Expected::Any, &stamp(3)).await.unwrap();
    assert_eq!(ran(), 2, "a new number");
    OrderRepositoryExt::delete(&store, made.id, Expected::Any, &stamp(4)).await.unwrap();
    assert_eq!(ran(), 2, "a delete is a read and a commit");
    let stored = ClientRepositoryExt::get(&store, client_id(7)).await.unwrap().unwrap();
    let moved = with(stored, |it| it.email = "otra@ejemplo.co".parse().unwrap());
    ClientRepositoryExt::update(&store, &moved, Expected::Any, at(2)).await.unwrap();
    assert_eq!(ran(), 3, "a read, a read and a commit");
}

#[tokio::test]
async fn a_batch_is_one_statement_for_each_kind_of_write_and_each_new_number() {
    let fixture = Fixture::new().await;
    let (store, statements) = counted(&fixture).await;
    let insert = |number: &str| OrderWrite::insert(order(number, OrderStatus::Received), stamp(1));
    let inserts: Vec<_> = (0..1_000).map(|n| insert(&format!("A-{n}"))).collect();
    let ids: Vec<_> =
        OrderRepository::commit(&store, &inserts).await.into_iter().map(|id| id.unwrap().unwrap()).collect();
    assert_eq!(statements.take().len(), 1, "1,000 inserts");
    assert!(OrderRepository::commit(&store, &inserts).await.iter().all(Result::is_err));
    assert_eq!(statements.take().len(), 1, "1,000 numbers that are taken");
    let keys: Vec<_> = ids.iter().map(|id| OrderKey::Id(*id)).collect();
    let rows = OrderRepository::get_many(&store, &keys).await;
    assert_eq!(statements.take().len(), 1, "1,000 reads");
    let stored: Vec<_> = rows.into_iter().map(|row| Stored::<Order>::new(row.unwrap().unwrap())).collect();
    let writes: Vec<_> = (0..).zip(&stored).map(|(n, before)| change(before, n)).chain([insert("C")]).collect();
    for outcome in OrderRepository::commit(&store, &writes[..900]).await {
        outcome.unwrap();
    }
    assert_eq!(statements.take().len(), 2 + 3, "replacements, deletions and three new numbers");
    let writes = [&writes[900..], &writes[..50]].concat();
    let outcomes = OrderRepository::commit(&store, &writes).await;
    assert!(outcomes[..101].iter().all(Result::is_ok) && outcomes[101..].iter().all(Result::is_err), "{outcomes:?}");
    assert_eq!(statements.take().len(), 3, "stale rows need no statement of their own");
}

#[tokio::test]
async fn a_count_of_groups_is_one_statement_with_a_timeout_of_its_own() {
    let fixture = Fixture::new().await;
    let (store, statements) = counted(&fixture).await;
    let orders = |by| OrderCount::Orders { filter: OrderFilter::default(), by };
    let events = |by| OrderCount::Events { period: Period::default(), by };
    let offset_minutes = -300;
    for query in [
        orders(OrderGroup::All),
        orders(OrderGroup::Status),
        orders(OrderGroup::DayCreated { offset_minutes }),
        events(EventGroup::Day { offset_minutes }),
        events(EventGroup::Actor),
    ] {
        OrderRepository::count(&store, &query).await.unwrap();
        let text = statements.take();
        assert_eq!(text.iter().filter(|text| text.starts_with("SELECT")).count(), 1, "{query:?} {text:#?}");
        assert!(text.iter().any(|text| text.contains("statement_timeout")), "{query:?} {text:#?}");
        assert!(!text.iter().any(|text| text.contains("300")), "values are bound: {text:#?}");
    }
}

#[tokio::test]
async fn a_statement_locks_no_more_than_200_entries() {
    let fixture = Fixture::new().await;
    let (store, statements) = counted(&fixture).await;
    let insert = |n: u64| {
        let order = order(&format!("A-{n}"), OrderStatus::Received);
        let bytes: Vec<u8> = n.to_be_bytes().into_iter().chain([0; 4]).collect();
        let client_id = Some(ClientId::from_bytes(bytes.try_into().unwrap()));
        OrderWrite::insert(with(order, |it| it.client_id = client_id), stamp(1))
    };
    let inserts: Vec<_> = (0..1_000).map(insert).collect();
    assert!(OrderRepository::commit(&store, &inserts).await.iter().all(Result::is_ok));
    assert_eq!(statements.take().len(), 5, "1,000 orders of 1,000 clients");
}

/// Of the first 900 orders every 300th gets another number, and every second of the others another status; the rest are
/// deleted.
fn change(before: &Stored<Order>, n: usize) -> OrderWrite {
    let content = match n {
        n if n % 300 == 299 && n < 900 => with(record(before), |it| it.number = format!("B-{n}").parse().unwrap()),
        n if n % 2 == 0 => with(record(before), |it| it.client_id = None),
        _ => return OrderWrite::delete(before.clone(), stamp(2)),
    };
    OrderWrite::replace(before.clone(), before.with_content(content, at(2)).unwrap(), stamp(2))
}

#[tokio::test]
async fn a_page_is_one_statement_whatever_it_is_of() {
    let fixture = Fixture::new().await;
    let fill = "INSERT INTO orders_order (order_number, client_id, status, created_at, updated_at) \
        SELECT 'Ord-' || n, repeat('07', 12), 'received', now(), now() FROM generate_series(1, 6000) AS n";
    fixture.raw().await.execute(fill).await.unwrap();
    let (store, statements) = counted(&fixture).await;
    let limit = PageLimit::new(50).unwrap();
    for part in [None, Some("zz"), Some("ord"), Some("5999")] {
        for client in [None, Some(client_id(7)), Some(client_id(8))] {
            for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
                for statuses in [&[][..], &[OrderStatus::Received, OrderStatus::Returned]] {
                    let mut filter = OrderFilter {
                        number_part: part.map(|part| NumberPart::parse(part).unwrap()),
                        client_id: client,
                        ..OrderFilter::default()
                    };
                    filter.statuses.extend(statuses);
                    let listing = OrderListing::new(filter, sort, Direction::Descending);
                    OrderRepository::page(&store, &listing, &PageRequest::first(limit)).await.unwrap();
                    let text = statements.take();
                    assert_eq!(text.len(), 1, "{listing:?} {text:#?}");
                }
            }
        }
    }
    for text in [None, Some("a"), Some("zz"), Some("300 1"), Some("nadie")] {
        let filter = ClientFilter { query: text.map(|text| ClientQuery::parse(text).unwrap()) };
        let listing = ClientListing::new(filter, Direction::Ascending);
        ClientRepository::page(&store, &listing, &PageRequest::first(limit)).await.unwrap();
        assert_eq!(statements.take().len(), 1, "clients, {text:?}");
    }
}

#[tokio::test]
async fn a_stream_asks_for_a_thousand_at_a_time_and_for_no_more_than_is_read() {
    let fixture = Fixture::new().await;
    let fill = "INSERT INTO orders_order (order_number, client_id, status, created_at, updated_at) \
        SELECT 'Ord-' || n, lpad(to_hex(n % 2500), 24, '0'), 'received', now(), now() \
        FROM generate_series(1, 5000) AS n";
    fixture.raw().await.execute(fill).await.unwrap();
    let (store, statements) = counted(&fixture).await;
    let mut ids = store.stream_client_ids();
    assert!(ids.next().await.unwrap().is_ok());
    assert_eq!(statements.take().len(), 1, "what was not asked for is not held either");
    assert_eq!(ids.try_collect::<Vec<_>>().await.unwrap().len(), 2_499);
    assert_eq!(statements.take().len(), 2);
    let orders = OrderRepositoryExt::stream(&store, &OrderListing::default());
    assert_eq!(orders.try_collect::<Vec<_>>().await.unwrap().len(), 5_000);
    assert_eq!(statements.take().len(), 5);
}
