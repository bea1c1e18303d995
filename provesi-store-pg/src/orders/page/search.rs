//! The statement of a page that is searched for: nearby, further on, or by a lookup, see [`nearby`].

use provesi_core::{NumberPart, StoreError};

use super::statement::{Arm, Listed, Values, Walk, nothing, order};
use crate::sql::{self, client, folded, number_grams, order_columns};
use crate::{grams, nearby};

/// How many of a client's orders are few: that many are read and sorted in a few milliseconds.
pub(super) const FEW: usize = 2_000;

/// How many orders are passed on the walks of a search, see [`nearby`]: that takes about as long as to look up what few
/// orders match.
const NEARBY: usize = 8_000;

/// How many are passed for each that a page may have, so that one of a thousand is together where one in five matches.
const NEARBY_EACH: usize = 5;

/// How many orders each of so many walks passes, for a page of at most `limit`.
pub(super) fn bound(walks: usize, limit: usize) -> usize {
    (NEARBY / walks).max(NEARBY_EACH * limit)
}

pub(super) fn is_of_client(id: &str) -> String {
    format!(concat!(client!(), " = {}"), id)
}

/// The conditions on a part of a number.
pub(super) struct Part {
    /// That the number has it.
    is_there: String,
    /// That its grams may be those of a number that has it.
    grams: String,
}

impl Part {
    pub(super) fn bind(part: &NumberPart, values: &mut Values) -> Result<Self, StoreError> {
        let is_there = format!(concat!(folded!(), " LIKE {}"), values.bind(sql::containing(part.as_str()))?);
        let grams = values.bind(grams::having(part.as_str()))?;
        Ok(Self { is_there, grams: format!(concat!(number_grams!(), " @@ {}::text::tsquery"), grams) })
    }
}

/// What is looked for otherwise than along an index of the sort.
pub(super) struct Search {
    pub(super) part: Option<Part>,
    /// The parameters of the client, and of how many orders are few.
    pub(super) client: Option<(String, String)>,
    pub(super) walk: Walk,
    pub(super) statuses: Option<String>,
    /// On the date of a return.
    pub(super) came_back: Vec<String>,
}

impl Search {
    /// What the walks keep to, and what else an order must meet that they pass.
    fn conditions(&self) -> (Vec<String>, String) {
        let mut condition: Vec<String> = self.part.iter().map(|part| part.is_there.clone()).collect();
        let mut on_the_way = self.came_back.clone();
        match &self.client {
            Some((client, _)) if self.walk == Walk::Client => on_the_way.push(is_of_client(client)),
            Some((client, _)) => {
                on_the_way.push(HAS_MANY.to_owned());
                condition.push(is_of_client(client));
            }
            None => {}
        }
        (on_the_way, condition.join(" AND "))
    }

    /// The way to a page that is not nearby, as the branches of a CASE.
    fn ways(&self, condition: &str) -> String {
        let share = |n, condition| nearby::more_than_one_in(n, "orders_order", condition);
        match (&self.client, &self.part) {
            (Some(_), Some(part)) if self.walk == Walk::Client => format!(
                "WHEN {} THEN 'on' WHEN {} THEN 'client' ELSE 'grams'",
                share(MOST, &part.is_there),
                share(COMMON, &part.is_there)
            ),
            (Some(_), Some(part)) => format!(
                "WHEN NOT {HAS_MANY} THEN 'client' WHEN {} THEN 'on' WHEN {} THEN 'client' ELSE 'grams'",
                share(MOST, condition),
                share(COMMON, &part.is_there)
            ),
            (Some(_), None) => {
                format!("WHEN NOT {HAS_MANY} THEN 'client' WHEN {} THEN 'on' ELSE 'client'", share(MOST, condition))
            }
            (None, _) => format!("WHEN {} THEN 'on' ELSE 'grams'", share(MOST, condition)),
        }
    }

    /// What is looked up on the ways of these names.
    fn lookups(&self) -> Vec<(&'static str, String)> {
        let grams = self.part.iter().map(|part| ("grams", format!("{} AND {}", part.grams, part.is_there)));
        grams.chain(self.client.iter().map(|(client, _)| ("client", is_of_client(client)))).collect()
    }
}

