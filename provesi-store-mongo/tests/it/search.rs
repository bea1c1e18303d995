//! Searches agree with the rules of the domain.

use futures_util::StreamExt;
use provesi_core::{
    Client, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, ClientRow, Direction, Phone,
};

use crate::common::{Fixture, client, filter, listed};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_finds_the_clients_that_match_it() {
    let fixture = Fixture::new().await;
    let names = [
        "Ñandú 100%",
        "nandu_x",
        "\"Comillas\" y 'más'",
        "ÁRBOL ﬁno",
        "a*b OR c",
        "100 por ciento",
        "漢字漢字",
        "Pe\u{301}rez N\u{303}",
        "ĳsvogel ½ \u{212b}ngström",
        "[a-z]^$.|?+(){}\\",
        "İstanbul ſtraße",
    ];
    let phones = ["+57 300 123 4567", "(300) 123-4567", "57 300", "", "12345", "573001234567", "3001234567"];
    let mut clients = Vec::new();
    for (n, (name, phone)) in (0_u8..).zip(names.into_iter().zip(phones.into_iter().cycle())) {
        let name = ClientName::parse(name).unwrap();
        let new = Client { name, phone: Phone::parse_optional(phone).unwrap(), ..client(n) };
        fixture.store.insert(&new).await.unwrap();
        clients.push(new);
    }
    let texts = [
        "%",
        "_",
        "nandu",
        "ÑANDÚ",
        "100%",
        "\"",
        "'",
        "fino",
        "ﬁ",
        "*",
        "OR",
        "漢",
        "漢字漢",
        "ana3@",
        "EJEMPLO",
        "300",
        "+57 300 123 4567",
        "123-45",
        "57 300",
        "12345",
        ".",
        "a b",
        "nadie",
        "\\",
        "perez",
        "PÉREZ n",
        "ijs",
        "1⁄2",
        "angstrom",
        "[a",
        "]",
        "^",
        "$",
        ".|?",
        "(){",
        "-",
        "istan",
        "stra",
        "ß",
        "ss",
        "x".repeat(100).leak(),
    ];
    let by_server = fixture.store.server_sorts_names().await.unwrap();
    for text in texts {
        for direction in [Direction::Ascending, Direction::Descending] {
            let listing = ClientListing::new(filter(text), direction);
            let expected = listed(&clients, &listing, by_server);
            let found = fixture.store.stream(&listing).map(|client| ClientRow::from(&client.unwrap()));
            let found: Vec<_> = found.collect().await;
            assert_eq!(found, expected, "{text}");
        }
        let expected = clients.iter().filter(|client| filter(text).matches(&(*client).into())).count() as u64;
        assert_eq!(fixture.store.count(&filter(text)).await.unwrap(), expected, "{text}");
    }
}

/// The filter that goes to the server lets through all that the rule does: each character alone, and between others.
#[tokio::test(flavor = "multi_thread")]
async fn any_character_is_found_by_itself_and_by_what_it_folds_to() {
    let fixture = Fixture::new().await;
    let characters: Vec<char> = ('!'..='\u{17f}').filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let mut clients = Vec::new();
    for (n, some) in (0_u8..).zip(characters.chunks(40)) {
        let name = ClientName::parse(some.iter().collect::<String>()).unwrap();
        let new = Client { name, ..client(n) };
        fixture.store.insert(&new).await.unwrap();
        clients.push(new);
    }
    let by_server = fixture.store.server_sorts_names().await.unwrap();
    for (at, character) in characters.iter().enumerate().step_by(3) {
        let two: String = characters[at..].iter().take(2).collect();
        for text in [character.to_string(), provesi_core::fold(&two)] {
            let listing = ClientListing::new(filter(&text), Direction::Ascending);
            let expected = listed(&clients, &listing, by_server);
            let found = fixture.store.stream(&listing).map(|client| ClientRow::from(&client.unwrap()));
            let found: Vec<_> = found.collect().await;
            assert_eq!(found, expected, "{text}");
        }
    }
}
