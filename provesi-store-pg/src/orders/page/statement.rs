//! Composes the statement of a page from constants. Every value is bound.

use std::collections::BTreeSet;
use std::fmt::Write;

use provesi_core::{Direction, OrderFilter, OrderListing, OrderPosition, OrderSort, OrderStatus, StoreError};
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::{Arguments, Encode, Type};

use crate::instant::Instant;
use crate::sql::{self, client, created_in_status, folded, order_columns, returned_key, updated_in_status};

/// How the orders of a page are found.
#[derive(Debug)]
pub(crate) enum Access {
    /// Along the index of the sort.
    Sort,
    /// Along the index of the client's orders by `updated_at`.
    Client,
    /// All orders of the client, which are few, to be sorted.
    Sorted,
    /// By these ids, which are few, to be sorted.
    Ids(Vec<i64>),
}

pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) arguments: PgArguments,
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
        let source = source(listing, access, &mut values)?;
        let conditions = conditions(&listing.filter, &mut values)?;
        let sort = Sort::of(listing.sort)?;
        let place = place.map(|place| Place::bind(place, &mut values)).transpose()?;
        let mut arms = Vec::new();
        for arm in arms_of(listing, access) {
            let mut conditions = conditions.clone();
            conditions.extend(arm.condition);
            let columns = match (arm.came_back, arm.is_walk) {
                (false, _) => NEVER_CAME_BACK,
                (true, true) => sort.in_status,
                (true, false) => sort.columns,
            };
            let key = if arm.came_back { sort.key } else { Some("'-infinity'::timestamptz") };
            match &place {
                Some(place) if !arm.came_back => match place.among_those_that_never_came_back(listing.direction) {
                    Some(condition) => conditions.extend(condition),
                    None => continue,
                },
                Some(place) => conditions.push(place.condition(columns, listing.direction)),
                None => {}
            }
            let key = key.map_or_else(String::new, |key| format!(", {key} AS sort_key"));
            let filter = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
            let order = order(columns, listing.direction);
            arms.push(format!(
                concat!("SELECT ", order_columns!(), "{} FROM {} WHERE {} ORDER BY {} LIMIT {}"),
                key, source, filter, order, limit
            ));
        }
        let text = match &arms[..] {
            // A place that nothing can follow.
            [] => concat!("SELECT ", order_columns!(), " FROM orders_order WHERE false LIMIT $1").to_owned(),
            [one] => one.clone(),
            _ => {
                let together = order(sort.together, listing.direction);
                format!("({}) ORDER BY {together} LIMIT {limit}", arms.join(") UNION ALL ("))
            }
        };
        Ok(Self { text, arguments: values.arguments })
    }

    pub(crate) fn count(filter: &OrderFilter) -> Result<Self, StoreError> {
        let mut values = Values::default();
        let mut conditions = conditions(filter, &mut values)?;
        conditions.extend(one_of(&filter.statuses));
        let mut text = "SELECT count(*) FROM orders_order".to_owned();
        for (at, condition) in conditions.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, " {} {condition}", if at == 0 { "WHERE" } else { "AND" });
        }
        Ok(Self { text, arguments: values.arguments })
    }
}

/// The values of a statement, numbered as they are bound.
#[derive(Default)]
struct Values {
    arguments: PgArguments,
}

impl Values {
    /// Binds a value and gives the name of its parameter.
    fn bind<'v>(&mut self, value: impl Encode<'v, Postgres> + Type<Postgres>) -> Result<String, StoreError> {
        self.arguments.add(value).map_err(StoreError::backend)?;
        Ok(format!("${}", self.arguments.len()))
    }
}

/// What is read. OFFSET 0 keeps PostgreSQL from looking for these orders along the index of the sort instead, where it
/// would pass by all others.
fn source(listing: &OrderListing, access: &Access, values: &mut Values) -> Result<String, StoreError> {
    let condition = match access {
        Access::Sort | Access::Client => return Ok("orders_order".to_owned()),
        Access::Ids(ids) => format!("id = ANY({})", values.bind(ids.clone())?),
        Access::Sorted => {
            let id = listing.filter.client_id.map(|id| id.to_string());
            format!(concat!(client!(), " = {}"), values.bind(id)?)
        }
    };
    Ok(format!("(SELECT * FROM orders_order WHERE {condition} OFFSET 0) AS orders_order"))
}

fn conditions(filter: &OrderFilter, values: &mut Values) -> Result<Vec<String>, StoreError> {
    let mut conditions = Vec::new();
    if let Some(id) = filter.client_id {
        conditions.push(format!(concat!(client!(), " = {}"), values.bind(id.to_string())?));
    }
    if let Some(part) = &filter.number_part {
        conditions.push(format!(concat!(folded!(), " LIKE {}"), values.bind(sql::containing(part.as_str()))?));
    }
    Ok(conditions)
}

/// Statuses are part of the text, so that PostgreSQL sees which index they fit; their names are constants.
fn one_of(statuses: &BTreeSet<OrderStatus>) -> Option<String> {
    if statuses.is_empty() {
        return None;
    }
    let names: Vec<String> = statuses.iter().map(|status| format!("'{}'", status.as_str())).collect();
    Some(format!("status IN ({})", names.join(", ")))
}