/// Most orders match: more than one in so many.
const MOST: u32 = 2;

/// A part is common: where more than one in so many orders have it, looking these up takes longer than looking at the
/// client's.
const COMMON: u32 = 100;

/// Whether the client has more orders than a few.
const HAS_MANY: &str = "(SELECT are_many FROM clients)";

impl Listed {
    /// The orders of a page of a search: those nearby, or where these are too few those along the whole walk, or those that
    /// are looked up.
    pub(super) fn search(&self, arms: &[Arm], search: &Search, limit: &str, bound: &str) -> String {
        let (on_the_way, condition) = search.conditions();
        let (mut with, mut is_enough, mut pages) = (Vec::new(), Vec::new(), Vec::new());
        if let Some((client, few)) = search.client.as_ref().filter(|_| search.walk != Walk::Client) {
            // As a range, in the order of the index: PostgreSQL might read the table until it has so many.
            with.push(format!(
                concat!(
                    "clients AS MATERIALIZED (SELECT count(*) > {} AS are_many FROM (SELECT 1 FROM orders_order WHERE ",
                    client!(),
                    " BETWEEN {} AND {} ORDER BY ",
                    client!(),
                    ", updated_at, id LIMIT {} + 1) AS some_of_them)"
                ),
                few, client, client, few
            ));
            is_enough.push(HAS_MANY.to_owned());
        }
        let (to_the_bound, mut on_and_on) = (format!("LIMIT {bound}"), on_the_way.clone());
        on_and_on.push(goes("on"));
        for (n, arm) in arms.iter().enumerate() {
            let Some(walk) = self.walk(arm, &on_the_way, &to_the_bound) else { continue };
            let name = format!("arm_{n}");
            with.push(nearby::near(&name, &walk, &condition, limit));
            is_enough.push(nearby::is_enough(&name, limit, bound));
            pages.push(format!("SELECT * FROM {name}_near WHERE {}", goes("enough")));
            // PostgreSQL does not know that most orders match, and might read and sort the table instead: OFFSET 0 keeps
            // the walk as it is, and of a CASE it expects that it holds for half of them.
            let walk = self.walk(arm, &on_and_on, "OFFSET 0");
            pages.extend(walk.map(|walk| {
                format!("SELECT * FROM ({walk}) AS walk WHERE CASE WHEN {condition} THEN true END LIMIT {limit}")
            }));
        }
        if pages.is_empty() {
            return nothing(limit);
        }
        with.push(format!(
            "way AS MATERIALIZED (SELECT CASE WHEN {} THEN 'enough' {} END AS it_is)",
            is_enough.join(" AND "),
            search.ways(&condition)
        ));
        let client = search.client.as_ref().map(|(client, _)| is_of_client(client));
        let is_there = search.part.as_ref().map(|part| part.is_there.clone());
        for (way, lookup) in search.lookups() {
            let mut conditions = vec![goes(way)];
            conditions.extend(if way == "grams" { client.clone() } else { is_there.clone() });
            conditions.extend(search.statuses.iter().chain(&search.came_back).cloned());
            conditions.extend(self.place.as_ref().map(|place| place.condition(self.sort.columns, self.direction)));
            let key = if self.sort.has_key { format!(", {} AS sort_key", self.sort.columns[0]) } else { String::new() };
            // And here from looking for these along the index of the sort, where it would pass by all others.
            pages.push(format!(
                concat!(
                    "SELECT ",
                    order_columns!(),
                    "{} FROM (SELECT * FROM orders_order WHERE {} OFFSET 0) AS orders_order \
                     WHERE {} ORDER BY {} LIMIT {}"
                ),
                key,
                lookup,
                conditions.join(" AND "),
                order(self.sort.columns, self.direction),
                limit
            ));
        }
        let together = order(self.sort.together, self.direction);
        format!("WITH {} ({}) ORDER BY {together} LIMIT {limit}", with.join(", "), pages.join(") UNION ALL ("))
    }
}

/// Whether a search goes this way.
fn goes(way: &str) -> String {
    format!("(SELECT it_is FROM way) = '{way}'")
}
