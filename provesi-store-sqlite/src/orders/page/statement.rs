//! Composes the statement of a page, or of a count, from constants. Every value is bound.

use std::collections::BTreeSet;
use std::ops::Range;

use provesi_core::{
    Direction, EventGroup, OrderFilter, OrderGroup, OrderListing, OrderPosition, OrderSort, OrderStatus, Period,
    ReturnDate, StoreError,
};
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments, Encode, Type};

use crate::rows::order_line;
use crate::sql;

/// How the orders of a page are found.
#[derive(Debug)]
pub(crate) enum Access {
    /// Along the index of the sort.
    Sort,
    /// Along the index of the client's orders by `updated_at`.
    Client,
    /// By these ids, a JSON array.
    Ids(String),
}

/// `returned_key` of an order that did not come back, and of a return without a date, as in the schema.
const NOT_RETURNED: i64 = -4_611_686_018_427_387_904;
const UNKNOWN_DATE: i64 = 4_611_686_018_427_387_904;

const LINE: &str = concat!(order_line!(), " AS line");

pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) arguments: SqliteArguments,
}

impl Statement {
    pub(crate) fn page(
        listing: &OrderListing,
        access: &Access,
        place: Option<&OrderPosition>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let mut values = Values::default();
        let limit = values.bind(sql::limit(limit))?;
        let columns = sort_columns(listing.sort);
        let (comparison, order) = match listing.direction {
            Direction::Ascending => (">", "ASC"),
            Direction::Descending => ("<", "DESC"),
        };
        let mut conditions = conditions(&listing.filter, listing.return_bounds_after(place), &mut values)?;
        if let Access::Ids(ids) = access {
            conditions.push(format!("id IN (SELECT value FROM json_each({}))", values.bind(ids.clone())?));
        }
        if let Some(place) = place {
            conditions.push(format!("({}) {comparison} ({})", columns.join(", "), bind_place(place, &mut values)?));
        }
        let arms: Vec<String> = arms(listing, access)
            .into_iter()
            .map(|(source, statuses)| {
                let conditions: Vec<&str> =
                    statuses.iter().map(String::as_str).chain(conditions.iter().map(String::as_str)).collect();
                let filter = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
                format!("SELECT {LINE}, {} FROM {source} WHERE {filter}", columns.join(", "))
            })
            .collect();
        let order: Vec<String> = columns.iter().map(|column| format!("{column} {order}")).collect();
        let nothing = || format!("SELECT {LINE}, {} FROM orders WHERE false", columns.join(", "));
        let arms = if arms.is_empty() { nothing() } else { arms.join(" UNION ALL ") };
        let text = format!("{arms} ORDER BY {} LIMIT {limit} + 0", order.join(", "));
        Ok(Self { text, arguments: values.arguments })
    }

    /// The orders of each group. The column before the count is the group, if there is more than one.
    pub(crate) fn count(filter: &OrderFilter, by: OrderGroup) -> Result<Self, StoreError> {
        let mut values = Values::default();
        let mut conditions = conditions(filter, filter.return_bounds(), &mut values)?;
        conditions.extend(one_of(&filter.possible_statuses()));
        let group = match by {
            OrderGroup::All => None,
            OrderGroup::Status => Some("status".to_owned()),
            OrderGroup::DayCreated { offset_minutes } => {
                // Without the instants that have no day.
                conditions.push(happened("created_at", &Period::default(), &mut values)?);
                Some(day("created_at", offset_minutes, &mut values)?)
            }
        };
        let filter = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        let text = match group {
            None => format!("SELECT count(*) AS count FROM orders WHERE {filter}"),
            Some(group) => format!("SELECT {group}, count(*) AS count FROM orders WHERE {filter} GROUP BY 1"),
        };
        Ok(Self { text, arguments: values.arguments })
    }

    /// The events of each group and kind, as the columns before the count.
    pub(crate) fn count_events(period: &Period, by: EventGroup) -> Result<Self, StoreError> {
        let mut values = Values::default();
        let period = happened("at", period, &mut values)?;
        let group = match by {
            EventGroup::Day { offset_minutes } => day("at", offset_minutes, &mut values)?,
            EventGroup::Actor => "actor".to_owned(),
        };
        let text = format!("SELECT {group}, type, count(*) AS count FROM order_events WHERE {period} GROUP BY 1, 2");
        Ok(Self { text, arguments: values.arguments })
    }
}

/// The values of a statement, numbered as they are bound.
#[derive(Default)]
struct Values {
    arguments: SqliteArguments,
}

impl Values {
    /// Binds a value and gives the name of its parameter.
    fn bind<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Result<String, StoreError> {
        self.arguments.add(value).map_err(StoreError::backend)?;
        Ok(format!("?{}", self.arguments.len()))
    }
}

