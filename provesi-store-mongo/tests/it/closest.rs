//! A search lists the closest first, whole and in order, whatever the names are made of and wherever it stops.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use provesi_core::{
    Client, ClientCursor, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, ClientRow, Direction,
    PageLimit, PageRequest, Phone,
};
use provesi_store_mongo::MongoStore;
use provesi_testkit::conformance::clients::NameOrder;

use crate::common::{Fixture, client, filter, listed, mongoengine, name_order};

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// A cursor as it comes back from a browser.
fn sent(cursor: &ClientCursor) -> ClientCursor {
    cursor.to_string().parse().unwrap()
}

/// All pages of a listing, and how many of them stopped early.
async fn pages(store: &MongoStore, listing: &ClientListing, limit: u32) -> (Vec<ClientRow>, usize) {
    let limit = PageLimit::new(limit).unwrap();
    let (mut all, mut stops, mut request) = (Vec::new(), 0, PageRequest::first(limit));
    loop {
        let page = store.page(listing, &request).await.unwrap();
        assert!(page.items.len() <= limit.get());
        assert!(page.stopped_early || page.next.is_none() || page.items.len() == limit.get());
        stops += usize::from(page.stopped_early);
        all.extend(page.items);
        let Some(next) = page.next else { return (all, stops) };
        request = PageRequest::after(limit, sent(&next));
        assert!(stops < 10_000, "it gets on");
    }
}

/// A store that looks no further than it must.
fn hasty(store: &MongoStore) -> MongoStore {
    store.clone().with_search_time(Duration::ZERO)
}

/// A store that stops nowhere.
fn patient(store: &MongoStore) -> MongoStore {
    store.clone().with_search_time(Duration::from_secs(60)).with_time_limit(Duration::from_secs(60))
}

async fn keep(fixture: &Fixture, clients: &[Client]) {
    let documents = clients.iter().map(|client| {
        let mut document = mongoengine(0, client.email.as_str());
        document.insert("_id", crate::common::object_id(client.id));
        document.insert("name", client.name.as_str());
        match &client.phone {
            Some(phone) => document.insert("phone", phone.as_str()),
            None => document.remove("phone"),
        };
        document.remove("address");
        document
    });
    fixture.raw().insert_many(documents).await.unwrap();
}

fn names(clients: &[ClientRow]) -> Vec<String> {
    clients.iter().map(|client| format!("{} <{}>", client.name, client.email)).collect()
}

/// Random names and addresses out of few characters, those among them on which folding and sorting do not agree.
#[tokio::test(flavor = "multi_thread")]
async fn every_search_is_the_list_of_the_domain_from_any_place_in_any_steps() {
    let mut runner = TestRunner::deterministic();
    let name = "[nñNÑañ][naáé'´ ñ\u{303}\u{301}\u{200b}ﬁ·l.\u{ffff}]{0,5}";
    let person = (name, "[na´ñ]{1,3}", proptest::option::of("[0-9]{3}"));
    let people = vec(person, 45);
    let text = "[nñaáﬁf´'l·i. ]{1,4}|[0-9]{1,2}|@x|nadie";
    for _ in 0..3 {
        let fixture = Fixture::new().await;
        let order = name_order(&fixture.store).await;
        let people = people.new_tree(&mut runner).unwrap().current();
        let clients: Vec<Client> = (0_u8..)
            .zip(people)
            .filter_map(|(n, (name, local, phone))| {
                let mut client = client(n.wrapping_mul(89));
                client.name = ClientName::parse(name).ok()?;
                client.email = format!("{local}{n}@x.co").parse().ok()?;
                client.phone = Phone::parse_optional(phone.unwrap_or_default()).unwrap();
                Some(client)
            })
            .collect();
        keep(&fixture, &clients).await;
        let store = patient(&fixture.store);
        for turn in 0..12 {
            let query = filter(&text.new_tree(&mut runner).unwrap().current());
            if query.query.is_none() {
                continue;
            }
            for direction in DIRECTIONS {
                let listing = ClientListing::new(query.clone(), direction);
                let expected = listed(&clients, &listing, order);
                let text = query.query.as_ref().unwrap().as_str();
                for limit in [1 + turn % 4, 1_000] {
                    let (all, stops) = pages(&store, &listing, limit).await;
                    assert_eq!((names(&all), stops), (names(&expected), 0), "{text:?} by {limit}, {direction:?}");
                }
                for (at, client) in expected.iter().enumerate() {
                    // A cursor that is made of a client does not tell that no range has its address.
                    if order == NameOrder::Spanish && client.email.starts_with(['´', 'ñ']) {
                        continue;
                    }
                    let request = PageRequest::after(PageLimit::MAX, sent(&listing.cursor_at(client)));
                    let rest = store.page(&listing, &request).await.unwrap().items;
                    assert_eq!(names(&rest), names(&expected[at + 1..]), "{text:?} after {at}, {direction:?}");
                }
            }
        }
    }
}

