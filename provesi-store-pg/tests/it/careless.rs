//! Rows as the Python system and others leave them.

use futures_util::TryStreamExt;
use provesi_core::{
    ClientKey, ClientListing, ClientRepository, ClientRepositoryExt, CountKey, Direction, EmailFault, EventGroup,
    Expected, Field, Invalid, Order, OrderCount, OrderFilter, OrderGroup, OrderKey, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderRow, OrderSort, OrderStatus, OrdersWithClients, PageLimit, PageRequest, Period, Rule,
    StoreAdmin, StoreError, Timestamp, name_key,
};
use provesi_store_pg::PgStore;
use provesi_testkit::data::with;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::common::{Fixture, at, client, client_id, order, stamp};
use crate::migrations::DJANGO;

const SORTS: [OrderSort; 4] = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

/// Runs a statement of somebody else's.
async fn run(raw: &mut PgConnection, statement: impl Into<String>) {
    raw.execute(AssertSqlSafe(statement.into())).await.unwrap();
}

/// A row of the Python system: what it says after the number.
async fn row(raw: &mut PgConnection, number: &str, rest: &str) {
    run(
        raw,
        format!(
            "INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, created_at, \
             updated_at) VALUES ('{number}', {rest})"
        ),
    )
    .await;
}

async fn find(store: &PgStore, number: &str) -> Order {
    store.find_by_number(&number.parse().unwrap()).await.unwrap().unwrap()
}

/// All orders of a listing, read two at a time: a page has as many as it should, whatever is left out of it.
async fn listed(store: &PgStore, listing: &OrderListing) -> Vec<OrderRow> {
    let (mut all, mut request) = (Vec::new(), PageRequest::first(PageLimit::new(2).unwrap()));
    loop {
        let page = OrderRepository::page(store, listing, &request).await.unwrap();
        assert!(page.next.is_none() || page.items.len() == 2);
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        request.after = Some(next);
    }
}

#[tokio::test]
async fn what_the_python_system_leaves_is_read_as_what_it_means() {
    let fixture = Fixture::empty().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    run(&mut raw, DJANGO).await;
    const TIMES: &str = "'2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05.678901-05'";
    row(&mut raw, "Micros", &format!("NULL, 'packing', NULL, NULL, {TIMES}")).await;
    row(&mut raw, "Upper", &format!("'{}', 'received', NULL, NULL, {TIMES}", "0A".repeat(12))).await;
    row(&mut raw, "Nobody", &format!("'', 'received', '', NULL, {TIMES}")).await;
    row(&mut raw, "Left-over", &format!("NULL, 'shipped', 'Caja rota', now(), {TIMES}")).await;
    row(&mut raw, "No-reason", &format!("NULL, 'returned', NULL, now(), {TIMES}")).await;
    row(&mut raw, "Blank", &format!("NULL, 'returned', E' \\u00a0\\t\\u3000', now(), {TIMES}")).await;
    row(&mut raw, "No-date", &format!("NULL, 'returned', 'Caja rota', NULL, {TIMES}")).await;
    row(&mut raw, "Whole", &format!("NULL, 'returned', 'Caja rota', '2026-01-01', {TIMES}")).await;
    store.migrate().await.unwrap();

    let micros = find(store, "micros").await;
    assert_eq!(micros.created_at.to_string(), "2026-01-02T03:04:05.678901Z");
    assert_eq!(micros.updated_at.to_string(), "2026-01-02T08:04:05.678901Z");
    let near: Timestamp = "2026-01-02T08:04:05.678Z".parse().unwrap();
    let stale = with(micros.clone(), |it| it.updated_at = near).version().into();
    let refused = OrderRepositoryExt::delete(store, micros.id, stale, &stamp(1)).await;
    assert!(matches!(refused, Err(StoreError::VersionConflict)));
    for number in ["left-over", "no-reason", "blank", "no-date"] {
        assert_eq!(find(store, number).await.return_info(), None, "{number}");
    }
    assert!(find(store, "whole").await.return_info().is_some());
    assert_eq!(find(store, "nobody").await.client_id, None);

    // A client's orders are found whatever the letter case of its id.
    let id = client_id(10);
    assert_eq!(find(store, "upper").await.client_id, Some(id));
    assert_eq!(listed(store, &OrderListing::of_client(id)).await.len(), 1);
    assert_eq!(store.count_by_client(&[id]).await.unwrap()[&id], 1);
    assert_eq!(store.stream_client_ids().try_collect::<Vec<_>>().await.unwrap(), [id]);

    // What is shown is what is sorted by.
    for sort in SORTS {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut filter = OrderFilter::default();
            for returned in [false, true] {
                if returned {
                    filter.statuses.insert(OrderStatus::Returned);
                }
                let listing = OrderListing::new(filter.clone(), sort, direction);
                let found = listed(store, &listing).await;
                assert_eq!(found.len(), if returned { 4 } else { 8 });
                assert!(found.is_sorted_by(|a, b| listing.compare(a, b).is_lt()), "{listing:?} {found:#?}");
            }
        }
    }
    assert_eq!(store.detach_client(id, &stamp(1)).await.unwrap(), 1);
    assert_eq!(find(store, "upper").await.client_id, None);
    // What was left over is gone with the next change.
    let left = find(store, "left-over").await;
    let changed = with(left, |it| it.number = "Changed".parse().unwrap());
    OrderRepositoryExt::update(store, &changed, Expected::Any, &stamp(1)).await.unwrap();
    let reasons: i64 =
        sqlx::query_scalar("SELECT count(return_reason) FROM orders_order WHERE order_number = 'Changed'")
            .fetch_one(&mut raw)
            .await
            .unwrap();
    assert_eq!(reasons, 0);
}

