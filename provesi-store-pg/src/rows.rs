//! How rows of the tables are decoded. Whether an order or a client keeps the rules of the domain is checked in the core.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use provesi_core::{
    ClientId, ClientRow, EventId, EventKind, MatchRank, OrderEvent, OrderId, OrderRow, OrderWithClient, Source,
    StoreError, Timestamp,
};
use sqlx::postgres::{PgHasArrayType, PgRow};
use sqlx::{Decode, Encode, FromRow, Postgres, Row, Type};

use crate::error::store_error;
use crate::instant::Instant;
use crate::sql;
use crate::store::PgStore;

/// A row that is decoded column by column, in the order of `order_columns`, `client_columns` and `order_with_client_columns`.
pub(crate) trait Columns: Sized {
    /// # Errors
    /// [`sqlx::Error::ColumnDecode`] if a value is beyond what the type can hold, such as an infinite instant.
    fn decode(row: &PgRow) -> Result<Self, sqlx::Error>;
}

impl Columns for OrderRow {
    fn decode(row: &PgRow) -> Result<Self, sqlx::Error> {
        let returned_at = row.try_get::<Option<Instant>, _>(5)?.map(|at| timestamp(at, 5)).transpose()?;
        order(row, returned_at, timestamp(row.try_get(6)?, 6)?, timestamp(row.try_get(7)?, 7)?)
    }
}

impl Columns for ClientRow {
    fn decode(row: &PgRow) -> Result<Self, sqlx::Error> {
        client(row, 0)
    }
}

/// The columns of the client follow those of the order.
impl Columns for OrderWithClient {
    fn decode(row: &PgRow) -> Result<Self, sqlx::Error> {
        const CLIENT: usize = 8;
        let client = match row.try_get::<Option<String>, _>(CLIENT)? {
            None => Ok(None),
            Some(id) => client(row, CLIENT).map(Some).map_err(|error| match store_error(error) {
                StoreError::Corrupt { source } => corrupt("client", id, Box::new(source)),
                error => error,
            }),
        };
        Ok(Self { order: OrderRow::decode(row)?, client })
    }
}

/// The client in the columns from `first` on.
fn client(row: &PgRow, first: usize) -> Result<ClientRow, sqlx::Error> {
    let id: ClientId = row.try_get::<String, _>(first)?.parse().map_err(|fault| decode_error(fault, first))?;
    let at = |column| timestamp(row.try_get(column)?, column);
    let client = ClientRow::builder()
        .id(id)
        .name(row.try_get(first + 1)?)
        .email(row.try_get(first + 2)?)
        .maybe_phone(row.try_get(first + 3)?)
        .maybe_address(row.try_get(first + 4)?)
        .created_at(at(first + 5)?)
        .updated_at(at(first + 6)?);
    Ok(client.build())
}

/// The order of a row, with the instants of its last three columns.
fn order(
    row: &PgRow,
    returned_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> Result<OrderRow, sqlx::Error> {
    let order = OrderRow::builder()
        .id(OrderId::new(row.try_get(0)?))
        .number(row.try_get(1)?)
        .maybe_client_id(row.try_get(2)?)
        .status(row.try_get(3)?)
        .maybe_return_reason(row.try_get(4)?)
        .maybe_returned_at(returned_at)
        .created_at(created_at)
        .updated_at(updated_at);
    Ok(order.build())
}

fn timestamp(instant: Instant, column: usize) -> Result<Timestamp, sqlx::Error> {
    instant.try_into().map_err(|fault| decode_error(fault, column))
}

fn decode_error(fault: impl Into<Source>, column: usize) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_string(), source: fault.into() }
}

/// A row of a list, whether it could be decoded or not: one that could not does not take the others with it.
pub(crate) struct Fetched<R: Placed> {
    pub(crate) row: Result<R, StoreError>,
    pub(crate) place: R::Place,
}

/// A row that stands somewhere in a list.
pub(crate) trait Placed: Columns {
    /// What tells where, as far as the decoded row does not.
    type Place;

    fn place(row: &PgRow, is_decoded: bool) -> Result<Self::Place, sqlx::Error>;
}

impl<R: Placed> FromRow<'_, PgRow> for Fetched<R> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decoded = decode(row);
        Ok(Self { place: R::place(row, decoded.is_ok())?, row: decoded })
    }
}

/// An order that cannot be decoded stands where its instants are, cut to what a place can tell.
impl Placed for OrderRow {
    type Place = Option<Self>;

    fn place(row: &PgRow, is_decoded: bool) -> Result<Option<Self>, sqlx::Error> {
        if is_decoded {
            return Ok(None);
        }
        // `infinity` stands among the returns without a date.
        let returned_at = row.try_get::<Option<Instant>, _>(5)?.filter(|at| *at != Instant::AFTER_ALL);
        let nearest = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Instant, _>(column)?.nearest());
        order(row, returned_at.map(Instant::nearest), nearest(6)?, nearest(7)?).map(Some)
    }
}

/// Where a client stands: rank in a search, the key that names are sorted by, as it is stored, and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientPlace {
    pub(crate) rank: Option<MatchRank>,
    pub(crate) name_key: Vec<u8>,
    pub(crate) id: String,
}