/// More clients than a search looks at before it looks at the clock, and more than are sorted whose address starts with one
/// text.
async fn many(fixture: &Fixture) -> Vec<Client> {
    let clients: Vec<Client> = (0..1_150_u32)
        .map(|n| {
            let mut id = [7; 12];
            id[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
            let initial = ["Ñ", "c", "E", "V"][n as usize % 4];
            let mut client = client(0);
            client.id = provesi_core::ClientId::from_bytes(id);
            client.name = ClientName::parse(format!("{initial} {n}")).unwrap();
            client.email = format!("{}ventas{n}@x.co", if n < 50 { "c" } else { "" }).parse().unwrap();
            client
        })
        .collect();
    keep(fixture, &clients).await;
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_stops_early_says_so_and_goes_on_to_the_whole_list() {
    let fixture = Fixture::new().await;
    let clients = many(&fixture).await;
    let order = name_order(&fixture.store).await;
    let (store, hasty) = (patient(&fixture.store), hasty(&patient(&fixture.store)));
    for direction in DIRECTIONS {
        for (text, found) in [("v", 1_150), ("ventas111", 11), ("@x", 1_150), ("nadie", 0)] {
            let listing = ClientListing::new(filter(text), direction);
            let expected = listed(&clients, &listing, order);
            assert_eq!(expected.len(), found, "{text}");
            let (all, stops) = pages(&store, &listing, 400).await;
            assert_eq!((names(&all), stops), (names(&expected), 0), "{text}");
            // Two batches of 500 and a rest.
            let (all, stops) = pages(&hasty, &listing, 1_000).await;
            assert_eq!(names(&all), names(&expected), "{text}");
            assert!(stops >= 2, "{text}: {stops}");
            let stream: Vec<Client> = hasty.stream(&listing).try_collect().await.unwrap();
            let stream: Vec<_> = stream.iter().map(ClientRow::from).collect();
            assert_eq!(names(&stream), names(&expected), "{text}");
            assert_eq!(store.count(&listing.filter).await.unwrap(), found as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_list_has_stop_no_search() {
    let fixture = Fixture::new().await;
    let mut documents: Vec<Document> = Vec::new();
    for n in 0..40_u8 {
        let mut document = mongoengine(n, &format!("a{n}@x.co"));
        let name: Bson = match n % 8 {
            0 => format!("Ana {n}").into(),
            1 => "x".repeat(70_000).into(),
            2 => format!("Ana {}", "\u{ffff}".repeat(200)).into(),
            3 => Bson::Int32(7),
            4 => Bson::Null,
            5 => "\u{1}".repeat(100).into(),
            6 => "".into(),
            _ => Bson::Array(vec!["Ana".into()]),
        };
        document.insert("name", name);
        documents.push(document);
    }
    fixture.raw().insert_many(documents).await.unwrap();
    // Names of control characters alone and empty ones are irregular, and listed.
    for (text, expected) in [("ana", 5), ("na", 5), ("a0", 1), ("x.co", 15), ("nadie", 0)] {
        for direction in DIRECTIONS {
            let listing = ClientListing::new(filter(text), direction);
            let (all, stops) = pages(&patient(&fixture.store), &listing, 2).await;
            assert_eq!((all.len(), stops), (expected, 0), "{text}, {direction:?}");
        }
    }
}

#[tokio::test]
async fn an_address_with_blanks_before_it_is_listed_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut document = mongoengine(1, "  ana@x.co");
    document.insert("name", "Zoé");
    fixture.raw().insert_one(document).await.unwrap();
    store.insert(&client(2)).await.unwrap();
    for direction in DIRECTIONS {
        for limit in [1, 5] {
            let (all, _) = pages(store, &ClientListing::new(filter("ana"), direction), limit).await;
            assert_eq!(all.len(), 2);
        }
    }
}
