//! Composes the statement of a page, or of a count, from constants. Every value is bound.

use std::collections::BTreeSet;
use std::ops::Range;

use provesi_core::{
    Direction, EventGroup, OrderFilter, OrderGroup, OrderListing, OrderPosition, OrderSort, OrderStatus, Period,
    ReturnDate, StoreError,
};
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::{Arguments, Encode, Type};

use super::search::{self, Part, Search, is_of_client};
use crate::instant::Instant;
use crate::sql::{
    self, client, created_in_status, folded, number_in_status, order_columns, returned_key, updated_in_status,
};

pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) arguments: PgArguments,
}

impl Statement {
    /// The page of at most `limit` orders after `place`.
    pub(crate) fn page(
        listing: &OrderListing,
        place: Option<&OrderPosition>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let mut values = Values::default();
        let page = Listed {
            sort: Sort::of(listing.sort),
            direction: listing.direction,
            place: place.map(|place| Place::bind(place, &mut values)).transpose()?,
        };
        let walk = Walk::of(listing);
        let arms = arms_of(listing, walk);
        let most = limit;
        let limit = values.bind(sql::limit(limit))?;
        if arms.is_empty() {
            return Ok(Self { text: nothing(&limit), arguments: values.arguments });
        }
        let filter = &listing.filter;
        // Statuses and returns: `possible_statuses` and `return_bounds_after`.
        let OrderFilter { statuses: _, client_id, number_part, returned: _ } = filter;
        let mut conditions = came_back(listing.return_bounds_after(place), &mut values)?;
        let client = client_id.map(|id| values.bind(id.to_string())).transpose()?;
        let text = match (number_part, client) {
            (None, None) => page.walks(&arms, &conditions, &limit),
            (None, Some(client)) if walk == Walk::Client => {
                conditions.push(is_of_client(&client));
                page.walks(&arms, &conditions, &limit)
            }
            (part, client) => {
                let part = part.as_ref().map(|part| Part::bind(part, &mut values)).transpose()?;
                let few = client.as_ref().map(|_| values.bind(sql::limit(search::FEW))).transpose()?;
                let statuses = statuses_of(listing);
                let search = Search { part, client: client.zip(few), walk, statuses, came_back: conditions };
                let bound = values.bind(sql::limit(search::bound(arms.len(), most)))?;
                page.search(&arms, &search, &limit, &bound)
            }
        };
        Ok(Self { text, arguments: values.arguments })
    }

    /// The orders of each group. The column before the count is the group, if there is more than one.
    pub(crate) fn count(filter: &OrderFilter, by: OrderGroup) -> Result<Self, StoreError> {
        // Statuses and returns: `possible_statuses` and `return_bounds`.
        let OrderFilter { statuses: _, client_id, number_part, returned: _ } = filter;
        let mut values = Values::default();
        let mut conditions = Vec::new();
        if let Some(id) = client_id {
            conditions.push(format!(concat!(client!(), " = {}"), values.bind(id.to_string())?));
        }
        if let Some(part) = number_part {
            conditions.push(format!(concat!(folded!(), " LIKE {}"), values.bind(sql::containing(part.as_str()))?));
        }
        conditions.extend(came_back(filter.return_bounds(), &mut values)?);
        conditions.extend(one_of(&filter.possible_statuses()));
        let group = match by {
            OrderGroup::All => None,
            OrderGroup::Status => Some("status".to_owned()),
            OrderGroup::DayCreated { offset_minutes } => {
                // Without the instants that have no day, such as `infinity`.
                conditions.push(happened("created_at", &Period::default(), &mut values)?);
                Some(day("created_at", offset_minutes, &mut values)?)
            }
        };
        let filter = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        let text = match group {
            None => format!("SELECT count(*) FROM orders_order WHERE {filter}"),
            Some(group) => format!("SELECT {group}, count(*) FROM orders_order WHERE {filter} GROUP BY 1"),
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
        let text = format!(
            "SELECT {group}, detail ->> 'type', count(*) FROM provesi_order_events WHERE {period} GROUP BY 1, 2"
        );
        Ok(Self { text, arguments: values.arguments })
    }
}

/// The values of a statement, numbered as they are bound.
#[derive(Default)]
pub(super) struct Values {
    arguments: PgArguments,
}

impl Values {
    /// Binds a value and gives the name of its parameter.
    pub(super) fn bind<'v>(&mut self, value: impl Encode<'v, Postgres> + Type<Postgres>) -> Result<String, StoreError> {
        self.arguments.add(value).map_err(StoreError::backend)?;
        Ok(format!("${}", self.arguments.len()))
    }
}

