//! Searches agree with the rules of the domain, also after changes.

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt};
use provesi_core::{
    Client, ClientFilter, ClientListing, ClientName, ClientQuery, ClientRepository, ClientRepositoryExt, Direction,
    Expected, NewOrder, NumberPart, Order, OrderFilter, OrderListing, OrderRepositoryExt, OrderSort, OrderStatus,
    Phone,
};
use provesi_testkit::data::with;

use crate::common::{Fixture, client, order, stamp};

/// The same numbers in every run: a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Few characters, so that parts are found in many places.
    fn number(&mut self, longest: u64) -> String {
        (0..=self.roll(longest)).map(|_| ['a', 'B', '-', '1'][usize::try_from(self.roll(4)).unwrap()]).collect()
    }
}

async fn found(fixture: &Fixture, filter: &OrderFilter, sort: OrderSort) -> Vec<Order> {
    let listing = OrderListing::new(filter.clone(), sort, Direction::Descending);
    OrderRepositoryExt::stream(&fixture.store, &listing).try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_number_finds_the_orders_that_have_it_after_changes_too() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut dice = Dice(7);
    let made = stamp(1);
    let new: Vec<NewOrder> = (0..400)
        .map(|n| order(&format!("{}-x{n}", dice.number(8)), OrderStatus::ALL[usize::try_from(dice.roll(7)).unwrap()]))
        .collect();
    let mut orders =
        try_join_all(new.iter().map(|order| OrderRepositoryExt::insert(store, order, &made))).await.unwrap();
    for (n, order) in orders.iter_mut().enumerate().take(100) {
        let number = format!("{}-y{n}", dice.number(8)).parse().unwrap();
        let renumbered = with(order.clone(), |it| it.number = number);
        *order = OrderRepositoryExt::update(store, &renumbered, Expected::Any, &stamp(2)).await.unwrap();
    }
    for order in orders.drain(350..) {
        OrderRepositoryExt::delete(store, order.id, Expected::Any, &stamp(3)).await.unwrap();
    }
    for round in 0..150 {
        let mut filter = OrderFilter { number_part: NumberPart::parse(&dice.number(5)).ok(), ..OrderFilter::default() };
        if round % 3 == 0 {
            filter.statuses.extend([OrderStatus::Packing, OrderStatus::Returned]);
        }
        let sort = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number][round % 4];
        let mut expected: Vec<Order> =
            orders.iter().filter(|order| filter.matches(&(*order).into())).cloned().collect();
        let listing = OrderListing::new(filter.clone(), sort, Direction::Descending);
        expected.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
        assert_eq!(found(&fixture, &filter, sort).await, expected, "{filter:?}");
        assert_eq!(store.count_all(&filter).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
    // FTS5 compares its index with the table.
    sqlx::query("INSERT INTO orders_trigrams (orders_trigrams, rank) VALUES ('integrity-check', 1)")
        .execute(&mut fixture.raw().await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_many_numbers_have_is_paged_in_order() {
    let fixture = Fixture::new().await;
    let made = stamp(1);
    // More than are sorted in memory, and all of one instant.
    let new: Vec<NewOrder> = (0..2_500).map(|n| order(&format!("M-{n}"), OrderStatus::Packing)).collect();
    let mut expected =
        try_join_all(new.iter().map(|order| OrderRepositoryExt::insert(&fixture.store, order, &made))).await.unwrap();
    let mut filter = OrderFilter::default();
    for (part, client_id) in [("M-", None), ("m", None), ("M-", expected[0].client_id), ("m", expected[0].client_id)] {
        filter.number_part = NumberPart::parse(part).ok();
        filter.client_id = client_id;
        for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
            let listing = OrderListing::new(filter.clone(), sort, Direction::Descending);
            expected.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
            assert!(found(&fixture, &filter, sort).await == expected, "{listing:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_finds_the_clients_that_match_it() {
    let fixture = Fixture::new().await;
    let names =
        ["Ñandú 100%", "nandu_x", "\"Comillas\" y 'más'", "ÁRBOL ﬁno", "a*b OR c", "100 por ciento", "漢字漢字"];
    let phones = ["+57 300 123 4567", "(300) 123-4567", "57 300", "", "12345", "573001234567", "3001234567"];
    let mut clients = Vec::new();
    for (n, (name, phone)) in (0_u8..).zip(names.into_iter().zip(phones)) {
        let name = ClientName::parse(name).unwrap();
        let new = with(client(n), |it| {
            it.name = name;
            it.phone = Phone::parse_optional(phone).unwrap();
        });
        ClientRepositoryExt::insert(&fixture.store, &new).await.unwrap();
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
    ];
    for text in texts {
        let filter = ClientFilter { query: ClientQuery::parse(text).ok() };
        for direction in [Direction::Ascending, Direction::Descending] {
            let listing = ClientListing::new(filter.clone(), direction);
            let mut expected: Vec<Client> =
                clients.iter().filter(|client| filter.matches(&(*client).into())).cloned().collect();
            expected.sort_by(|a, b| listing.compare(&a.into(), &b.into()));
            let found: Vec<_> =
                ClientRepositoryExt::stream(&fixture.store, &listing).map(Result::unwrap).collect().await;
            assert_eq!(found, expected, "{text}");
        }
        let expected = clients.iter().filter(|client| filter.matches(&(*client).into())).count() as u64;
        assert_eq!(ClientRepository::count(&fixture.store, &filter).await.unwrap(), expected, "{text}");
    }
}
