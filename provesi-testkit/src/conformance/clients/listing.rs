//! Lists of clients.

use provesi_core::{
    Client, ClientFilter, ClientListing, ClientQuery, ClientRepositoryExt, Direction, PageLimit, PageRequest,
    StoreError,
};

use crate::conformance::clients::NameOrder;
use crate::conformance::support::{Clients, assert_records, assert_refused, client_pages, streamed_clients};
use crate::data::{client, phone, with};

/// Names in the order of CLDR's collation for Spanish.
const NAMES: [&str; 16] = [
    "🚚 Trasteos",
    "1 de Mayo",
    "abeja",
    "Abeja",
    "Abéja",
    "Ana",
    "ana maría",
    "anacardo",
    "Andrés",
    "niño",
    "Nube",
    "ñame",
    "Ñandú",
    "Oso",
    "zapato",
    "漢字",
];

async fn keep(store: &Clients, names: &[&str]) -> Vec<Client> {
    // Kept in another order than the one asked for.
    let mut clients: Vec<_> = (0..).zip(names).map(|(number, name)| client(number, name)).collect();
    clients.sort_by_key(|client| client.id.as_bytes()[11].wrapping_mul(89));
    for client in &clients {
        store.insert(client).await.expect("kept");
    }
    clients
}

fn both_directions() -> [ClientListing; 2] {
    [Direction::Ascending, Direction::Descending].map(|way| ClientListing::new(ClientFilter::default(), way))
}

pub async fn names_are_in_the_declared_order(store: Clients) {
    keep(&store, &NAMES).await;
    let listed = client_pages(&store, &ClientListing::default(), 1_000).await;
    let mut expected = NAMES;
    match store.names {
        NameOrder::Spanish => {}
        NameOrder::CodePoint => expected.sort_unstable(),
    }
    assert_eq!(listed.iter().map(|client| client.name.as_str()).collect::<Vec<_>>(), expected);
}

pub async fn names_that_sort_alike_are_in_the_order_of_their_ids(store: Clients) {
    let spellings = match store.names {
        // One name to the collation: composed, decomposed, with a soft hyphen.
        NameOrder::Spanish => ["Jos\u{e9}", "Jose\u{301}", "Jos\u{e9}\u{ad}"],
        NameOrder::CodePoint => ["Jos\u{e9}"; 3],
    };
    let kept = keep(&store, &spellings.repeat(5)).await;
    for listing in both_directions() {
        let expected = store.in_order(kept.clone(), &listing);
        assert!(expected.is_sorted_by(|a, b| listing.direction.apply(a.id.cmp(&b.id)).is_lt()), "they sort alike");
        for limit in [1, 4, 1_000] {
            assert_records(&client_pages(&store, &listing, limit).await, &expected, (limit, &listing));
        }
    }
}

pub async fn pages_of_any_size_cover_each_client_once(store: Clients) {
    // Ties by the dozen.
    let names: Vec<&str> = ["Ana", "Ñandú", "ana", "Ana", "Nube"].into_iter().cycle().take(57).collect();
    let kept = keep(&store, &names).await;
    for listing in both_directions() {
        let expected = store.in_order(kept.clone(), &listing);
        for limit in [1, 2, 7, 19, 56, 57, 58, 1_000] {
            assert_records(&client_pages(&store, &listing, limit).await, &expected, (limit, &listing));
        }
        assert_records(&streamed_clients(&store, &listing).await, &expected, &listing);
    }
}

pub async fn the_reversed_listing_walks_back_with_the_same_cursors(store: Clients) {
    keep(&store, &NAMES).await;
    let listing = ClientListing::default();
    let all = client_pages(&store, &listing, 1_000).await;
    let limit = PageLimit::new(4).expect("a limit");
    let request = PageRequest::after(limit, listing.cursor_at(&(&all[9]).into()));
    let back = store.list(&listing.reversed(), &request).await.expect("a page").items;
    assert_records(&back, &all[5..9].iter().rev().cloned().collect::<Vec<_>>(), "the four before the cursor");
}