/// What a page is of.
pub(super) struct Listed {
    pub(super) sort: Sort,
    pub(super) direction: Direction,
    pub(super) place: Option<Place>,
}

impl Listed {
    /// The orders of a page along the arms, without a search.
    fn walks(&self, arms: &[Arm], conditions: &[String], limit: &str) -> String {
        let limited = format!("LIMIT {limit}");
        let walks: Vec<String> = arms.iter().filter_map(|arm| self.walk(arm, conditions, &limited)).collect();
        match &walks[..] {
            [] => nothing(limit),
            [one] => one.clone(),
            _ => {
                let together = order(self.sort.together, self.direction);
                format!("({}) ORDER BY {together} LIMIT {limit}", walks.join(") UNION ALL ("))
            }
        }
    }

    /// The orders along one arm, to its `end`; none where none of them follows the place.
    pub(super) fn walk(&self, arm: &Arm, conditions: &[String], end: &str) -> Option<String> {
        let columns = match (arm.came_back, arm.is_walk) {
            (false, _) => NEVER_CAME_BACK,
            (true, true) => self.sort.in_status,
            (true, false) => self.sort.columns,
        };
        let key = if arm.came_back { columns[0] } else { "'-infinity'::timestamptz" };
        let mut conditions = conditions.to_vec();
        conditions.extend(arm.condition.clone());
        match &self.place {
            Some(place) if !arm.came_back => {
                conditions.extend(place.among_those_that_never_came_back(self.direction)?);
            }
            Some(place) => conditions.push(place.condition(columns, self.direction)),
            None => {}
        }
        let key = if self.sort.has_key { format!(", {key} AS sort_key") } else { String::new() };
        let filter = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        Some(format!(
            concat!("SELECT ", order_columns!(), "{} FROM orders_order WHERE {} ORDER BY {} {}"),
            key,
            filter,
            order(columns, self.direction),
            end
        ))
    }
}

/// After a place that nothing can follow.
pub(super) fn nothing(limit: &str) -> String {
    format!(concat!("SELECT ", order_columns!(), " FROM orders_order WHERE false LIMIT {}"), limit)
}

/// That an order came back within these bounds: as conditions on the key of the index of returns.
fn came_back(bounds: [Option<i64>; 2], values: &mut Values) -> Result<Vec<String>, StoreError> {
    let mut conditions = Vec::new();
    for (comparison, bound) in [">=", "<"].into_iter().zip(bounds) {
        if let Some(bound) = bound {
            let bound = values.bind(Instant::from_micros(bound))?;
            conditions.push(format!(concat!("(", returned_key!(), ") {} {}"), comparison, bound));
        }
    }
    Ok(conditions)
}

/// That an instant is in a period.
fn happened(column: &str, period: &Period, values: &mut Values) -> Result<String, StoreError> {
    let Range { start, end } = period.micros();
    let (start, end) = (values.bind(Instant::from_micros(start))?, values.bind(Instant::from_micros(end))?);
    Ok(format!("{column} >= {start} AND {column} < {end}"))
}

/// The day of an instant, in days since 1970-01-01, whatever the time zone of the session.
fn day(column: &str, offset_minutes: i16, values: &mut Values) -> Result<String, StoreError> {
    let offset = values.bind(i32::from(offset_minutes))?;
    Ok(format!("({column} AT TIME ZONE 'UTC' + make_interval(mins => {offset}))::date - '1970-01-01'::date"))
}

/// That the status is one that the listing has; none where it may be any. A list by the date of the return leaves out what
/// has an unknown status.
fn statuses_of(listing: &OrderListing) -> Option<String> {
    let statuses = listing.filter.possible_statuses();
    if listing.sort == OrderSort::ReturnedAt { Some(among(&statuses)) } else { one_of(&statuses) }
}

/// That the status is one of these; none where it may be any.
fn one_of(statuses: &BTreeSet<OrderStatus>) -> Option<String> {
    (statuses.len() < OrderStatus::ALL.len()).then(|| among(statuses))
}

/// That the status is one of these. They are part of the text, so that PostgreSQL sees which index they fit; their names are
/// constants.
fn among(statuses: &BTreeSet<OrderStatus>) -> String {
    if statuses.is_empty() {
        return "false".to_owned();
    }
    let names: Vec<String> = statuses.iter().map(|status| format!("'{}'", status.as_str())).collect();
    format!("status IN ({})", names.join(", "))
}

/// One walk.
pub(super) struct Arm {
    /// On the status.
    condition: Option<String>,
    /// Whether its orders may have come back. Those of any other status than returned did not.
    came_back: bool,
    /// Whether it is along an index of the orders of one status.
    is_walk: bool,
}

