//! Instants as a clerk in Bogotá reads them. Colombia has had no summer time since 1993, so the offset is fixed.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike, Utc};
use provesi_core::{Period, Timestamp};

const WEST: i32 = 5 * 3_600;
const MONTHS: [&str; 12] = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];

/// An instant as a `time` element: `hoy 14:05`, `ayer 09:10`, else `24 nov 2026 14:05`, with the whole instant in its
/// title.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    at: Timestamp,
    now: Timestamp,
}

impl When {
    pub(crate) const fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now }
    }
}

fn local(at: Timestamp) -> Option<DateTime<FixedOffset>> {
    Some(DateTime::<Utc>::from(at).with_timezone(&FixedOffset::west_opt(WEST)?))
}

/// The day in Bogotá.
pub(crate) fn date_of(at: Timestamp) -> NaiveDate {
    local(at).map(|at| at.date_naive()).unwrap_or_default()
}

/// Some days in Bogotá, the last one with all its hours.
pub(crate) fn days(first: Option<NaiveDate>, last: Option<NaiveDate>) -> Period {
    let start = |date: NaiveDate| {
        let local = date.and_time(chrono::NaiveTime::MIN).and_local_timezone(FixedOffset::west_opt(WEST)?).single()?;
        Timestamp::from_micros(local.timestamp_micros()).ok()
    };
    Period { from: first.and_then(start), until: last.and_then(|last| last.succ_opt()).and_then(start) }
}

/// A day: `24 nov 2026`.
pub(crate) fn day(date: NaiveDate) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_date(&mut text, date);
    text
}

fn write_date(f: &mut impl fmt::Write, date: NaiveDate) -> fmt::Result {
    let month = usize::try_from(date.month0()).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"?");
    write!(f, "{} {month} {}", date.day(), date.year())
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(at), Some(now)) = (local(self.at), local(self.now)) else { return Ok(()) };
        let (date, today) = (at.date_naive(), now.date_naive());
        let clock = |f: &mut fmt::Formatter<'_>| write!(f, "{:02}:{:02}", at.hour(), at.minute());
        write!(f, "<time datetime=\"{}\" title=\"", self.at)?;
        write_date(f, date)?;
        f.write_char(' ')?;
        clock(f)?;
        write!(f, ":{:02} en Bogotá ({})\">", at.second(), self.at)?;
        if date == today {
            f.write_str("hoy ")?;
        } else if Some(date) == today.pred_opt() {
            f.write_str("ayer ")?;
        } else {
            write_date(f, date)?;
            f.write_char(' ')?;
        }
        clock(f)?;
        f.write_str("</time>")
    }
}

/// Made of digits and our own words.
impl HtmlSafe for When {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_of_days_has_the_hours_of_bogota() {
        let date = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let period = days(date("2026-11-24"), date("2026-11-24"));
        assert_eq!(period, Period { from: at("2026-11-24T05:00:00Z"), until: at("2026-11-25T05:00:00Z") });
        assert_eq!(days(None, None), Period::default());
        assert_eq!(date_of(at("2026-11-25T04:59:59Z").unwrap()), date("2026-11-24").unwrap());
    }

    #[test]
    fn days_are_those_of_bogota() {
        let now: Timestamp = "2026-11-25T03:00:00Z".parse().unwrap();
        let shown = |at: &str| {
            let html = When::new(at.parse().unwrap(), now).to_string();
            html.split(['<', '>']).nth(2).unwrap().to_owned()
        };
        assert_eq!(shown("2026-11-24T19:05:09Z"), "hoy 14:05");
        assert_eq!(shown("2026-11-24T05:00:00Z"), "hoy 00:00");
        assert_eq!(shown("2026-11-24T04:59:59Z"), "ayer 23:59");
        assert_eq!(shown("2026-11-23T04:59:59Z"), "22 nov 2026 23:59");
        assert_eq!(shown("2026-11-25T05:00:00Z"), "25 nov 2026 00:00");
        let html = When::new(Timestamp::MIN, Timestamp::MAX).to_string();
        assert!(html.contains("31 dic 0 19:00"), "{html}");
        let html = When::new("2026-11-24T19:05:09.613823Z".parse().unwrap(), now).to_string();
        assert!(html.contains("title=\"24 nov 2026 14:05:09 en Bogotá (2026-11-24T19:05:09.613823Z)\""), "{html}");
    }
}