pub async fn a_cursor_of_another_listing_is_refused(store: Clients) {
    let kept = keep(&store, &NAMES).await;
    let mut other = ClientListing::default();
    other.filter.query = ClientQuery::parse("ana").ok();
    let request = PageRequest::after(PageLimit::MAX, other.cursor_at(&(&kept[0]).into()));
    assert_refused!(store.page(&ClientListing::default(), &request).await, StoreError::InvalidCursor);
    let request = PageRequest::after(PageLimit::MAX, ClientListing::default().cursor_at(&(&kept[0]).into()));
    assert_refused!(store.page(&other, &request).await, StoreError::InvalidCursor);
}

pub async fn a_search_finds_what_matches_and_nothing_else(store: Clients) {
    let mut clients = vec![
        with(client(1, "Ñandú Ferretería"), |it| it.phone = phone("(+57) 300 123 4567")),
        with(client(2, "ferreteria EL CENTRO"), |it| it.phone = phone("3109876543")),
        with(client(3, "100% Ana"), |it| it.email = "100%_ana@example.com".parse().expect("an address")),
        client(4, "O'Neil \"x\" \\ y"),
        client(5, "漢字 🚚"),
        client(6, "ﬁn de año"),
    ];
    clients.extend((7..40).map(|number| client(number, &format!("Cliente {number}"))));
    for client in &clients {
        store.insert(client).await.expect("kept");
    }
    let texts = [
        "ferreteria",
        "FERRETERÍA",
        "nandu",
        "ñ",
        "3001234567",
        "+57 300 123 4567",
        "300 123",
        "57",
        "(310)",
        "%",
        "_",
        "100%",
        "'",
        "\"",
        "\\",
        "漢",
        "🚚",
        "fin",
        "ano",
        "cliente 1",
        "e",
        "cliente-2",
        "@example",
        "nadie",
        "a b",
    ];
    for text in texts {
        for mut listing in both_directions() {
            listing.filter.query = Some(ClientQuery::parse(text).expect("a text to look for"));
            let expected = store.in_order(clients.clone(), &listing);
            for limit in [3, 1_000] {
                assert_records(&client_pages(&store, &listing, limit).await, &expected, (text, limit));
            }
            assert_records(&streamed_clients(&store, &listing).await, &expected, text);
            let count = store.count(&listing.filter).await.expect("counted");
            assert_eq!(count, expected.len() as u64, "{text:?}");
        }
    }
}

pub async fn a_search_lists_what_starts_with_the_text_first(store: Clients) {
    let email = |address: &str| address.parse().expect("an address");
    // Not in this order by name, nor by id.
    let names = ["Nandú", "ñandú", "Ñandu Dos", "Zapatería", "Ana Nandu", "Fernandú", "Oso"];
    let addresses = ["z@x.co", "nandu@x.co", "y@x.co", "Nandu.Z@x.co", "a@nandu.co", "nand@x.co", "oso@x.co"];
    let mut clients = Vec::new();
    for (number, (name, address)) in (0..).zip(names.into_iter().zip(addresses)) {
        clients.push(with(client(7 * number % 19, name), |it| it.email = email(address)));
    }
    for client in &clients {
        store.insert(client).await.expect("kept");
    }
    let mut listing = ClientListing::default();
    listing.filter.query = Some(ClientQuery::parse("ñandu").expect("a text to look for"));
    let listed = client_pages(&store, &listing, 1_000).await;
    let expected = match store.names {
        NameOrder::Spanish => ["Nandú", "ñandú", "Ñandu Dos", "Zapatería", "Ana Nandu", "Fernandú"],
        NameOrder::CodePoint => ["Nandú", "Ñandu Dos", "ñandú", "Zapatería", "Ana Nandu", "Fernandú"],
    };
    assert_eq!(listed.iter().map(|client| client.name.as_str()).collect::<Vec<_>>(), expected);
    let backwards: Vec<_> = listed.iter().rev().cloned().collect();
    for limit in 1..8 {
        assert_records(&client_pages(&store, &listing, limit).await, &listed, limit);
        assert_records(&client_pages(&store, &listing.reversed(), limit).await, &backwards, (limit, "backwards"));
    }
    for (at, client) in listed.iter().enumerate() {
        let request = PageRequest::after(PageLimit::MAX, listing.cursor_at(&client.into()));
        let after = store.list(&listing, &request).await.expect("a page").items;
        assert_records(&after, &listed[at + 1..], ("after", at));
        let mut before = store.list(&listing.reversed(), &request).await.expect("a page").items;
        before.reverse();
        assert_records(&before, &listed[..at], ("before", at));
    }
}
