//! What the tests share: a store over a database of its own, and things to put in it.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client as Driver, Collection, Database};
use provesi_core::{
    Client, ClientFilter, ClientId, ClientListing, ClientQuery, ClientRow, MatchRank, StoreAdmin, Timestamp, fold,
};
use provesi_store_mongo::{MongoStore, client_options};
use provesi_testkit::conformance::clients::NameOrder;
use provesi_testkit::servers::{self, TestDatabase};

/// An empty database of a server, for one test.
async fn database() -> (Database, TestDatabase) {
    if !servers::wanted("mongodb") {
        // Left out by name, which `wanted` has said. This program tests nothing else.
        std::process::exit(0);
    }
    let server = servers::mongodb().await;
    let client = Driver::with_options(client_options(server.url()).await.unwrap()).unwrap();
    (client.database(server.name()), server)
}

pub(crate) struct Fixture {
    pub(crate) store: MongoStore,
    pub(crate) database: Database,
    server: TestDatabase,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let fixture = Self::unmigrated().await;
        fixture.store.migrate().await.unwrap();
        fixture
    }

    pub(crate) async fn unmigrated() -> Self {
        let (database, server) = database().await;
        Self { store: MongoStore::new(&database), database, server }
    }

    /// Where the database is.
    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// The collection as another program sees it.
    pub(crate) fn raw(&self) -> Collection<Document> {
        self.database.collection("clients")
    }

    pub(crate) async fn document(&self, id: ClientId) -> Document {
        self.raw().find_one(doc! { "_id": object_id(id) }).await.unwrap().unwrap()
    }
}

pub(crate) fn object_id(id: ClientId) -> ObjectId {
    ObjectId::from_bytes(*id.as_bytes())
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000).unwrap()
}

pub(crate) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.micros() / 1_000)
}

pub(crate) fn client(n: u8) -> Client {
    Client::builder()
        .id(ClientId::from_bytes([n; 12]))
        .name(provesi_core::ClientName::parse(format!("Ana {n:03}")).unwrap())
        .email(format!("Ana{n}@ejemplo.co").parse().unwrap())
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

/// A document as MongoEngine writes it.
pub(crate) fn mongoengine(n: u8, email: &str) -> Document {
    doc! {
        "_id": ObjectId::from_bytes([n; 12]), "name": format!("Ana {n:03}"), "email": email,
        "phone": "(+57) 300 123 4567", "address": "Cra 7 # 1-23", "created_at": date(at(0)), "updated_at": date(at(0)),
    }
}

pub(crate) fn filter(text: &str) -> ClientFilter {
    ClientFilter { query: ClientQuery::parse(text).ok() }
}

/// How the server of the tests sorts names.
pub(crate) async fn name_order(store: &MongoStore) -> NameOrder {
    if store.sorts_by_collation().await.unwrap() { NameOrder::Spanish } else { NameOrder::CodePoint }
}

/// The clients that `listing` lists, in its order. With the collation, what starts with the text in characters that a range
/// may miss is among those that have it inside.
pub(crate) fn listed(clients: &[Client], listing: &ClientListing, names: NameOrder) -> Vec<ClientRow> {
    let text = listing.filter.query.as_ref().map(ClientQuery::folded);
    let text = text.filter(|text| names == NameOrder::Spanish && text.chars().all(is_plain));
    let rank = |client: &ClientRow| match (listing.rank_of(client), text) {
        (Some(MatchRank::NameStart), Some(text)) if !starts_plainly(&client.name, text) => Some(MatchRank::Inside),
        (Some(MatchRank::EmailStart), Some(text)) if !starts_plainly(&client.email, text) => Some(MatchRank::Inside),
        (rank, _) => rank,
    };
    let key = |client: &ClientRow| (rank(client), names.key(&client.name), client.id);
    let rows = clients.iter().map(ClientRow::from);
    let mut clients: Vec<_> = rows.filter(|client| listing.filter.matches(client)).collect();
    clients.sort_by(|a, b| listing.direction.apply(key(a).cmp(&key(b))));
    clients
}

fn is_plain(c: char) -> bool {
    (' '..='\u{17f}').contains(&c) && !"´¨¯¸·".contains(c) && fold(&c.to_string()).chars().count() == 1
}

/// Whether what folds to `folded`, at the start of `text`, is written in Latin letters, digits and punctuation, each of
/// which folds to one character, and accents.
fn starts_plainly(text: &str, folded: &str) -> bool {
    let is_accent = |c: char| ('\u{300}'..='\u{328}').contains(&c);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let start = ends.map(|end| &text[..end]).find(|start| fold(start).starts_with(folded)).unwrap_or_default();
    start.starts_with(is_plain) && start.chars().all(|c| is_plain(c) || is_accent(c)) && !text.contains('\u{ffff}')
}
