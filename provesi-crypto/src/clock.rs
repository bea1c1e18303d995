//! Time, as messages carry it and as it is asked for.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// Tells the time. A port, so that tests can hold it still.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(feature = "std")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
        Timestamp(micros.min(Timestamp::MAX.0))
    }
}

/// An instant in UTC, to the microsecond, in the years 1 to 9999: what Python's `datetime` can be.
///
/// Its text is that of a naive `datetime.isoformat()`: `2026-11-24T03:56:37.880123`, and `2026-11-24T03:56:37` where the
/// microseconds are 0. Three digits of a fraction, as `timespec="milliseconds"` writes them, are read too. Anything else
/// is refused, a zone above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    const MIN: Self = Self(-62_135_596_800_000_000);
    const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant so many microseconds after 1970 began. `None` outside of the years 1 to 9999.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970 began.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// How long before `self` the other one is: zero where it is not before.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    /// The instant so much later, or the last one that there is.
    pub(crate) fn later(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_micros(self.0).ok_or(fmt::Error)?.naive_utc();
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match time.nanosecond() / 1_000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        read(text.as_bytes()).ok_or(TimestampError)
    }
}

fn read(text: &[u8]) -> Option<Timestamp> {
    let (whole, fraction) = text.split_at_checked(b"YYYY-MM-DDTHH:MM:SS".len())?;
    let [date @ .., b'T', _, _, b':', _, _, b':', _, _] = whole else { return None };
    let [_, _, _, _, b'-', _, _, b'-', _, _] = date else { return None };
    let date = NaiveDate::from_ymd_opt(number(&date[..4])?.cast_signed(), number(&date[5..7])?, number(&date[8..])?)?;
    let (hour, minute, second) = (number(&whole[11..13])?, number(&whole[14..16])?, number(&whole[17..])?);
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if digits.len() == 3 => number(digits)? * 1_000,
        [b'.', digits @ ..] if digits.len() == 6 => number(digits)?,
        _ => return None,
    };
    let time = date.and_hms_micro_opt(hour, minute, second, micros)?;
    Timestamp::from_unix_micros(time.and_utc().timestamp_micros())
}

/// The number that these digits, at most 6, are. Nothing but digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

/// Not an instant as a message carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an instant such as 2026-11-24T03:56:37.880123, in UTC and without a zone")]
pub struct TimestampError;

#[cfg(test)]
mod tests;
