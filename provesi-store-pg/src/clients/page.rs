//! Pages of clients: walks along the index of the names. A search goes some way along it for each rank, and where a
//! page is not together by then, what matches is looked up and sorted, see [`nearby`].

use provesi_core::{
    ClientCursor, ClientFilter, ClientListing, ClientPosition, ClientQuery, ClientRow, Direction, MatchRank, Page,
    PageRequest, StoreError, name_key, read_full_page,
};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::Mutex;

use crate::error::store_error;
use crate::rows::{ClientPlace, Fetched};
use crate::sql::{self, client_columns, client_grams};
use crate::{grams, nearby};

/// How many clients are passed on a walk of a search.
const NEARBY: usize = 4_000;

/// How many are passed for each that a page may have.
const NEARBY_EACH: usize = 5;

/// What [`ClientQuery::matches`] says, on the columns that hold what it computes.
macro_rules! matches {
    ($text:literal, $digits:literal) => {
        concat!("(name_search LIKE ", $text, " OR email_search LIKE ", $text, " OR phone_digits LIKE ", $digits, ")")
    };
}

pub(super) async fn read(
    connection: &mut PgConnection,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
    let after = request.after.as_ref().map(|cursor| listing.position(cursor).map(place_at)).transpose()?;
    let connection = Mutex::new(connection);
    let read =
        async |after: Option<ClientPlace>, limit| query(listing, after.as_ref(), limit, *connection.lock().await).await;
    let place = |fetched: &Fetched<ClientRow>| Some(fetched.place.clone());
    let clients = read_full_page(request.limit.get() + 1, after, read, place).await?;
    listing.onward(Page::from_one_more(clients, request.limit, |last| listing.cursor_at(last)), request)
}

fn place_at(position: &ClientPosition) -> ClientPlace {
    ClientPlace { rank: position.rank, name_key: name_key(&position.name), id: position.id.to_string() }
}

async fn query(
    listing: &ClientListing,
    place: Option<&ClientPlace>,
    limit: usize,
    connection: &mut PgConnection,
) -> Result<Vec<Fetched<ClientRow>>, StoreError> {
    let ClientListing { filter: ClientFilter { query }, direction } = listing;
    let query = query.as_ref();
    let text = match query {
        Some(_) => search_text(*direction, place.and_then(|place| place.rank)),
        None => page_text(*direction, place.is_some()),
    };
    sqlx::query_as(AssertSqlSafe(text))
        .bind(sql::limit(limit))
        .bind(place.map(|place| place.name_key.as_slice()))
        .bind(place.map(|place| place.id.as_str()))
        .bind(query.map(|query| sql::containing(query.folded())))
        .bind(query.and_then(ClientQuery::digits).map(sql::containing))
        .bind(query.map(|query| sql::starting_with(query.folded())))
        .bind(sql::limit(NEARBY.max(NEARBY_EACH * limit)))
        .bind(query.map(|query| grams::having(&format!("\n{}", query.folded()))))
        .bind(query.map(|query| grams::having(&format!("\t{}", query.folded()))))
        .bind(query.map(inside))
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(store_error)
}

/// The query of grams that finds the text in the name or the address, or its digits in the phone.
fn inside(query: &ClientQuery) -> String {
    let text = grams::having(query.folded());
    match query.digits() {
        Some(digits) if digits != query.folded() => format!("{text} | {}", grams::having(digits)),
        _ => text,
    }
}

const fn words(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Ascending => (">", "ASC"),
        Direction::Descending => ("<", "DESC"),
    }
}

/// Composed of constants.
pub(crate) fn page_text(direction: Direction, placed: bool) -> String {
    let (comparison, order) = words(direction);
    let after = if placed { format!(" WHERE (name_key, id) {comparison} ($2, $3)") } else { String::new() };
    format!(
        concat!("SELECT ", client_columns!(), ", name_key FROM provesi_clients{} ORDER BY name_key {}, id {} LIMIT $1"),
        after, order, order
    )
}

