//! What is sent to the server: as little as there can be, and as durably as the crate's page says.

use provesi_testkit::data::with;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{ReadConcern, WriteConcern};
use provesi_core::{
    AuditChain, AuditQuery, AuditStore, ClientFilter, ClientId, ClientKey, ClientListing, ClientRepository,
    ClientRepositoryExt, Expected, PageLimit, PageRequest,
};
use provesi_store_mongo::{MongoAudit, MongoStore, client_options};
use provesi_testkit::audit::record;

use crate::common::{Fixture, at, client, filter};

/// Commands as they were sent.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Document>>>);

impl Sent {
    /// The commands since the last time, without what the driver tells servers by itself.
    fn take(&self) -> Vec<Document> {
        let mut sent = std::mem::take(&mut *self.0.lock().unwrap());
        sent.retain(|command| !command.contains_key("killCursors") && !command.contains_key("endSessions"));
        sent
    }

    fn names(&self) -> Vec<String> {
        self.take().iter().filter_map(|command| command.keys().next().cloned()).collect()
    }
}

/// A store whose client is set to less than the store promises, and what it sends.
async fn watched(fixture: &Fixture) -> (MongoStore, Sent) {
    let (database, sent) = watched_database(fixture).await;
    (MongoStore::new(&database), sent)
}

async fn watched_database(fixture: &Fixture) -> (mongodb::Database, Sent) {
    let sent = Sent::default();
    let seen = sent.clone();
    let mut options = client_options(fixture.url()).await.unwrap();
    options.write_concern = Some(WriteConcern::nodes(1));
    options.read_concern = Some(ReadConcern::local());
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(started) = event {
            seen.0.lock().unwrap().push(started.command);
        }
    }));
    let client = mongodb::Client::with_options(options).unwrap();
    (client.database(fixture.database.name()), sent)
}

#[tokio::test]
async fn a_call_is_one_command_and_a_change_one_more() {
    let fixture = Fixture::new().await;
    let (store, sent) = watched(&fixture).await;
    let kept = store.insert(&client(1)).await.unwrap();
    assert_eq!(sent.names(), ["insert"]);
    store.get(kept.id).await.unwrap();
    assert_eq!(sent.names(), ["find"]);
    store.find_by_email(&kept.email).await.unwrap();
    assert_eq!(sent.names(), ["find"]);
    let ids: Vec<ClientId> = (0..=255).map(|n| client(n).id).collect();
    store.existing(&ids).await.unwrap();
    assert_eq!(sent.names(), ["find"]);
    store.existing(&[]).await.unwrap();
    assert!(sent.names().is_empty());
    store.update(&kept, Expected::Any, at(5)).await.unwrap();
    assert_eq!(sent.names(), ["find"], "nothing is written where nothing changes");
    let changed = with(kept.clone(), |it| it.email = "b@x.co".parse().unwrap());
    let changed = store.update(&changed, kept.version().into(), at(5)).await.unwrap();
    assert_eq!(sent.names(), ["find", "findAndModify"]);
    store.delete(changed.id, changed.version().into()).await.unwrap();
    assert_eq!(sent.names(), ["find", "findAndModify"]);
    store.count(&ClientFilter::default()).await.unwrap();
    assert_eq!(sent.names(), ["aggregate"]);
}

#[tokio::test]
async fn keys_are_looked_up_by_one_command_for_each_kind_and_thousand() {
    let fixture = Fixture::new().await;
    let (store, sent) = watched(&fixture).await;
    let store = store.with_time_limit(Duration::from_secs(60));
    let mut keys = Vec::new();
    for n in 0..1_001_u32 {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&n.to_be_bytes());
        keys.push(ClientKey::Id(ClientId::from_bytes(id)));
        if n < 1_000 {
            keys.push(ClientKey::Email(format!("a{n}@x.co").parse().unwrap()));
        }
    }
    assert!(store.get_many(&keys).await.into_iter().all(|row| row.unwrap().is_none()));
    assert_eq!(sent.names(), ["find"; 3]);
}

