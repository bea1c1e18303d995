//! How many orders came back in each of the last weeks, for the chart of the returns.

use chrono::{Datelike, Days, NaiveDate};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::{App, AppError, OrderListing, Period};

use super::when;
use super::words::thousands;

/// How many weeks are shown.
const WEEKS: usize = 12;

/// The returns of each week, from Monday to Sunday in Bogotá.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weeks {
    /// The Monday of the first.
    first: NaiveDate,
    counts: [u64; WEEKS],
}

pub(crate) fn count(app: App) -> BoxFuture<'static, Result<Weeks, AppError>> {
    async move {
        let today = when::date_of(app.now());
        let monday = today - Days::new(today.weekday().num_days_from_monday().into());
        let first = monday - Days::new(7 * (WEEKS as u64 - 1));
        let mut counts = [0; WEEKS];
        for (week, count) in (0..).zip(&mut counts) {
            let mut listing = OrderListing::returns();
            listing.filter.returned = when::days(Some(start(first, week)), Some(end(first, week)));
            *count = app.count_orders_of(&listing).await?;
        }
        Ok(Weeks { first, counts })
    }
    .boxed()
}

fn start(first: NaiveDate, week: u64) -> NaiveDate {
    first + Days::new(7 * week)
}

fn end(first: NaiveDate, week: u64) -> NaiveDate {
    first + Days::new(7 * week + 6)
}

/// A week of the chart.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    pub(crate) count: String,
    /// Its height, in hundredths of the highest.
    pub(crate) height: u64,
    /// Whether its returns are those that the page shows.
    pub(crate) is_shown: bool,
}

impl Bar {
    /// The whole week in words, for who cannot see the bar.
    pub(crate) fn told(&self) -> String {
        let returns = if self.count == "1" { "devolución" } else { "devoluciones" };
        format!("{} a {}: {} {returns}", when::day(self.from), when::day(self.to), self.count)
    }

    /// Its Monday: `23/11`.
    pub(crate) fn short(&self) -> String {
        format!("{}/{}", self.from.day(), self.from.month())
    }
}

impl Weeks {
    /// The bars, where anything came back at all.
    pub(crate) fn bars(&self, shown: Period) -> Vec<Bar> {
        let highest = self.counts.iter().copied().max().unwrap_or_default();
        if highest == 0 {
            return Vec::new();
        }
        let bar = |(week, &count): (u64, &u64)| {
            let (from, to) = (start(self.first, week), end(self.first, week));
            Bar {
                is_shown: when::days(Some(from), Some(to)) == shown,
                from,
                to,
                count: thousands(count),
                // Something is never shown as nothing.
                height: if count == 0 { 0 } else { (count * 100 / highest).max(2) },
            }
        };
        (0..).zip(&self.counts).map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_relative_to_the_highest_and_something_is_never_nothing() {
        let first = NaiveDate::from_ymd_opt(2026, 9, 7).unwrap();
        let mut counts = [0; WEEKS];
        (counts[0], counts[1], counts[11]) = (1_000, 1, 500);
        let shown = when::days(Some(start(first, 11)), Some(end(first, 11)));
        let bars = Weeks { first, counts }.bars(shown);
        let heights: Vec<_> = bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [100, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]);
        assert_eq!(bars.iter().position(|bar| bar.is_shown), Some(11));
        assert_eq!(
            (bars[11].short(), bars[0].told()),
            ("23/11".into(), "7 sep 2026 a 13 sep 2026: 1.000 devoluciones".into())
        );
        assert!(Weeks { first, counts: [0; WEEKS] }.bars(shown).is_empty());
    }
}
