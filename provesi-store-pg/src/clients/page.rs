//! Pages of clients: walks along the index of the names. A text that few clients have is found by trigrams where
//! PostgreSQL has them, and what was found is sorted; PostgreSQL chooses, with the text before it.

use provesi_core::{
    Client, ClientCursor, ClientFilter, ClientListing, ClientPosition, ClientQuery, Direction, MatchRank, Page,
    PageRequest, StoreError, filled, name_key,
};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use crate::error::store_error;
use crate::rows::ClientRow;
use crate::sql::{self, client_columns};

/// What [`ClientQuery::matches`] says, on the columns that hold what it computes.
macro_rules! matches {
    ($text:literal, $digits:literal) => {
        concat!("(name_search LIKE ", $text, " OR email_search LIKE ", $text, " OR phone_digits LIKE ", $digits, ")")
    };
}

pub(super) async fn read(
    pool: &PgPool,
    listing: &ClientListing,
    request: &PageRequest<ClientCursor>,
) -> Result<Page<Client, ClientCursor>, StoreError> {
    let place = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
    let clients = filled(request.limit.get() + 1, |limit| query(listing, place, limit, pool)).await?;
    Ok(Page::from_one_more(clients, request.limit, |last| listing.cursor_at(last)))
}

async fn query(
    listing: &ClientListing,
    place: Option<&ClientPosition>,
    limit: usize,
    pool: &PgPool,
) -> Result<Vec<ClientRow>, StoreError> {
    let query = listing.filter.query.as_ref();
    let text = match query {
        Some(_) => search_text(listing.direction, place.and_then(|place| place.rank)),
        None => page_text(listing.direction, place.is_some()),
    };
    sqlx::query_as(AssertSqlSafe(text))
        .bind(sql::limit(limit))
        .bind(place.map(|place| name_key(&place.name)))
        .bind(place.map(|place| place.id.to_string()))
        .bind(query.map(|query| sql::containing(query.folded())))
        .bind(query.and_then(ClientQuery::digits).map(sql::containing))
        .bind(query.map(|query| sql::starting_with(query.folded())))
        .persistent(false)
        .fetch_all(pool)
        .await
        .map_err(store_error)
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
        concat!("SELECT ", client_columns!(), " FROM provesi_clients{} ORDER BY name_key {}, id {} LIMIT $1"),
        after, order, order
    )
}

/// What [`ClientQuery::rank`] says.
const fn matches_with(rank: MatchRank) -> &'static str {
    match rank {
        MatchRank::NameStart => "name_search LIKE $6",
        MatchRank::EmailStart => "email_search LIKE $6 AND name_search NOT LIKE $6",
        MatchRank::Inside => {
            concat!(matches!("$4", "$5"), " AND name_search NOT LIKE $6 AND email_search NOT LIKE $6")
        }
    }
}

/// The closest first: a page of each rank at most, put together. Composed of constants.
pub(crate) fn search_text(direction: Direction, place: Option<MatchRank>) -> String {
    let (comparison, order) = words(direction);
    let arms =
        MatchRank::ALL.into_iter().filter(|rank| place.is_none_or(|place| direction.apply(rank.cmp(&place)).is_ge()));
    let arm = |rank: MatchRank| {
        let after =
            if place == Some(rank) { format!(" AND (name_key, id) {comparison} ($2, $3)") } else { String::new() };
        format!(
            concat!(
                "(SELECT ",
                client_columns!(),
                ", name_key, {} AS match_rank FROM provesi_clients WHERE {}{} \
                 ORDER BY name_key {}, id {} LIMIT $1)"
            ),
            rank as u8,
            matches_with(rank),
            after,
            order,
            order
        )
    };
    let arms: Vec<String> = arms.map(arm).collect();
    if let [one] = &arms[..] {
        return one.clone();
    }
    format!("{} ORDER BY match_rank {order}, name_key {order}, id {order} LIMIT $1", arms.join(" UNION ALL "))
}

const COUNT: &str = "SELECT count(*) FROM provesi_clients";

const COUNT_MATCHING: &str = concat!("SELECT count(*) FROM provesi_clients WHERE ", matches!("$1", "$2"));

pub(super) async fn count(pool: &PgPool, filter: &ClientFilter) -> Result<u64, StoreError> {
    let mut transaction = pool.begin().await.map_err(store_error)?;
    sqlx::query(sql::PATIENT).execute(&mut *transaction).await.map_err(store_error)?;
    let count = match &filter.query {
        Some(query) => sqlx::query_scalar(COUNT_MATCHING)
            .bind(sql::containing(query.folded()))
            .bind(query.digits().map(sql::containing)),
        None => sqlx::query_scalar(COUNT),
    };
    let count: i64 = count.persistent(false).fetch_one(&mut *transaction).await.map_err(store_error)?;
    transaction.rollback().await.map_err(store_error)?;
    Ok(count.unsigned_abs())
}