#[tokio::test]
async fn a_page_is_one_command_after_the_first() {
    let fixture = Fixture::new().await;
    let documents: Vec<Document> = (0..=250).map(|n| crate::common::mongoengine(n, &format!("{n}@x.co"))).collect();
    fixture.raw().insert_many(documents).await.unwrap();
    let (store, sent) = watched(&fixture).await;
    let listing = ClientListing::default();
    let first = PageRequest::first(PageLimit::new(150).unwrap());
    let page = store.page(&listing, &first).await.unwrap();
    assert_eq!(sent.names(), ["aggregate", "find"], "the server is asked once for the collation");
    let second = PageRequest::after(PageLimit::MAX, page.next.unwrap());
    assert_eq!(store.clone().page(&listing, &second).await.unwrap().items.len(), 101);
    assert_eq!(sent.names(), ["find"]);
}

/// What a search sends: each rank by an index where the server has the collation, and no more than a page takes.
#[tokio::test]
async fn a_search_is_ranges_first_and_then_a_walk_along_the_names() {
    let fixture = Fixture::new().await;
    let documents: Vec<Document> = (0..=250).map(|n| crate::common::mongoengine(n, &format!("v{n}@x.co"))).collect();
    fixture.raw().insert_many(documents).await.unwrap();
    let (store, sent) = watched(&fixture).await;
    let store = store.with_search_time(Duration::from_secs(60));
    let is_collated = store.sorts_by_collation().await.unwrap();
    sent.take();
    let listing = |text: &str| ClientListing::new(filter(text), Default::default());
    let first = |limit: u32| PageRequest::first(PageLimit::new(limit).unwrap());

    let page = store.page(&listing("Aná 2"), &first(50)).await.unwrap();
    assert_eq!(page.items.len(), 50);
    let mut commands = sent.take();
    commands.retain(|command| command.contains_key("find"));
    let [names] = &commands[..] else { panic!("one command: {commands:?}") };
    assert_eq!(names.get_document("sort").unwrap(), &doc! { "name": 1, "_id": 1 });
    assert_eq!(names.get_i32("batchSize").unwrap(), 52, "one more than is wanted");
    assert!(names.contains_key("maxTimeMS"));
    if !is_collated {
        assert_eq!((names.get_document("filter").unwrap(), names.get("collation")), (&doc! {}, None));
        return;
    }
    let text_of = |command: &Document| command.get_document("filter").unwrap().to_string();
    let locale = |command: &Document| {
        assert!(command.contains_key("maxTimeMS"), "{command}");
        let collation = command.get_document("collation").unwrap();
        (collation.get_str("locale").unwrap().to_owned(), collation.get_i32("strength").unwrap())
    };
    // `n` is a letter or `ñ`: two ranges, which the server merges.
    let range = |start: &str| doc! { "name": { "$gte": start, "$lt": format!("{start}\u{ffff}") } };
    let ranges = ["ana 2", "aña 2"].map(range).to_vec();
    assert_eq!(names.get_document("filter").unwrap(), &doc! { "$or": ranges });
    assert_eq!(locale(names), ("es".to_owned(), 3));

    // The rest of the names, then the addresses, then the walk.
    let next = PageRequest::after(PageLimit::MAX, page.next.unwrap());
    assert_eq!(store.page(&listing("Aná 2"), &next).await.unwrap().items.len(), 1);
    let rest = sent.take();
    let commands: Vec<&str> = rest.iter().filter_map(|command| command.keys().next()).map(String::as_str).collect();
    assert_eq!(commands, ["find"; 3], "names, addresses, the walk");
    assert!(text_of(&rest[0]).contains("\"$gt\": \"Ana 249\""), "{}", rest[0]);
    assert!(text_of(&rest[1]).contains(r#""email": { "$gte": "ana 2", "$lt": "ana 2"#), "{}", rest[1]);
    assert_eq!((locale(&rest[1]), rest[1].get_i64("limit").unwrap()), (("en".to_owned(), 2), 1_001));
    assert_eq!((locale(&rest[2]), rest[2].get_document("filter").unwrap()), (("es".to_owned(), 3), &doc! {}));

    // Few addresses are sorted by the names: found by their ids, and by nothing else.
    assert_eq!(store.page(&listing("v24"), &first(11)).await.unwrap().items.len(), 11);
    let sorted = sent.take();
    assert_eq!(sorted[2].get_document("hint").unwrap(), &doc! { "_id": 1 });
    assert!(text_of(&sorted[2]).contains("\"$in\""), "{}", sorted[2]);
    assert_eq!(locale(&sorted[2]), ("es".to_owned(), 3));
}

#[tokio::test]
async fn reads_and_writes_are_of_a_majority_whatever_the_client_is_set_to() {
    let fixture = Fixture::new().await;
    let (store, sent) = watched(&fixture).await;
    let kept = store.insert(&client(1)).await.unwrap();
    let changed = with(kept, |it| it.email = "b@x.co".parse().unwrap());
    store.update(&changed, Expected::Any, at(5)).await.unwrap();
    store.delete(changed.id, Expected::Any).await.unwrap();
    store.page(&ClientListing::default(), &PageRequest::first(PageLimit::MAX)).await.unwrap();
    let sent = sent.take();
    assert_eq!(sent.len(), 7);
    for command in sent {
        let reads = ["find", "aggregate"].iter().any(|name| command.contains_key(name));
        if reads {
            assert_eq!(command.get_document("readConcern").unwrap(), &doc! { "level": "majority" });
            assert!(command.contains_key("maxTimeMS"), "{command}");
        } else {
            let concern = command.get_document("writeConcern").unwrap();
            assert_eq!(
                (concern.get_str("w").unwrap(), concern.get_bool("j").unwrap()),
                ("majority", true),
                "{command}"
            );
            assert!(concern.contains_key("wtimeout"), "{command}");
        }
    }
}

/// A tail that a majority does not have yet must not look like one that was cut: the head is read as the records are.
#[tokio::test]
async fn the_head_and_the_records_of_the_audit_are_read_from_a_majority() {
    let fixture = Fixture::new().await;
    let (database, sent) = watched_database(&fixture).await;
    let store = MongoAudit::new(&database);
    store.append(&AuditChain::plain(), &[record(1, Vec::new())]).await.unwrap();
    sent.take();
    store.head().await.unwrap();
    store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.unwrap();
    let reads = sent.take();
    assert_eq!(reads.len(), 2);
    for command in reads {
        assert_eq!(command.get_document("readConcern").unwrap(), &doc! { "level": "majority" }, "{command}");
    }
}

#[tokio::test]
async fn writes_wait_for_a_majority_no_longer_than_the_stores_time_limit() {
    let fixture = Fixture::new().await;
    let (database, sent) = watched_database(&fixture).await;
    let limit = Duration::from_millis(1_900);
    let store = MongoStore::new(&database).with_time_limit(limit);
    let kept = store.insert(&client(1)).await.unwrap();
    let changed = with(kept, |it| it.email = "b@x.co".parse().unwrap());
    store.update(&changed, Expected::Any, at(5)).await.unwrap();
    store.delete(changed.id, Expected::Any).await.unwrap();
    let audit = MongoAudit::new(&database).with_time_limit(limit);
    audit.append(&AuditChain::plain(), &[record(1, Vec::new())]).await.unwrap();
    let mut concerns = sent.take();
    concerns.retain(|command| command.contains_key("insert") || command.contains_key("findAndModify"));
    assert_eq!(concerns.len(), 4);
    for command in concerns {
        let wtimeout = command.get_document("writeConcern").unwrap().get("wtimeout").unwrap();
        assert_eq!(wtimeout.as_i32().map(i64::from).or(wtimeout.as_i64()), Some(1_900), "{command}");
    }
}
