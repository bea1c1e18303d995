//! Notices a system clock that is wrong, and logs it. The clock dates every change, so that orders changed under a clock that
//! is ahead stay on top of every list until the real time passes them.
//!
//! Writes go on: versions grow strictly whatever the clock says, so nothing is lost, and a warehouse must not stop because of
//! a clock. A clock that a person corrects looks like a jump, too.

use std::time::{Duration, Instant};

use provesi_core::{App, OrderListing, PageLimit, PageRequest, Timestamp};

/// Time servers correct a clock by less.
const TOLERANCE: Duration = Duration::from_secs(30);
/// How long a store is not written to, at most, while it is in use.
const LONGEST_IDLE: Duration = Duration::from_secs(366 * 24 * 3_600);
/// How often the clock is compared with the monotonic clock of the machine.
const TICK: Duration = Duration::from_secs(10);
/// How long after a start the clock is first compared with the latest change.
const START_DELAY: Duration = Duration::from_millis(500);
/// How often the clock is compared with the latest change.
const COMPARE_INTERVAL: Duration = Duration::from_secs(600);

/// A contradiction between the clock and the latest change on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// The change is in the future: the clock was ahead then, or is behind now.
    ChangeInFuture,
    /// Nothing changed for so long that the clock is probably ahead.
    ClockAhead,
}

fn doubt(now: Timestamp, latest: Timestamp) -> Option<Doubt> {
    let age = now.micros().saturating_sub(latest.micros());
    if age < -micros(TOLERANCE) {
        Some(Doubt::ChangeInFuture)
    } else if age > micros(LONGEST_IDLE) {
        Some(Doubt::ClockAhead)
    } else {
        None
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Compares the clock with the latest change of an order.
async fn compare_with_latest_change(app: &App) {
    let Ok(limit) = PageLimit::new(1) else { return };
    // Health tells of a store that does not answer.
    let Ok(page) = app.orders().page(&OrderListing::default(), &PageRequest::first(limit)).await else { return };
    let (Some(order), now) = (page.items.first(), app.now()) else { return };
    match doubt(now, order.updated_at) {
        Some(Doubt::ChangeInFuture) => tracing::error!(
            %now,
            latest_change = %order.updated_at,
            "the latest change of an order is in the future: the system clock was ahead then, or is behind now. Orders with such \
             dates stay on top of every list until that time; correct the clock"
        ),
        Some(Doubt::ClockAhead) => tracing::warn!(
            %now,
            latest_change = %order.updated_at,
            "no order changed for more than a year: if that is not so, the system clock is ahead. Correct it before orders are \
             changed, which would stay on top of every list until that time"
        ),
        None => {}
    }
}

/// The system clock and the monotonic clock at one moment.
struct Watch {
    wall: Timestamp,
    monotonic: Instant,
}

/// A step of the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    /// What the clock should show.
    expected: Timestamp,
    /// Ahead or back.
    micros: i64,
}

impl Watch {
    /// The step of the system clock since the last tick, where it is larger than [`TOLERANCE`].
    fn tick(&mut self, wall: Timestamp, monotonic: Instant) -> Option<Jump> {
        let passed = micros(monotonic.saturating_duration_since(self.monotonic));
        let expected = Timestamp::from_micros(self.wall.micros().saturating_add(passed)).unwrap_or(Timestamp::MAX);
        *self = Self { wall, monotonic };
        let micros = wall.micros() - expected.micros();
        (micros.abs() > self::micros(TOLERANCE)).then_some(Jump { expected, micros })
    }
}

/// Compares the clock with the latest change at the start and every [`COMPARE_INTERVAL`], and logs each jump of the clock. Does
/// not end.
pub(super) async fn watch(app: &App) {
    let mut watch = Watch { wall: app.now(), monotonic: Instant::now() };
    let mut compared: Option<Instant> = None;
    // The first requests after a start go first.
    tokio::time::sleep(START_DELAY).await;
    loop {
        if compared.is_none_or(|compared| compared.elapsed() >= COMPARE_INTERVAL) {
            compare_with_latest_change(app).await;
            compared = Some(Instant::now());
        }
        tokio::time::sleep(TICK).await;
        let now = app.now();
        if let Some(Jump { expected, micros }) = watch.tick(now, Instant::now()) {
            tracing::error!(
                %expected,
                %now,
                seconds = micros / 1_000_000,
                "the system clock jumped, unless this machine was suspended. Changes under a clock that is ahead stay on top of \
                 every list until that time; correct the clock, and look at the orders that were changed since"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_in_the_future_and_a_clock_years_ahead_are_doubted() {
        let now = at("2026-11-26T12:00:00Z");
        for (latest, expected) in [
            ("2026-11-26T12:00:29Z", None),
            ("2026-11-26T12:00:31Z", Some(Doubt::ChangeInFuture)),
            ("2029-01-01T00:00:00Z", Some(Doubt::ChangeInFuture)),
            ("2025-12-01T00:00:00Z", None),
            ("2023-11-26T12:00:00Z", Some(Doubt::ClockAhead)),
        ] {
            assert_eq!(doubt(now, at(latest)), expected, "{latest}");
        }
    }

    #[test]
    fn a_jump_of_the_clock_is_seen_once_in_both_directions() {
        let start = Instant::now();
        let mut watch = Watch { wall: at("2026-11-26T12:00:00Z"), monotonic: start };
        let mut tick = |wall: &str, seconds| {
            watch.tick(at(wall), start + Duration::from_secs(seconds)).map(|jump| jump.micros / 1_000_000)
        };
        assert_eq!(tick("2026-11-26T12:00:10Z", 10), None);
        // A late tick, and a clock that a time server corrects.
        assert_eq!(tick("2026-11-26T12:10:00Z", 600), None);
        assert_eq!(tick("2026-11-26T12:10:39Z", 610), None);
        assert_eq!(tick("2029-11-25T12:10:49Z", 620), Some(1_095 * 86_400));
        assert_eq!(tick("2029-11-25T12:10:59Z", 630), None);
        assert_eq!(tick("2026-11-26T12:11:09Z", 640), Some(-1_095 * 86_400));
    }
}
