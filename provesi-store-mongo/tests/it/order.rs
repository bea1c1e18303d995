//! The order of names, by the server's collation or by ours.

use futures_util::TryStreamExt;
use provesi_core::{Client, ClientListing, ClientName, ClientRepositoryExt, Direction, PageLimit, PageRequest};

use crate::common::{Fixture, client, filter};

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
        let named = Client { name: ClientName::parse(name).unwrap(), ..client(n.wrapping_mul(89)) };
        fixture.store.insert(&named).await.unwrap();
        clients.push(named);
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_in_the_order_of_the_domain_whoever_sorts_them() {
    let fixture = Fixture::new().await;
    let clients = keep(&fixture).await;
    if !fixture.store.server_sorts_names().await.unwrap() {
        eprintln!("this server does not sort names: the walk along the index of the names is not run against it");
    }
    for direction in [Direction::Ascending, Direction::Descending] {
        let listing = ClientListing::new(Default::default(), direction);
        let mut expected = clients.clone();
        expected.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
        let listed: Vec<Client> = fixture.store.stream(&listing).try_collect().await.unwrap();
        let names = |clients: &[Client]| clients.iter().map(|client| client.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&listed), names(&expected));
        assert_eq!(listed, expected);
        // From every place, the rest.
        for at in 0..expected.len() {
            let request = PageRequest::after(PageLimit::MAX, listing.cursor_at(&(&expected[at]).into()));
            assert_eq!(fixture.store.list(&listing, &request).await.unwrap().items, expected[at + 1..]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_stands_where_its_client_was() {
    let fixture = Fixture::new().await;
    let clients = keep(&fixture).await;
    let listing = ClientListing::new(filter("o"), Direction::Ascending);
    let mut expected: Vec<Client> =
        clients.into_iter().filter(|client| listing.filter.matches(&client.into())).collect();
    expected.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
    let gone = expected.remove(4);
    fixture.store.delete(gone.id, gone.version().into()).await.unwrap();
    let request = PageRequest::after(PageLimit::MAX, listing.cursor_at(&(&gone).into()));
    assert_eq!(fixture.store.list(&listing, &request).await.unwrap().items, expected[4..]);
}