fn conditions(
    filter: &OrderFilter,
    returned: [Option<i64>; 2],
    values: &mut Values,
) -> Result<Vec<String>, StoreError> {
    // Statuses: `possible_statuses`; returns: `returned`, since a page may start at its cursor instead.
    let OrderFilter { statuses: _, client_id, number_part, returned: _ } = filter;
    let mut conditions = Vec::new();
    if let Some(id) = client_id {
        conditions.push(format!("client_id = {}", values.bind(id.to_string())?));
    }
    if let Some(part) = number_part {
        conditions.push(format!("instr(number_folded, {}) > 0", values.bind(part.as_str().to_owned())?));
    }
    for (comparison, bound) in [">=", "<"].into_iter().zip(returned) {
        if let Some(bound) = bound {
            conditions.push(format!("returned_key {comparison} {}", values.bind(bound)?));
        }
    }
    Ok(conditions)
}

/// That an instant is in a period.
fn happened(column: &str, period: &Period, values: &mut Values) -> Result<String, StoreError> {
    let Range { start, end } = period.micros();
    Ok(format!("{column} >= {} AND {column} < {}", values.bind(start)?, values.bind(end)?))
}

/// The day of an instant, in days since 1970-01-01. SQLite divides towards zero.
fn day(column: &str, offset_minutes: i16, values: &mut Values) -> Result<String, StoreError> {
    let local = format!("({column} + {})", values.bind(i64::from(offset_minutes) * 60_000_000)?);
    Ok(format!("{local} / 86400000000 - ({local} % 86400000000 < 0)"))
}

/// That the status is one of these; none where it may be any.
fn one_of(statuses: &BTreeSet<OrderStatus>) -> Option<String> {
    (statuses.len() < OrderStatus::ALL.len()).then(|| among(statuses))
}

/// That the status is one of these. They are part of the text, so that SQLite sees which index they fit; their names are
/// constants.
fn among(statuses: &BTreeSet<OrderStatus>) -> String {
    let names: Vec<String> = statuses.iter().map(|status| format!("'{}'", status.as_str())).collect();
    format!("status IN ({})", names.join(", "))
}

/// What is read one after the other or merged: the table with its index, and the condition on the status.
fn arms(listing: &OrderListing, access: &Access) -> Vec<(String, Option<String>)> {
    let statuses = listing.filter.possible_statuses();
    // A list by the date of the return leaves out what has an unknown status.
    let of_statuses = || if listing.sort == OrderSort::ReturnedAt { Some(among(&statuses)) } else { one_of(&statuses) };
    match access {
        _ if statuses.is_empty() => return Vec::new(),
        Access::Client => return vec![("orders INDEXED BY orders_client_updated".to_owned(), of_statuses())],
        // NOT INDEXED leaves the primary key.
        Access::Ids(_) => return vec![("orders NOT INDEXED".to_owned(), of_statuses())],
        Access::Sort => {}
    }
    let (all, by_status) = match listing.sort {
        OrderSort::UpdatedAt => (Some("orders_updated"), "orders_status_updated"),
        OrderSort::CreatedAt => (Some("orders_created"), "orders_status_created"),
        OrderSort::ReturnedAt => (None, "orders_status_returned"),
        OrderSort::Number => (Some("orders_number"), "orders_status_number"),
    };
    if let (Some(index), true) = (all, statuses.len() == OrderStatus::ALL.len()) {
        return vec![(format!("orders INDEXED BY {index}"), None)];
    }
    let arm = |status: &OrderStatus| {
        (format!("orders INDEXED BY {by_status}"), Some(format!("status = '{}'", status.as_str())))
    };
    statuses.iter().map(arm).collect()
}

const fn sort_columns(sort: OrderSort) -> &'static [&'static str] {
    match sort {
        OrderSort::UpdatedAt => &["updated_at", "id"],
        OrderSort::CreatedAt => &["created_at", "id"],
        OrderSort::ReturnedAt => &["returned_key", "updated_at", "id"],
        OrderSort::Number => &["number_folded", "id"],
    }
}

/// Binds the values of a place in the order of [`sort_columns`].
fn bind_place(place: &OrderPosition, values: &mut Values) -> Result<String, StoreError> {
    let (first, second, id) = match place {
        OrderPosition::UpdatedAt { at, id } | OrderPosition::CreatedAt { at, id } => {
            (values.bind(at.micros())?, None, id)
        }
        OrderPosition::ReturnedAt { returned_at, updated_at, id } => {
            let key = match returned_at {
                ReturnDate::NotReturned => NOT_RETURNED,
                ReturnDate::At(at) => at.micros(),
                ReturnDate::Unknown => UNKNOWN_DATE,
            };
            (values.bind(key)?, Some(values.bind(updated_at.micros())?), id)
        }
        OrderPosition::Number { folded, id } => (values.bind(folded.clone())?, None, id),
    };
    // A rowid has no collation of its own, and without one SQLite leaves it out of the range that it looks up: a
    // page among many orders of one instant would start at the first of them.
    let id = format!("{} COLLATE BINARY", values.bind(id.get())?);
    Ok(match second {
        Some(second) => format!("{first}, {second}, {id}"),
        None => format!("{first}, {id}"),
    })
}