#[tokio::test]
async fn an_order_that_breaks_the_rules_is_listed_and_one_that_cannot_be_decoded_is_not() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let mut kept = Vec::new();
    for number in 0..10 {
        let given = order(&format!("K-{number}"), OrderStatus::Returned);
        kept.push(OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap());
    }
    let broken = [
        ("order_number = 'a b'", Some(Invalid::new(Field::OrderNumber, Rule::NumberCharset))),
        ("client_id = 'no hex at all, 24 chars.'", Some(Invalid::new(Field::ClientId, Rule::ObjectId))),
        ("updated_at = 'infinity'", None),
        ("created_at = '-infinity'", None),
        ("created_at = '4000-01-01 BC'", None),
        ("returned_at = '20000-01-01'", None),
        ("status = 'lost'", Some(Invalid::new(Field::Status, Rule::UnknownStatus))),
    ];
    let mut rows: Vec<_> = kept.iter().map(OrderRow::from).collect();
    for (at, (broken, fault)) in (2..10).rev().zip(broken) {
        let order = &kept[at];
        run(&mut raw, format!("UPDATE orders_order SET {broken} WHERE id = {}", order.id)).await;
        assert_corrupt(OrderRepositoryExt::get(store, order.id).await);
        if !broken.starts_with("order_number") {
            assert_corrupt(store.find_by_number(&order.number).await);
        }
        let loaded = OrderRepositoryExt::load(store, OrderKey::Id(order.id)).await;
        if let Some(fault) = fault {
            let loaded = loaded.unwrap().unwrap();
            assert_eq!(loaded.faults(), [fault]);
            rows[at] = loaded.row;
        } else {
            assert_corrupt(loaded);
            assert_corrupt(OrderRepositoryExt::update(store, order, Expected::Any, &stamp(2)).await);
            assert_corrupt(OrderRepositoryExt::delete(store, order.id, Expected::Any, &stamp(2)).await);
            rows.remove(at);
        }
        let numbers: Vec<_> = kept.iter().map(|order| order.number.clone()).collect();
        let found: Vec<_> = rows.iter().filter(|row| row.number != "a b").cloned().collect();
        assert_eq!(store.find_by_numbers(&numbers).await.unwrap(), found);
        for sort in SORTS {
            let listing = OrderListing { sort, ..OrderListing::default() };
            let mut expected: Vec<_> = rows.iter().filter(|row| listing.has(row)).cloned().collect();
            expected.sort_by(|a, b| listing.compare(a, b));
            assert_eq!(listed(store, &listing).await, expected, "{broken} {sort:?}");
            let valid: Vec<_> = expected.iter().filter_map(|row| row.check().ok()).collect();
            assert_eq!(valid.len(), at);
            let stream = OrderRepositoryExt::stream(store, &listing);
            assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap(), valid);
        }
        let events = store.history(&kept[at].number, None, PageLimit::MAX).await.unwrap();
        assert_eq!(events.len(), 1, "no event of what was refused");
    }
    assert_eq!((kept.len(), rows.len()), (10, 6));
    assert_eq!(store.count_all(&OrderFilter::default()).await.unwrap(), 10);
    // Two were created at instants that have no day.
    let by = OrderGroup::DayCreated { offset_minutes: -300 };
    let days = OrderRepository::count(store, &OrderCount::Orders { filter: OrderFilter::default(), by }).await.unwrap();
    assert_eq!(days.values().sum::<u64>(), 8);
    assert_eq!(store.stream_client_ids().try_collect::<Vec<_>>().await.unwrap(), [client_id(7)]);
    // Orders that break the rules keep the client, and do not keep the others from losing it.
    assert_eq!(store.detach_client(client_id(7), &stamp(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn an_infinite_date_of_a_return_hides_no_other_return() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let dates = ["NULL", "'infinity'", "NULL", "'-infinity'", "'2026-01-01'", "'infinity'"];
    for (n, date) in (1..).zip(dates) {
        let rest = format!("NULL, 'returned', 'roto', {date}, now(), '2026-02-0{n}'");
        row(&mut raw, &format!("A-{n}"), &rest).await;
    }
    let listing = OrderListing::returns();
    for (listing, expected) in [(listing.reversed(), ["A-5", "A-1", "A-3"]), (listing, ["A-3", "A-1", "A-5"])] {
        let numbers: Vec<_> = listed(store, &listing).await.into_iter().map(|row| row.number).collect();
        assert_eq!(numbers, expected, "{listing:?}");
    }
}

#[tokio::test]
async fn a_reason_that_is_longer_than_ours_may_be_is_shown_and_kept() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    row(&mut raw, "Long-1", "NULL, 'returned', repeat('ñ', 5000) || chr(27), now(), now(), now()").await;
    let order = find(store, "Long-1").await;
    assert_eq!(order.return_info().unwrap().reason.as_str().chars().count(), 5_001);
    for sort in SORTS {
        let listing = OrderListing { sort, ..OrderListing::default() };
        assert_eq!(listed(store, &listing).await, [OrderRow::from(&order)]);
    }
    let moved = with(order.clone(), |it| it.client_id = Some(client_id(3)));
    let moved = OrderRepositoryExt::update(store, &moved, order.version().into(), &stamp(1)).await.unwrap();
    assert_eq!(moved.return_info(), order.return_info());
    let deleted = OrderRepositoryExt::delete(store, order.id, moved.version().into(), &stamp(2)).await.unwrap();
    assert_eq!(deleted.row.return_info().as_ref(), order.return_info());
    assert_eq!(store.history(&order.number, None, PageLimit::MAX).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_does_not_hide_those_after_it() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    for number in 0..5 {
        let given = order(&format!("K-{number}"), OrderStatus::Received);
        OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap();
    }
    run(&mut raw, "UPDATE provesi_order_events SET actor = 'root' WHERE id = 1").await;
    run(&mut raw, "UPDATE provesi_order_events SET detail = '{\"type\": \"eaten\"}' WHERE id IN (2, 3)").await;
    let one = PageLimit::new(1).unwrap();
    let feed = store.feed(None, one).await.unwrap();
    assert_eq!(feed[0].number.as_str(), "K-3");
    assert_eq!(store.feed(Some(feed[0].id), one).await.unwrap()[0].number.as_str(), "K-4");
    assert_eq!(store.history(&"K-0".parse().unwrap(), None, one).await.unwrap(), []);
    // What says its kind is counted under it, whoever wrote it.
    run(&mut raw, "UPDATE provesi_order_events SET detail = '{}' WHERE id = 5").await;
    let query = OrderCount::Events { period: Period::default(), by: EventGroup::Actor };
    let counts: Vec<_> = OrderRepository::count(store, &query).await.unwrap().into_iter().collect();
    let key = |actor: &str, kind: &str| CountKey::ActorAndKind(actor.to_owned(), kind.to_owned());
    let by = stamp(1).actor.to_string();
    assert_eq!(counts, [(key("root", "created"), 1), (key(&by, "created"), 1), (key(&by, "eaten"), 2)]);
}

#[tokio::test]
async fn an_order_comes_without_a_client_that_cannot_be_decoded() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    let mut keys = Vec::new();
    for number in 1..=2 {
        let client = ClientRepositoryExt::insert(store, &client(number)).await.unwrap();
        let order = with(order(&format!("A-{number}"), OrderStatus::Received), |it| it.client_id = Some(client.id));
        keys.push(OrderKey::Id(OrderRepositoryExt::insert(store, &order, &stamp(1)).await.unwrap().id));
    }
    let id = client(2).id;
    run(&mut raw, format!("UPDATE provesi_clients SET created_at = 'infinity' WHERE id = '{id}'")).await;
    for keys in [&keys[..], &keys[1..]] {
        let mut found: Vec<_> =
            store.get_with_clients(keys).await.into_iter().map(|found| found.unwrap().unwrap()).collect();
        let last = found.pop().unwrap();
        assert_eq!(last.order.number, "A-2");
        let fault = last.client.unwrap_err();
        assert!(
            matches!(&fault, StoreError::Corrupt { source } if source.to_string().starts_with(&format!("client {id}: "))),
            "{fault:?}"
        );
        assert!(found.into_iter().all(|other| other.client.unwrap().unwrap().id == client(1).id));
    }
    run(&mut raw, "UPDATE orders_order SET created_at = 'infinity' WHERE order_number = 'A-2'".to_owned()).await;
    let mut found = store.get_with_clients(&keys).await;
    assert_corrupt(found.pop().unwrap());
    assert_eq!(found.pop().unwrap().unwrap().unwrap().client.unwrap().unwrap().id, client(1).id);
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_is_listed_and_one_that_cannot_be_decoded_is_not() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    for number in 1..=4 {
        ClientRepositoryExt::insert(store, &client(number)).await.unwrap();
    }
    let email = Invalid::new(Field::Email, Rule::Email(EmailFault::NoAt));
    let name = Invalid::new(Field::Name, Rule::Blank);
    let blank: String = name_key("  ").iter().map(|byte| format!("{byte:02x}")).collect();
    let no_name = format!("name = '  ', name_key = decode('{blank}', 'hex')");
    for (number, broken, fault, ids) in [
        (4, "email = 'nobody'", Some(email), &[1, 2, 3, 4][..]),
        (3, &no_name, Some(name), &[3, 1, 2, 4]),
        (2, "created_at = 'infinity'", None, &[3, 1, 4]),
    ] {
        let id = client(number).id;
        run(&mut raw, format!("UPDATE provesi_clients SET {broken} WHERE id = '{id}'")).await;
        assert_corrupt(ClientRepositoryExt::get(store, id).await);
        let loaded = ClientRepositoryExt::load(store, ClientKey::Id(id)).await;
        if let Some(fault) = fault {
            assert_eq!(loaded.unwrap().unwrap().faults(), [fault]);
        } else {
            assert_corrupt(loaded);
            assert_corrupt(ClientRepositoryExt::delete(store, id, Expected::Any).await);
            assert_corrupt(ClientRepositoryExt::update(store, &client(number), Expected::Any, at(1)).await);
        }
        assert_eq!(store.existing(&[id, client(1).id]).await.unwrap().len(), 2);
        let (mut all, mut request) = (Vec::new(), PageRequest::first(PageLimit::new(1).unwrap()));
        loop {
            let page = ClientRepository::page(store, &ClientListing::default(), &request).await.unwrap();
            all.extend(page.items.iter().map(|client| client.id));
            assert!(all.len() <= ids.len(), "{all:?}");
            let Some(next) = page.next else { break };
            request.after = Some(next);
        }
        assert_eq!(all, ids.iter().map(|number| client(*number).id).collect::<Vec<_>>(), "{broken}");
        let stream = ClientRepositoryExt::stream(store, &ClientListing::default());
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), usize::from(number) - 1);
    }
}