/// Along which index a listing is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// That of the sort.
    Sort,
    /// That of the client's orders by `updated_at`.
    Client,
}

impl Walk {
    fn of(listing: &OrderListing) -> Self {
        let is_of_client = listing.filter.client_id.is_some() && listing.sort == OrderSort::UpdatedAt;
        if is_of_client { Self::Client } else { Self::Sort }
    }
}

fn arms_of(listing: &OrderListing, walk: Walk) -> Vec<Arm> {
    let statuses = listing.filter.possible_statuses();
    let is_every = statuses.len() == OrderStatus::ALL.len();
    let by_return = listing.sort == OrderSort::ReturnedAt;
    if walk == Walk::Client || (is_every && !by_return) {
        return vec![Arm { condition: one_of(&statuses), came_back: true, is_walk: false }];
    }
    let arm = |status: &OrderStatus| Arm {
        condition: Some(format!("status = '{}'", status.as_str())),
        came_back: !by_return || *status == OrderStatus::Returned,
        is_walk: true,
    };
    statuses.iter().map(arm).collect()
}

/// How a listing is sorted.
pub(super) struct Sort {
    /// The expressions, as the indexes have them.
    pub(super) columns: &'static [&'static str],
    /// The same where it is sorted among the orders of one status.
    in_status: &'static [&'static str],
    /// Whether the first of them is no column, and is selected, so that arms can be put together by it.
    pub(super) has_key: bool,
    /// The same, by the names of what is selected.
    pub(super) together: &'static [&'static str],
}

/// How orders are sorted by the date of a return where none of them has one.
const NEVER_CAME_BACK: &[&str] = &[updated_in_status!(), "id"];

impl Sort {
    fn of(sort: OrderSort) -> Self {
        let plain = |columns, in_status| Self { columns, in_status, has_key: false, together: columns };
        let by_key = |columns, in_status, together| Self { columns, in_status, has_key: true, together };
        match sort {
            OrderSort::UpdatedAt => plain(&["updated_at", "id"], &[updated_in_status!(), "id"]),
            OrderSort::CreatedAt => plain(&["created_at", "id"], &[created_in_status!(), "id"]),
            OrderSort::ReturnedAt => {
                let columns = &[returned_key!(), "updated_at", "id"];
                by_key(columns, columns, &["sort_key", "updated_at", "id"])
            }
            // Numbers are unique: no id is needed to tell places apart.
            OrderSort::Number => by_key(&[folded!()], &[number_in_status!()], &["sort_key"]),
        }
    }
}

pub(super) fn order(columns: &[&str], direction: Direction) -> String {
    let way = match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    let columns: Vec<String> = columns.iter().map(|column| format!("{column} {way}")).collect();
    columns.join(", ")
}

/// A place, as the names of its parameters, in the order of [`Sort::columns`].
pub(super) struct Place {
    names: Vec<String>,
    /// Whether it is that of an order that came back.
    came_back: bool,
}

impl Place {
    fn bind(place: &OrderPosition, values: &mut Values) -> Result<Self, StoreError> {
        let (names, came_back) = match place {
            OrderPosition::UpdatedAt { at, id } | OrderPosition::CreatedAt { at, id } => {
                (vec![values.bind(Instant::from(*at))?, values.bind(id.get())?], false)
            }
            OrderPosition::ReturnedAt { returned_at, updated_at, id } => {
                let key = match returned_at {
                    ReturnDate::NotReturned => Instant::BEFORE_ALL,
                    ReturnDate::At(at) => Instant::from(*at),
                    ReturnDate::Unknown => Instant::AFTER_ALL,
                };
                let names = vec![values.bind(key)?, values.bind(Instant::from(*updated_at))?, values.bind(id.get())?];
                (names, *returned_at != ReturnDate::NotReturned)
            }
            OrderPosition::Number { folded, .. } => (vec![values.bind(folded.clone())?], false),
        };
        Ok(Self { names, came_back })
    }

    pub(super) fn condition(&self, columns: &[&str], direction: Direction) -> String {
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
    // A point in time takes the detour that its column takes.
    let name = |(column, name): (&&str, &String)| {
        if column.ends_with(IN_STATUS) { format!("({name}{IN_STATUS}") } else { name.clone() }
    };
    let names: Vec<String> = columns.iter().zip(names).map(name).collect();
    format!("({}) {comparison} ({})", columns.join(", "), names.join(", "))
}

/// How [`updated_in_status`] and [`created_in_status`] end.
const IN_STATUS: &str = " AT TIME ZONE 'UTC')";
