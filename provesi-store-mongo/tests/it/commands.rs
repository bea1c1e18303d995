//! What is sent to the server: as little as there can be, and as durably as the crate's page says.

use std::sync::{Arc, Mutex};

use mongodb::bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{ReadConcern, WriteConcern};
use provesi_core::{Client, ClientFilter, ClientId, ClientListing, ClientRepository, Expected, PageLimit, PageRequest};
use provesi_store_mongo::{MongoStore, client_options};

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
    (MongoStore::new(&client.database(fixture.database.name())), sent)
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
    let ids: Vec<ClientId> = (0..250).map(|n| client(n).id).collect();
    store.get_many(&ids[..100]).await.unwrap();
    assert_eq!(sent.names(), ["find"]);
    store.get_many(&ids).await.unwrap();
    assert_eq!(sent.names(), ["find"; 3], "one for each hundred");
    store.get_many(&[]).await.unwrap();
    assert!(sent.names().is_empty());
    store.update(&kept, Expected::Any, at(5)).await.unwrap();
    assert_eq!(sent.names(), ["find"], "nothing is written where nothing changes");
    let changed = Client { email: "b@x.co".parse().unwrap(), ..kept.clone() };
    let changed = store.update(&changed, kept.version().into(), at(5)).await.unwrap();
    assert_eq!(sent.names(), ["find", "findAndModify"]);
    store.delete(changed.id, changed.version().into()).await.unwrap();
    assert_eq!(sent.names(), ["find", "findAndModify"]);
    store.count(&ClientFilter::default()).await.unwrap();
    assert_eq!(sent.names(), ["aggregate"]);
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
    assert_eq!(sent.names(), ["aggregate", "find"], "whether the server sorts names is asked once");
    let second = PageRequest::after(PageLimit::MAX, page.next.unwrap());
    assert_eq!(store.clone().page(&listing, &second).await.unwrap().items.len(), 101);
    assert_eq!(sent.names(), ["find"]);
    let searched = ClientListing::new(filter("ana 2"), Default::default());
    assert_eq!(store.page(&searched, &PageRequest::first(PageLimit::MAX)).await.unwrap().items.len(), 51);
    assert_eq!(sent.names(), ["find"]);
}

#[tokio::test]
async fn reads_and_writes_are_of_a_majority_whatever_the_client_is_set_to() {
    let fixture = Fixture::new().await;
    let (store, sent) = watched(&fixture).await;
    let kept = store.insert(&client(1)).await.unwrap();
    let changed = Client { email: "b@x.co".parse().unwrap(), ..kept };
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