#[tokio::test]
async fn the_last_instant_that_there_is_stands_beside_instants_without_end() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    run(
        &mut raw,
        "INSERT INTO orders_order (id, order_number, status, created_at, updated_at) VALUES \
         (1, 'A-1', 'received', now(), 'infinity'), (2, 'A-2', 'received', now(), 'infinity'), \
         (3, 'A-3', 'received', now(), '9999-12-31 23:59:59.999999+00'), \
         (4, 'A-4', 'received', now(), '0001-01-01 00:00:00+00'), \
         (5, 'A-5', 'received', now(), '-infinity'), (6, 'A-6', 'received', now(), '-infinity')",
    )
    .await;
    for (direction, expected) in [(Direction::Descending, [3, 4]), (Direction::Ascending, [4, 3])] {
        let listing = OrderListing::new(OrderFilter::default(), OrderSort::UpdatedAt, direction);
        for limit in 1..=4 {
            let (mut all, mut request) = (Vec::new(), PageRequest::first(PageLimit::new(limit).unwrap()));
            loop {
                let page = OrderRepository::page(store, &listing, &request).await.unwrap();
                all.extend(page.items.iter().map(|order| order.id.get()));
                let Some(next) = page.next else { break };
                request.after = Some(next);
            }
            assert_eq!(all, expected, "{direction:?} {limit}");
        }
    }
}