/// What [`ClientQuery::rank`] says, and the query of grams that finds it.
const fn matches_with(rank: MatchRank) -> (&'static str, &'static str) {
    match rank {
        MatchRank::NameStart => ("name_search LIKE $6", "$8"),
        MatchRank::EmailStart => ("email_search LIKE $6 AND name_search NOT LIKE $6", "$9"),
        MatchRank::Inside => {
            (concat!(matches!("$4", "$5"), " AND name_search NOT LIKE $6 AND email_search NOT LIKE $6"), "$10")
        }
    }
}

/// The closest first: a page of each rank at most, put together, and of a rank only where those before it leave room.
/// Composed of constants.
pub(crate) fn search_text(direction: Direction, place: Option<MatchRank>) -> String {
    let (comparison, order) = words(direction);
    let mut ranks: Vec<MatchRank> = MatchRank::ALL.into();
    if direction == Direction::Descending {
        ranks.reverse();
    }
    ranks.retain(|rank| place.is_none_or(|place| direction.apply(rank.cmp(&place)).is_ge()));
    let (mut with, mut arms, mut counts) = (Vec::new(), Vec::new(), Vec::<String>::new());
    for rank in ranks {
        // Whether those before it leave room on the page.
        let room = if counts.is_empty() { "true".to_owned() } else { format!("{} < $1", counts.join(" + ")) };
        let name = format!("rank_{}", rank as u8);
        let (condition, grams) = matches_with(rank);
        let after =
            if place == Some(rank) { format!(" AND (name_key, id) {comparison} ($2, $3)") } else { String::new() };
        let sort = format!("ORDER BY name_key {order}, id {order} LIMIT");
        let walk = format!("SELECT * FROM provesi_clients WHERE {room}{after} {sort} $7");
        let is_enough = nearby::is_enough(&name, "$1", "$7");
        with.push(nearby::near(&name, &walk, condition, "$1"));
        with.push(format!(
            // OFFSET 0 keeps PostgreSQL from looking for these along the index of the names instead.
            concat!(
                "{} AS MATERIALIZED (SELECT * FROM {}_near WHERE {} UNION ALL \
                 (SELECT * FROM (SELECT * FROM provesi_clients WHERE ",
                client_grams!(),
                " @@ {}::text::tsquery AND {} OFFSET 0) AS found WHERE NOT {} AND {}{} {} $1))"
            ),
            name, name, is_enough, grams, condition, is_enough, room, after, sort
        ));
        arms.push(format!(
            concat!("SELECT ", client_columns!(), ", name_key, {} AS match_rank FROM {}"),
            rank as u8, name
        ));
        counts.push(format!("(SELECT count(*) FROM {name})"));
    }
    format!(
        "WITH {} {} ORDER BY match_rank {order}, name_key {order}, id {order} LIMIT $1",
        with.join(", "),
        arms.join(" UNION ALL ")
    )
}

const COUNT: &str = "SELECT count(*) FROM provesi_clients";

const COUNT_MATCHING: &str = concat!("SELECT count(*) FROM provesi_clients WHERE ", matches!("$1", "$2"));

pub(super) async fn count(connection: &mut PgConnection, filter: &ClientFilter) -> Result<u64, StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    sqlx::query(sql::PATIENT).execute(&mut *transaction).await.map_err(store_error)?;
    let ClientFilter { query } = filter;
    let count = match query {
        Some(query) => sqlx::query_scalar(COUNT_MATCHING)
            .bind(sql::containing(query.folded()))
            .bind(query.digits().map(sql::containing)),
        None => sqlx::query_scalar(COUNT),
    };
    let count: i64 = count.persistent(false).fetch_one(&mut *transaction).await.map_err(store_error)?;
    transaction.rollback().await.map_err(store_error)?;
    Ok(count.unsigned_abs())
}
