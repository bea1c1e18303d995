//! Instants: UTC, whole microseconds, the years 1 to 9999, so that every store and every JSON reader can hold them.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use crate::{Field, Invalid, Rule};

/// An instant in UTC, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// What Provesi writes is whole milliseconds (see [`Clock`](crate::Clock)); other writers of the same tables keep
/// microseconds, and a [`Version`](crate::Version) must not lose them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`Rule::Instant`] outside the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Result<Self, Invalid> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(Invalid::new(Field::Instant, Rule::Instant));
        }
        Ok(Self(micros))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant so long after this one, at most [`MAX`](Self::MAX).
    #[must_use]
    pub(crate) fn later(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// The instant with what is finer than a millisecond cut off.
    #[must_use]
    pub const fn to_millis(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1_000))
    }

    /// The first whole millisecond that is not earlier.
    #[must_use]
    pub(crate) const fn ceil_to_millis(self) -> Self {
        let millis = self.to_millis();
        if millis.0 == self.0 { self } else { millis.next(millis) }
    }

    /// The `updated_at` of a change at `now` to a row that was last changed at `self`: `now`, or the first whole
    /// millisecond after `self` where `now` is not later.
    ///
    /// Every store uses this, so that a version strictly grows even if a clock stands still or runs back. It cannot
    /// grow past [`MAX`](Self::MAX), so a record must not be made with an instant that far ahead.
    #[must_use]
    pub const fn next(self, now: Self) -> Self {
        if now.0 > self.0 {
            return now;
        }
        let next = self.to_millis().0 + 1_000;
        if next > Self::MAX.0 { Self::MAX } else { Self(next) }
    }

    /// The day of this instant by a clock that is `offset_minutes` ahead of UTC.
    #[must_use]
    pub fn day(self, offset_minutes: i16) -> NaiveDate {
        // At most 23 days beyond the years 1 to 9999, which chrono can hold.
        (self.to_datetime() + TimeDelta::minutes(offset_minutes.into())).date_naive()
    }

    fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).expect("the years 1 to 9999 are within chrono's range")
    }
}

/// Anything finer than a microsecond is cut off.
impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = Invalid;
    fn try_from(instant: DateTime<Utc>) -> Result<Self, Invalid> {
        if !(1..=9_999).contains(&instant.year()) {
            return Err(Invalid::new(Field::Instant, Rule::Instant));
        }
        Self::from_micros(instant.timestamp_micros())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_datetime()
    }
}

/// RFC 3339 with any offset.
impl std::str::FromStr for Timestamp {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        DateTime::parse_from_rfc3339(text)
            .map_err(|_| Invalid::new(Field::Instant, Rule::Instant))
            .and_then(|instant| Self::try_from(instant.with_timezone(&Utc)))
    }
}

/// RFC 3339 in UTC with `Z`, with milliseconds, or microseconds where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0.rem_euclid(1_000) == 0 { SecondsFormat::Millis } else { SecondsFormat::Micros };
        f.write_str(&self.to_datetime().to_rfc3339_opts(format, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shown_as_rfc_3339_in_utc() {
        let shown = |text: &str| text.parse::<Timestamp>().unwrap().to_string();
        assert_eq!(shown("2026-11-23T22:56:37.613-05:00"), "2026-11-24T03:56:37.613Z");
        assert_eq!(shown("2026-11-24T03:56:37Z"), "2026-11-24T03:56:37.000Z");
        assert_eq!(shown("2026-11-24T03:56:37.613823999Z"), "2026-11-24T03:56:37.613823Z");
    }

    #[test]
    fn the_ends_are_the_years_1_and_9999() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert!(Timestamp::from_micros(Timestamp::MAX.micros() + 1).is_err());
        assert!(Timestamp::try_from(DateTime::<Utc>::MAX_UTC).is_err());
        assert!(Timestamp::try_from(DateTime::<Utc>::MIN_UTC).is_err());
        assert!("2026-13-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_day_ends_at_midnight_of_its_offset() {
        let day = |text: &str, offset| text.parse::<Timestamp>().unwrap().day(offset).to_string();
        assert_eq!(day("2026-01-02T04:59:59.999999Z", -300), "2026-01-01");
        assert_eq!(day("2026-01-02T05:00:00Z", -300), "2026-01-02");
        assert_eq!(day("1969-12-31T23:59:59.999999Z", 0), "1969-12-31");
        for offset in [i16::MIN, i16::MAX] {
            assert!(Timestamp::MIN.day(offset) < Timestamp::MAX.day(offset));
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros()) {
            let instant = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        }

        #[test]
        fn the_next_version_is_later(stored in 0..4_000_000_000_000_000_i64, now in 0..4_000_000_000_000_000_i64) {
            let (stored, now) = (Timestamp(stored), Timestamp(now).to_millis());
            let next = stored.next(now);
            prop_assert!(next > stored && next >= now.min(next));
            prop_assert_eq!(next.to_millis(), next);
        }
    }
}