/// One walk.
struct Arm {
    /// On the status.
    condition: Option<String>,
    /// Whether its orders may have a date of a return. Those of any other status than returned have none.
    came_back: bool,
    /// Whether it is along an index of the orders of one status.
    is_walk: bool,
}

fn arms_of(listing: &OrderListing, access: &Access) -> Vec<Arm> {
    let statuses = &listing.filter.statuses;
    let is_every = statuses.is_empty() || statuses.len() == OrderStatus::ALL.len();
    let by_return = listing.sort == OrderSort::ReturnedAt;
    if !matches!(access, Access::Sort) || (is_every && !by_return) {
        let condition = if is_every { None } else { one_of(statuses) };
        return vec![Arm { condition, came_back: true, is_walk: false }];
    }
    let arm = |status: &OrderStatus| Arm {
        condition: Some(format!("status = '{}'", status.as_str())),
        came_back: !by_return || *status == OrderStatus::Returned,
        is_walk: true,
    };
    if is_every { OrderStatus::ALL.iter().map(arm).collect() } else { statuses.iter().map(arm).collect() }
}

/// How a listing is sorted.
struct Sort {
    /// The expressions, as the indexes have them.
    columns: &'static [&'static str],
    /// The same where it is sorted among the orders of one status.
    in_status: &'static [&'static str],
    /// The first of them, where it is no column: selected, so that arms can be put together by it.
    key: Option<&'static str>,
    /// The same, by the names of what is selected.
    together: &'static [&'static str],
}

/// How orders are sorted by the date of a return where none of them has one.
const NEVER_CAME_BACK: &[&str] = &[updated_in_status!(), "id"];

impl Sort {
    fn of(sort: OrderSort) -> Result<Self, StoreError> {
        let plain = |columns, in_status| Self { columns, in_status, key: None, together: columns };
        let by_key = |columns, key, together| Self { columns, in_status: columns, key: Some(key), together };
        Ok(match sort {
            OrderSort::UpdatedAt => plain(&["updated_at", "id"], &[updated_in_status!(), "id"]),
            OrderSort::CreatedAt => plain(&["created_at", "id"], &[created_in_status!(), "id"]),
            OrderSort::ReturnedAt => {
                by_key(&[returned_key!(), "updated_at", "id"], returned_key!(), &["sort_key", "updated_at", "id"])
            }
            // Numbers are unique: no id is needed to tell places apart.
            OrderSort::Number => by_key(&[folded!()], folded!(), &["sort_key"]),
            _ => return Err(StoreError::backend("this store does not know how to sort by that")),
        })
    }
}

fn order(columns: &[&str], direction: Direction) -> String {
    let way = match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    let columns: Vec<String> = columns.iter().map(|column| format!("{column} {way}")).collect();
    columns.join(", ")
}

/// A place, as the names of its parameters, in the order of [`Sort::columns`].
struct Place {
    names: Vec<String>,
    /// Whether it has the date of a return.
    came_back: bool,
}

impl Place {
    fn bind(place: &OrderPosition, values: &mut Values) -> Result<Self, StoreError> {
        let (names, came_back) = match place {
            OrderPosition::UpdatedAt { at, id } | OrderPosition::CreatedAt { at, id } => {
                (vec![values.bind(Instant::from(*at))?, values.bind(id.get())?], false)
            }
            OrderPosition::ReturnedAt { returned_at, updated_at, id } => {
                let key = returned_at.map_or(Instant::BEFORE_ALL, Instant::from);
                let names = vec![values.bind(key)?, values.bind(Instant::from(*updated_at))?, values.bind(id.get())?];
                (names, returned_at.is_some())
            }
            OrderPosition::Number { folded, .. } => (vec![values.bind(folded.clone())?], false),
            _ => return Err(StoreError::InvalidCursor),
        };
        Ok(Self { names, came_back })
    }

    fn condition(&self, columns: &[&str], direction: Direction) -> String {
        after(columns, &self.names, direction)
    }

    /// What follows this place, in a sort by the date of the return, among orders that have none: a condition, or none
    /// where all of them do. `None` where none of them does.
    fn among_those_that_never_came_back(&self, direction: Direction) -> Option<Option<String>> {
        match (self.came_back, direction) {
            (false, _) => Some(Some(after(NEVER_CAME_BACK, &self.names[1..], direction))),
            (true, Direction::Descending) => Some(None),
            (true, Direction::Ascending) => None,
        }
    }
}

fn after(columns: &[&str], names: &[String], direction: Direction) -> String {
    let comparison = match direction {
        Direction::Ascending => ">",
        Direction::Descending => "<",
    };
    // A value takes the detour that its column takes.
    let name = |(column, name): (&&str, &String)| {
        if column.ends_with(IN_STATUS) { format!("({name}{IN_STATUS}") } else { name.clone() }
    };
    let names: Vec<String> = columns.iter().zip(names).map(name).collect();
    format!("({}) {comparison} ({})", columns.join(", "), names.join(", "))
}

/// How [`updated_in_status`] and [`created_in_status`] end.
const IN_STATUS: &str = " AT TIME ZONE 'UTC')";
