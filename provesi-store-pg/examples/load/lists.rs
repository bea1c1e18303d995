//! Every kind of page: filters and searches, rare ones and common ones, with each sort and direction, the first page and
//! one from the middle.

use std::time::{Duration, Instant};

use provesi_core::{
    ClientFilter, ClientListing, ClientPosition, ClientQuery, ClientRepository, Direction, MatchRank, NumberPart,
    OrderFilter, OrderListing, OrderRepository, OrderRepositoryExt, OrderSort, OrderStatus, PageLimit, PageRequest,
};
use provesi_store_pg::PgStore;

use crate::{Failure, client_id};

const LIMITS: [u32; 2] = [50, 1_000];
const DIRECTIONS: [Direction; 2] = [Direction::Descending, Direction::Ascending];
const SORTS: [OrderSort; 4] = [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number];

/// In no number; in all; in the oldest alone; in the newest alone; in some, everywhere.
const PARTS: [&str; 20] = [
    "z", "zz", "z-z", "-z-z-z", "o", "ord", "-", "9", "99", "0-", "-0", "-00", "ord-00", "ord-099", "-0-0", "0099",
    "999", "12345", "99999", "nothing",
];

const TEXTS: [&str; 33] = [
    "a",
    "b",
    "z",
    "q",
    "x",
    "ñ",
    "@",
    "9",
    "0",
    ".",
    "zz",
    "ma",
    "pe",
    "xx",
    "qu",
    "99",
    "00",
    "3",
    "30",
    "7 7",
    "o.",
    "co",
    "maria",
    "jose maria",
    "perez",
    "perez 9999",
    "velez 77",
    "3000099999",
    "cliente",
    "cliente99",
    "ejemplo.co",
    "+57 300",
    "nadie",
];

/// The slowest of some.
#[derive(Default)]
struct Slowest {
    took: Duration,
    what: String,
}

impl Slowest {
    fn see(&mut self, took: Duration, what: impl FnOnce() -> String) {
        if took > self.took {
            *self = Self { took, what: what() };
        }
    }
}

/// The shortest of three: other programs on the machine make the others longer.
async fn timed<Fut>(mut run: impl FnMut() -> Fut) -> Result<Duration, Failure>
where
    Fut: Future<Output = Result<(), Failure>>,
{
    let mut took = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        run().await?;
        took = took.min(start.elapsed());
    }
    Ok(took)
}

fn order_filters() -> Result<Vec<(String, OrderFilter)>, Failure> {
    let statuses: [(&str, &[OrderStatus]); 5] = [
        ("", &[]),
        (", packing", &[OrderStatus::Packing]),
        (", returned", &[OrderStatus::Returned]),
        (", three statuses", &[OrderStatus::Picking, OrderStatus::Packing, OrderStatus::Cancelled]),
        (", delivered or returned", &[OrderStatus::Delivered, OrderStatus::Returned]),
    ];
    let clients =
        [("", None), (", client of 10", Some(5)), (", client of many", Some(1)), (", client of old", Some(2))];
    let mut filters = Vec::new();
    for part in [None].into_iter().chain(PARTS.map(Some)) {
        for (of_client, client) in clients {
            for (in_status, statuses) in statuses {
                let mut filter = OrderFilter {
                    number_part: part.map(NumberPart::parse).transpose()?,
                    client_id: client.map(client_id),
                    ..OrderFilter::default()
                };
                filter.statuses.extend(statuses);
                let part = part.map_or_else(|| "all".to_owned(), |part| format!("part {part}"));
                filters.push((format!("{part}{of_client}{in_status}"), filter));
            }
        }
    }
    Ok(filters)
}

pub(crate) async fn lists(store: &PgStore, orders: u64) -> Result<(), Failure> {
    let mut slowest = [Slowest::default(), Slowest::default()];
    let middle = store.find_by_number(&format!("ord-{:07}", orders / 2).parse()?).await?.ok_or("there is no middle")?;
    let mut count = 0;
    for (name, filter) in order_filters()? {
        let mut of_this = [Slowest::default(), Slowest::default()];
        for (sort, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|direction| (sort, direction))) {
            let listing = OrderListing::new(filter.clone(), sort, direction);
            for after in [None, Some(listing.cursor_at(&(&middle).into()))] {
                for (at, limit) in LIMITS.into_iter().enumerate() {
                    let request = PageRequest { limit: PageLimit::new(limit)?, after: after.clone() };
                    let took = timed(|| async {
                        OrderRepository::page(store, &listing, &request).await?;
                        Ok(())
                    });
                    let took = took.await?;
                    let place = if after.is_some() { "middle" } else { "first" };
                    of_this[at].see(took, || format!("{name}: {sort:?} {direction:?} {place}"));
                    count += 1;
                }
            }
        }
        println!("orders {name:50} {:>8.2?}  of 1,000 {:>8.2?}", of_this[0].took, of_this[1].took);
        for (slowest, of_this) in slowest.iter_mut().zip(of_this) {
            slowest.see(of_this.took, || format!("orders, {}", of_this.what));
        }
    }
    for text in [None].into_iter().chain(TEXTS.map(Some)) {
        let mut of_this = [Slowest::default(), Slowest::default()];
        let filter = ClientFilter { query: text.map(ClientQuery::parse).transpose()? };
        let ranks = if text.is_some() { MatchRank::ALL.map(Some).to_vec() } else { vec![None] };
        for direction in DIRECTIONS {
            let listing = ClientListing::new(filter.clone(), direction);
            let position = |rank| ClientPosition { rank, name: "Maria Perez".to_owned(), id: client_id(5) };
            for after in [None].into_iter().chain(ranks.iter().map(|rank| Some(listing.cursor(position(*rank))))) {
                for (at, limit) in LIMITS.into_iter().enumerate() {
                    let request = PageRequest { limit: PageLimit::new(limit)?, after: after.clone() };
                    let took = timed(|| async {
                        ClientRepository::page(store, &listing, &request).await?;
                        Ok(())
                    });
                    let took = took.await?;
                    of_this[at].see(took, || format!("{text:?} {direction:?} {}", after.is_some()));
                    count += 1;
                }
            }
        }
        println!("clients {:49} {:>8.2?}  of 1,000 {:>8.2?}", text.unwrap_or("all"), of_this[0].took, of_this[1].took);
        for (slowest, of_this) in slowest.iter_mut().zip(of_this) {
            slowest.see(of_this.took, || format!("clients, {}", of_this.what));
        }
    }
    let [of_fifty, of_a_thousand] = slowest;
    println!(
        "slowest of {count} kinds of pages: of 50 {:.1?} ({}), of 1,000 {:.1?} ({})",
        of_fifty.took, of_fifty.what, of_a_thousand.took, of_a_thousand.what
    );
    Ok(())
}
