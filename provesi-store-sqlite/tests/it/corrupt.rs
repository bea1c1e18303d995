//! Rows that break the rules, written by somebody else.

use std::error::Error;

use futures_util::TryStreamExt;
use provesi_core::{
    ClientKey, ClientListing, ClientRepository, ClientRepositoryExt, CountKey, Direction, EmailFault, EventGroup,
    Expected, Field, Invalid, OrderCount, OrderFilter, OrderKey, OrderListing, OrderRepository, OrderRepositoryExt,
    OrderRow, OrderSort, OrderStatus, OrdersWithClients, PageLimit, PageRequest, Period, Rule, StoreError, name_key,
};
use provesi_store_sqlite::SqliteStore;
use provesi_testkit::data::with;
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::common::{Fixture, client, client_id, order, stamp};

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

/// Runs a statement of somebody else's.
async fn spoil(raw: &mut SqliteConnection, statement: String) {
    sqlx::query(AssertSqlSafe(statement)).execute(raw).await.unwrap();
}

/// All orders of a listing, read two at a time: a page has as many as it should, whatever is left out of it.
async fn listed(store: &SqliteStore, listing: &OrderListing) -> Vec<OrderRow> {
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
async fn an_order_that_breaks_the_rules_is_listed_and_one_that_cannot_be_decoded_is_not() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    let mut kept = Vec::new();
    for number in 0..8 {
        let given = order(&format!("K-{number}"), OrderStatus::Received);
        kept.push(OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap());
    }
    let listing = OrderListing::new(OrderFilter::default(), OrderSort::CreatedAt, Direction::Ascending);
    let mut rows: Vec<_> = kept.iter().map(OrderRow::from).collect();
    let number = Invalid::new(Field::OrderNumber, Rule::NumberCharset);
    let client = Invalid::new(Field::ClientId, Rule::ObjectId);
    for (at, broken, fault) in [
        (7, "order_number = 'a b'", Some(number)),
        (6, "client_id = 'no hex at all, 24 chars.'", Some(client)),
        (5, "updated_at = 9e18", None),
        (4, "created_at = -9e18", None),
    ] {
        let order = &kept[at];
        spoil(&mut raw, format!("UPDATE orders SET {broken} WHERE id = {}", order.id)).await;
        assert_corrupt(OrderRepositoryExt::get(store, order.id).await);
        assert_corrupt(store.find_by_number(&order.number).await);
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
        assert_eq!(listed(store, &listing).await, rows, "{broken}");
        let numbers: Vec<_> = kept.iter().map(|order| order.number.clone()).collect();
        assert_eq!(store.find_by_numbers(&numbers).await.unwrap(), rows);
        let stream = OrderRepositoryExt::stream(store, &listing);
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap(), kept[..at]);
    }
    assert_eq!((rows[5].number.as_str(), rows[4].client_id.as_deref()), ("a b", Some("no hex at all, 24 chars.")));
    assert_eq!(store.stream_client_ids().try_collect::<Vec<_>>().await.unwrap(), [client_id(7)]);
    // Those of the client's orders that break the rules keep it, and do not keep the others from losing it.
    assert_eq!(store.detach_client(client_id(7), &stamp(3)).await.unwrap(), 4);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_does_not_hide_those_after_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for number in 0..5 {
        let given = order(&format!("K-{number}"), OrderStatus::Received);
        OrderRepositoryExt::insert(store, &given, &stamp(1)).await.unwrap();
    }
    spoil(&mut raw, "UPDATE order_events SET actor = 'root' WHERE id = 1".to_owned()).await;
    spoil(&mut raw, "UPDATE order_events SET detail = '{\"type\": \"eaten\"}' WHERE id IN (2, 3)".to_owned()).await;
    let one = PageLimit::new(1).unwrap();
    let feed = store.feed(None, one).await.unwrap();
    assert_eq!(feed[0].number.as_str(), "K-3");
    assert_eq!(store.feed(Some(feed[0].id), one).await.unwrap()[0].number.as_str(), "K-4");
    assert_eq!(store.history(&"K-0".parse().unwrap(), None, one).await.unwrap(), []);
    // What says its kind is counted under it, whoever wrote it.
    spoil(&mut raw, "UPDATE order_events SET detail = '{}' WHERE id = 5".to_owned()).await;
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
    spoil(&mut raw, format!("UPDATE clients SET created_at = -9e18 WHERE id = '{id}'")).await;
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
    spoil(&mut raw, "UPDATE orders SET created_at = -9e18 WHERE order_number = 'A-2'".to_owned()).await;
    let mut found = store.get_with_clients(&keys).await;
    assert_corrupt(found.pop().unwrap());
    assert_eq!(found.pop().unwrap().unwrap().unwrap().client.unwrap().unwrap().id, client(1).id);
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_is_listed_and_one_that_cannot_be_decoded_is_not() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut raw = fixture.raw().await;
    for number in 1..=4 {
        ClientRepositoryExt::insert(store, &client(number)).await.unwrap();
    }
    let email = Invalid::new(Field::Email, Rule::Email(EmailFault::NoAt));
    let name = Invalid::new(Field::Name, Rule::Blank);
    let blank: String = name_key("  ").iter().map(|byte| format!("{byte:02x}")).collect();
    let no_name = format!("name = '  ', name_key = x'{blank}'");
    for (number, broken, fault, ids) in [
        (4, "email = 'nobody'", Some(email), &[1, 2, 3, 4][..]),
        (3, &no_name, Some(name), &[3, 1, 2, 4]),
        (2, "created_at = -9e18", None, &[3, 1, 4]),
    ] {
        let id = client(number).id;
        spoil(&mut raw, format!("UPDATE clients SET {broken} WHERE id = '{id}'")).await;
        assert_corrupt(ClientRepositoryExt::get(store, id).await);
        let loaded = ClientRepositoryExt::load(store, ClientKey::Id(id)).await;
        match fault {
            Some(fault) => assert_eq!(loaded.unwrap().unwrap().faults(), [fault]),
            None => assert_corrupt(loaded),
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
async fn a_name_that_was_changed_without_its_key_ends_a_list_and_does_not_repeat_it() {
    let fixture = Fixture::new().await;
    for number in 1..=3 {
        ClientRepositoryExt::insert(&fixture.store, &client(number)).await.unwrap();
    }
    spoil(&mut fixture.raw().await, format!("UPDATE clients SET name = '  ' WHERE id = '{}'", client_id(2))).await;
    let (mut pages, mut request) = (0, PageRequest::first(PageLimit::new(1).unwrap()));
    let refused = loop {
        match ClientRepository::page(&fixture.store, &ClientListing::default(), &request).await {
            Ok(page) => request.after = page.next,
            Err(error) => break error,
        }
        pages += 1;
        assert!(pages < 3 && request.after.is_some());
    };
    assert!(refused.source().unwrap().to_string().contains(&client_id(2).to_string()), "{refused:?}");
}

#[tokio::test]
async fn the_schema_refuses_what_no_order_can_be() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    OrderRepositoryExt::insert(&fixture.store, &order("K-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    for wrong in ["status = 'lost'", "return_reason = 'x', returned_at = 1", "status = 'returned', returned_at = 1"] {
        let spoil = format!("UPDATE orders SET {wrong}");
        assert!(sqlx::query(AssertSqlSafe(spoil)).execute(&mut raw).await.is_err(), "{wrong}");
    }
}
