//! What a field of a CSV file may say, and how: instants, statuses, faults.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use provesi_core::{Invalid, OrderStatus, Timestamp};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The column, where it is one column's fault.
    pub(super) column: Option<&'static str>,
    pub(super) why: String,
}

impl Fault {
    pub(super) fn new(column: &'static str, why: impl Into<String>) -> Self {
        Self { column: Some(column), why: why.into() }
    }

    pub(super) fn row(why: impl Into<String>) -> Self {
        Self { column: None, why: why.into() }
    }
}

/// Gathers the faults of one row, so that all of them are told at once.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, column: &'static str, why: impl Into<String>) {
        self.0.push(Fault::new(column, why));
    }

    /// The value, or `None` with the fault noted under the column's name.
    pub(super) fn take<T>(&mut self, column: &'static str, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|invalid| self.add(column, invalid.rule.to_string())).ok()
    }

    /// An instant, `Some(None)` for a blank field, or `None` with the fault noted.
    ///
    /// The clock of another machine may be ahead; a date far ahead is a slip of the pen, after which a record's version
    /// could no longer grow for as long.
    pub(super) fn take_instant(
        &mut self,
        column: &'static str,
        text: &str,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        match text.trim() {
            "" => Some(None),
            text => match instant(text) {
                None => {
                    self.add(column, "must be an instant such as 2026-01-31T15:00:00Z, 2026-01-31 10:00 or 2026-01-31");
                    None
                }
                Some(at) if at.micros() - now.micros() > YEAR => {
                    self.add(column, "must not be more than a year ahead");
                    None
                }
                at => Some(at),
            },
        }
    }

    /// When the record was made and last changed. What is missing is told by the other, or is `now`.
    pub(super) fn take_instants(&mut self, created: &str, updated: &str, now: Timestamp) -> (Timestamp, Timestamp) {
        let created = self.take_instant("created_at", created, now);
        let updated = self.take_instant("updated_at", updated, now);
        let (created, updated) = (created.flatten(), updated.flatten());
        let created_at = created.or_else(|| updated.map(|updated| updated.min(now))).unwrap_or(now);
        let updated_at = updated.unwrap_or(created_at);
        if updated_at < created_at {
            self.add("updated_at", "must not be before created_at");
        }
        (created_at, updated_at)
    }

    /// The row where every part of it is there, else the faults.
    pub(super) fn finish<R>(self, row: Option<R>) -> Result<R, Vec<Fault>> {
        match row {
            Some(row) if self.0.is_empty() => Ok(row),
            _ => Err(self.0),
        }
    }
}

/// Microseconds in a year.
const YEAR: i64 = 365 * 24 * 60 * 60 * 1_000_000;

/// An instant: RFC 3339, or without an offset the time of Bogotá, which has none of daylight saving.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    // chrono takes years of any length; a date here has the form 2026-01-31 and no other.
    let is_date = |date: &str| {
        date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    let date = text.get(..10).filter(|date| is_date(date))?;
    let local = match text.get(10..)? {
        "" => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN),
        _ => ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?,
    };
    let bogota = FixedOffset::west_opt(5 * 60 * 60)?;
    let instant: DateTime<FixedOffset> = local.and_local_timezone(bogota).single()?;
    Timestamp::try_from(instant.with_timezone(&Utc)).ok()
}

/// A status by its name on the wire or its Spanish label, in any letter case; a blank one is received.
pub(super) fn status(text: &str) -> Option<OrderStatus> {
    let text = text.trim();
    if text.is_empty() {
        return Some(OrderStatus::Received);
    }
    let is = |name: &str| name.eq_ignore_ascii_case(text);
    OrderStatus::ALL.into_iter().find(|status| is(status.as_str()) || is(status.label()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_without_an_offset_is_bogotas() {
        let shown = |text| instant(text).map(|at| at.to_string());
        assert_eq!(shown("2026-01-31T10:00:00-05:00").as_deref(), Some("2026-01-31T15:00:00.000Z"));
        assert_eq!(shown("2026-01-31 10:00").as_deref(), Some("2026-01-31T15:00:00.000Z"));
        assert_eq!(shown("2026-07-31 10:00:01").as_deref(), Some("2026-07-31T15:00:01.000Z"));
        assert_eq!(shown("2026-07-31T10:00:01.25").as_deref(), Some("2026-07-31T15:00:01.250Z"));
        assert_eq!(shown("2026-01-31").as_deref(), Some("2026-01-31T05:00:00.000Z"));
        let nothing =
            ["", "yesterday", "2026-13-01", "26-01-31", "31/01/2026", "2026-1-31", "2026-01-31 25:00", "ñañañañañañ"];
        for text in nothing {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn a_status_has_two_names_in_any_case() {
        for known in OrderStatus::ALL {
            assert_eq!(status(&known.as_str().to_uppercase()), Some(known));
            assert_eq!(status(&format!(" {} ", known.label().to_lowercase())), Some(known));
        }
        assert_eq!(status("  "), Some(OrderStatus::Received));
        assert_eq!(status("lost"), None);
    }

    #[test]
    fn what_is_missing_of_two_instants_is_told_by_the_other() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-24T00:00:00Z");
        let taken = |created, updated| {
            let mut faults = Faults::default();
            (faults.take_instants(created, updated, now), faults.0.len())
        };
        let old = "2020-01-01T00:00:00Z";
        assert_eq!(taken("", ""), ((now, now), 0));
        assert_eq!(taken(old, ""), ((at(old), at(old)), 0));
        assert_eq!(taken("", old), ((at(old), at(old)), 0));
        assert_eq!(taken("", "2027-01-01T00:00:00Z"), ((now, at("2027-01-01T00:00:00Z")), 0));
        assert_eq!(taken(old, "2019-01-01T00:00:00Z").1, 1);
        assert_eq!(taken("x", "y").1, 2);
        assert_eq!(taken("9999-12-31T23:59:59Z", "2028-01-01T00:00:00Z").1, 2);
    }
}