#[tokio::test]
async fn a_name_that_was_changed_without_its_key_ends_a_list_and_does_not_repeat_it() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    for number in 1..=5 {
        ClientRepositoryExt::insert(store, &client(number)).await.unwrap();
    }
    let undecodable: Vec<String> = (1..=4).map(|number| format!("'{}'", client(number).id)).collect();
    let change = format!("UPDATE provesi_clients SET created_at = 'infinity' WHERE id IN ({})", undecodable.join(", "));
    run(&mut raw, change).await;
    run(&mut raw, format!("UPDATE provesi_clients SET name = '  ' WHERE id = '{}'", client(4).id)).await;
    let first = PageRequest::first(PageLimit::new(1).unwrap());
    // A key beside an undecodable row is passed by, as it is stored.
    let page = ClientRepository::page(store, &ClientListing::default(), &first).await.unwrap();
    assert_eq!(page.items.iter().map(|client| client.id).collect::<Vec<_>>(), [client(5).id]);
    run(&mut raw, "UPDATE provesi_clients SET created_at = now()").await;
    let (mut pages, mut request) = (0, first);
    loop {
        match ClientRepository::page(store, &ClientListing::default(), &request).await {
            Ok(page) => request.after = page.next,
            Err(error) => break assert_corrupt(Err::<(), _>(error)),
        }
        pages += 1;
        assert!(pages < 5 && request.after.is_some());
    }
}

#[tokio::test]
async fn the_history_of_an_order_that_the_python_system_deleted_is_there() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    OrderRepositoryExt::insert(store, &order("Gone", OrderStatus::Received), &stamp(1)).await.unwrap();
    run(&mut raw, "DELETE FROM orders_order").await;
    assert_eq!(store.history(&"GONE".parse().unwrap(), None, PageLimit::MAX).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ids_that_others_took_are_passed_over() {
    let fixture = Fixture::new().await;
    let (store, mut raw) = (&fixture.store, fixture.raw().await);
    run(
        &mut raw,
        "INSERT INTO orders_order (id, order_number, status, created_at, updated_at) \
         SELECT n, 'Own-' || n, 'received', now(), now() FROM generate_series(1, 30) AS n",
    )
    .await;
    let made = OrderRepositoryExt::insert(store, &order("Ours", OrderStatus::Received), &stamp(1)).await.unwrap();
    assert!(made.id.get() > 30);
}
