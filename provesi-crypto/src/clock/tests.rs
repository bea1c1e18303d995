use std::string::ToString;

use proptest::prelude::*;

use super::*;

fn micros(text: &str) -> Option<i64> {
    text.parse().ok().map(Timestamp::unix_micros)
}

#[test]
fn instants_are_read_as_python_writes_them() {
    assert_eq!(micros("1970-01-01T00:00:00"), Some(0));
    assert_eq!(micros("2026-11-24T03:56:37.880123"), Some(1_795_492_597_880_123));
    assert_eq!(micros("2026-11-24T03:56:37.880"), Some(1_795_492_597_880_000));
    assert_eq!(micros("2024-02-29T23:59:59.999999"), Some(1_709_251_199_999_999));
    assert_eq!(micros("0001-01-01T00:00:00"), Some(Timestamp::MIN.0));
    assert_eq!(micros("9999-12-31T23:59:59.999999"), Some(Timestamp::MAX.0));
}

#[test]
fn anything_else_is_refused() {
    for text in [
        "",
        "x",
        "1",
        "2026-11-24",
        "2026-11-24T03:56",
        "2026-11-24 03:56:37",
        "2026-11-24t03:56:37",
        "2026-11-24T03:56:37Z",
        "2026-11-24T03:56:37.880123Z",
        "2026-11-24T03:56:37+00:00",
        "2026-11-24T03:56:37.",
        "2026-11-24T03:56:37.8",
        "2026-11-24T03:56:37.8801234",
        "2026-11-24T03:56:37,880123",
        "2026-11-24T03:56:60",
        "2026-11-24T24:00:00",
        "2026-02-29T00:00:00",
        "2026-13-01T00:00:00",
        "0000-01-01T00:00:00",
        "+2026-11-24T03:56:37",
        "2026-11-24T03:56:3٧",
        "2026-11-24T+3:56:37",
        "2026-11-24T03:56:37.-80123",
        " 2026-11-24T03:56:37",
        "2026-11-24T03:56:37\n",
        "20261124T035637",
        "2026-W48-2T03:56:37",
    ] {
        assert_eq!(micros(text), None, "{text:?}");
    }
}

#[test]
fn a_fraction_of_zero_is_not_written() {
    let text = |micros| Timestamp::from_unix_micros(micros).unwrap().to_string();
    assert_eq!(text(1_795_492_597_000_000), "2026-11-24T03:56:37");
    assert_eq!(text(1_795_492_597_000_001), "2026-11-24T03:56:37.000001");
    assert_eq!(text(-1), "1969-12-31T23:59:59.999999");
    assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00");
}

#[test]
fn years_that_python_has_not_are_no_instants() {
    assert_eq!(Timestamp::from_unix_micros(Timestamp::MIN.0 - 1), None);
    assert_eq!(Timestamp::from_unix_micros(Timestamp::MAX.0 + 1), None);
    assert_eq!(Timestamp::from_unix_micros(i64::MIN), None);
}

#[test]
fn the_distance_of_any_two_instants_is_known_and_none_is_later_than_the_last() {
    assert_eq!(Timestamp::MAX.since(Timestamp::MIN).as_secs(), 315_537_897_599);
    assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    assert_eq!(Timestamp::MAX.later(Duration::MAX), Timestamp::MAX);
}

#[cfg(feature = "std")]
#[test]
fn the_system_clock_goes_on() {
    let (before, after) = (SystemClock.now(), SystemClock.now());
    assert!(before.since(after) < Duration::from_secs(1) && before.unix_micros() > 1_700_000_000_000_000);
}

proptest! {
    #[test]
    fn every_instant_is_read_as_it_was_written(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
        let timestamp = Timestamp::from_unix_micros(micros).unwrap();
        prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
    }
}