impl Placed for ClientRow {
    type Place = ClientPlace;

    fn place(row: &PgRow, _: bool) -> Result<ClientPlace, sqlx::Error> {
        let rank = |rank: i32| MatchRank::ALL.get(usize::try_from(rank).ok()?).copied();
        // Only a search has the column.
        let rank = row.try_get("match_rank").ok().and_then(rank);
        Ok(ClientPlace { rank, name_key: row.try_get("name_key")?, id: row.try_get(0)? })
    }
}

impl TryFrom<Fetched<Self>> for OrderRow {
    type Error = StoreError;

    fn try_from(fetched: Fetched<Self>) -> Result<Self, StoreError> {
        fetched.row
    }
}

impl TryFrom<Fetched<Self>> for ClientRow {
    type Error = StoreError;

    fn try_from(row: Fetched<Self>) -> Result<Self, StoreError> {
        row.row?.listed()
    }
}

/// The error says which row it is.
fn decode<R: Columns>(row: &PgRow) -> Result<R, StoreError> {
    R::decode(row).map_err(|error| match store_error(error) {
        StoreError::Corrupt { source } => match row.try_get::<i64, _>(0) {
            Ok(id) => corrupt("order", id, Box::new(source)),
            Err(_) => corrupt("client", row.try_get::<String, _>(0).unwrap_or_default(), Box::new(source)),
        },
        error => error,
    })
}

/// What was found for each of some keys.
pub(crate) type Found<K, R> = HashMap<K, Result<Option<R>, StoreError>>;

/// The statements of a lookup. Each returns the key of a row as the column `key`.
pub(crate) struct Lookup {
    /// Takes one key. PostgreSQL keeps its plan; it plans [`many`](Self::many) each time, which costs more than the lookup.
    pub(crate) one: &'static str,
    /// Takes an array of keys.
    pub(crate) many: &'static str,
}

/// Reads the rows of `keys`. A failure is at each key that it concerns.
pub(crate) async fn look_up<K, R>(
    store: &PgStore,
    lookup: &'static Lookup,
    keys: impl Iterator<Item = K> + Send,
) -> Found<K, R>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    K: Type<Postgres> + PgHasArrayType + for<'q> Encode<'q, Postgres> + for<'r> Decode<'r, Postgres>,
    R: Columns + Send,
{
    let keys: Vec<K> = keys.collect::<HashSet<_>>().into_iter().collect();
    let mut found = Found::with_capacity(keys.len());
    for keys in keys.chunks(sql::CHUNK) {
        let rows = store.look_up((lookup, keys.to_vec()), |connection, (lookup, keys)| {
            Box::pin(async move {
                let rows = match keys.as_slice() {
                    [key] => {
                        let row = sqlx::query(lookup.one).bind(key).fetch_optional(connection).await;
                        row.map(|row| row.into_iter().collect())
                    }
                    keys => sqlx::query(lookup.many).bind(keys).fetch_all(connection).await,
                };
                rows.map_err(store_error)
            })
        });
        match rows.await.and_then(|rows| decode_by_key(&rows)) {
            Ok(rows) => {
                found.extend(keys.iter().map(|key| (key.clone(), Ok(None))));
                found.extend(rows);
            }
            Err(error) => found.extend(keys.iter().map(|key| (key.clone(), Err(error.clone())))),
        }
    }
    found
}

fn decode_by_key<K, R>(rows: &[PgRow]) -> Result<Found<K, R>, StoreError>
where
    K: Eq + Hash + Type<Postgres> + for<'r> Decode<'r, Postgres>,
    R: Columns,
{
    rows.iter().map(|row| Ok((row.try_get("key").map_err(store_error)?, decode(row).map(Some)))).collect()
}

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    pub(crate) id: i64,
    order_id: i64,
    order_number: String,
    at: Instant,
    actor: String,
    address: Option<String>,
    detail: String,
}

impl TryFrom<EventRow> for OrderEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = row.id;
        event(row).map_err(|fault| corrupt("event", id, fault))
    }
}

fn event(row: EventRow) -> Result<OrderEvent, Source> {
    Ok(OrderEvent::builder()
        .id(EventId::new(row.id))
        .order_id(OrderId::new(row.order_id))
        .number(row.order_number)
        .at(Timestamp::try_from(row.at)?)
        .actor(row.actor.parse()?)
        .maybe_address(row.address.map(|address| address.parse()).transpose()?)
        .kind(serde_json::from_str::<EventKind>(&row.detail)?)
        .build())
}

/// Names the row, so that an operator who reads the log can find it.
fn corrupt(what: &str, id: impl std::fmt::Display, fault: Source) -> StoreError {
    StoreError::corrupt(format!("{what} {id}: {fault}"))
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientIdRow {
    pub(crate) client_id: String,
}

impl TryFrom<ClientIdRow> for ClientId {
    type Error = StoreError;

    fn try_from(row: ClientIdRow) -> Result<Self, StoreError> {
        row.client_id.parse().map_err(|_| corrupt("client id", &row.client_id, "it is none".into()))
    }
}
