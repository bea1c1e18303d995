//! The order of names, by the server's collation or by code point.

use provesi_testkit::data::with;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use provesi_core::{
    Client, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, ClientRow, Direction, PageLimit,
    PageRequest, StoreAdmin,
};
use provesi_store_mongo::MongoStore;
use provesi_testkit::conformance::clients::NameOrder;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::common::{Fixture, client, filter, listed, name_order};

/// What Spanish readers sort, and what typists leave.
const NAMES: [&str; 40] = [
    "Álvarez",
    "Alvarez",
    "alvarez",
    "ÁLVAREZ",
    "A\u{301}lvarez",
    "Alvárez",
    "Ñandú",
    "ñandú",
    "N\u{303}andu",
    "Nandu",
    "Nzeta",
    "Oso",
    "Osó",
    "Peña",
    "Pena",
    "Peñas",
    "Penas",
    "Lluvia",
    "Luz",
    "Llano",
    "Chávez",
    "Cruz",
    "Czar",
    "Dos",
    "3M",
    "24 Horas",
    "100 %",
    "O'Neil",
    "ONeil",
    "O Neil",
    "O-Neil",
    " Oso",
    "Oso ",
    "_oso",
    "ﬁn",
    "fin",
    "漢字",
    "Ωmega",
    "🚚 Trasteos",
    "ß & Co",
];

async fn keep(fixture: &Fixture) -> Vec<Client> {
    let mut clients = Vec::new();
    for (n, name) in (0_u8..).zip(NAMES.into_iter().chain(NAMES)) {
        // The ids go another way than the names.
        let named = with(client(n.wrapping_mul(89)), |it| it.name = ClientName::parse(name).unwrap());
        fixture.store.insert(&named).await.unwrap();
        clients.push(named);
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_in_the_order_of_the_server_from_any_place() {
    let fixture = Fixture::new().await;
    let clients = keep(&fixture).await;
    let names = name_order(&fixture.store).await;
    for direction in [Direction::Ascending, Direction::Descending] {
        let listing = ClientListing::new(Default::default(), direction);
        let expected = listed(&clients, &listing, names);
        let first = PageRequest::first(PageLimit::MAX);
        let page = fixture.store.page(&listing, &first).await.unwrap().items;
        let of = |clients: &[ClientRow]| clients.iter().map(|client| client.name.clone()).collect::<Vec<_>>();
        assert_eq!((of(&page), &page), (of(&expected), &expected));
        for at in 0..expected.len() {
            let request = PageRequest::after(PageLimit::MAX, listing.cursor_at(&expected[at]));
            assert_eq!(fixture.store.page(&listing, &request).await.unwrap().items, expected[at + 1..]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_stands_where_its_client_was() {
    let fixture = Fixture::new().await;
    let clients = keep(&fixture).await;
    let listing = ClientListing::new(filter("o"), Direction::Ascending);
    let mut expected = listed(&clients, &listing, name_order(&fixture.store).await);
    let gone = expected.remove(4);
    fixture.store.delete(gone.id, provesi_core::Expected::Any).await.unwrap();
    let request = PageRequest::after(PageLimit::MAX, listing.cursor_at(&gone));
    assert_eq!(fixture.store.page(&listing, &request).await.unwrap().items, expected[4..]);
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("provesi")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_server_without_the_collation_is_logged_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let fixture = Fixture::unmigrated().await;
    // Other tests log the warning without a subscriber. If that happens first, and at the moment at which this one is set,
    // it may be cached that nobody wants it.
    MongoStore::new(&fixture.database).pending_migrations().await.unwrap();
    tracing::callsite::rebuild_interest_cache();
    warnings.0.store(0, Ordering::Relaxed);
    let store = fixture.store.clone();
    store.pending_migrations().await.unwrap();
    let expected = usize::from(name_order(&store).await == NameOrder::CodePoint);
    assert_eq!(warnings.0.load(Ordering::Relaxed), expected, "at start");
    store.insert(&client(1)).await.unwrap();
    for store in [&store, &fixture.store] {
        store.page(&ClientListing::default(), &PageRequest::first(PageLimit::MAX)).await.unwrap();
    }
    assert_eq!(warnings.0.load(Ordering::Relaxed), expected);
}
