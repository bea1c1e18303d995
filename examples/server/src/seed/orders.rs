//! Made-up orders, in the order in which they came in, with statuses that fit their age.

use chrono::{DateTime, Datelike, FixedOffset, Utc};
use provesi_core::{
    NewOrder, OrderNumber, OrderState,
    OrderStatus::{self, Cancelled, Delivered, Packing, Picking, Received, Returned, Shipped},
    ReturnReason, Timestamp,
};
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use super::clients::pick;
use super::names::REASONS;
use super::{DAY, Owner, SPAN_DAYS, Seed};

/// When the warehouse takes orders in, in hours of Bogotá.
const OPENS: f64 = 7.0;
const CLOSES: f64 = 18.0;
const HOUR: f64 = 3_600e6;

/// Shares of the statuses, of a hundred orders, by age in days: up to which age, and how many in which status.
const SHARES: [(f64, &[(u32, OrderStatus)]); 4] = [
    (1.5, &[(46, Received), (26, Picking), (18, Packing), (8, Shipped), (2, Cancelled)]),
    (6.0, &[(5, Received), (5, Picking), (10, Packing), (52, Shipped), (25, Delivered), (3, Cancelled)]),
    (20.0, &[(12, Shipped), (78, Delivered), (6, Returned), (4, Cancelled)]),
    (f64::MAX, &[(91, Delivered), (5, Returned), (4, Cancelled)]),
];

/// The orders of a seed, one after the other.
pub(super) struct Orders {
    rng: ChaCha12Rng,
    count: u32,
    made: u32,
    until: Timestamp,
    /// By when they came.
    owners: Vec<Owner>,
    /// How many of the owners were there when the last order came in.
    there: usize,
}

impl Orders {
    pub(super) fn new(seed: &Seed, owners: Vec<Owner>) -> Self {
        // A stream of its own: more clients leave the orders' statuses and instants as they were.
        let mut rng = ChaCha12Rng::seed_from_u64(seed.seed);
        rng.set_stream(1);
        Self { rng, count: seed.orders, made: 0, until: seed.until, owners, there: 0 }
    }

    /// Evenly over the days, in the hours of work.
    fn created_at(&mut self) -> Timestamp {
        let place = (f64::from(self.made) + self.rng.random_range(0.0..1.0)) / f64::from(self.count.max(1));
        let days = place * SPAN_DAYS as f64;
        let hour = OPENS + days.fract() * (CLOSES - OPENS);
        back(self.until, (SPAN_DAYS as f64 - days.trunc()) * DAY as f64 - hour * HOUR)
    }

    fn owner(&mut self, at: Timestamp) -> Option<Owner> {
        while self.owners.get(self.there).is_some_and(|owner| owner.since <= at) {
            self.there += 1;
        }
        // The smaller of two draws: those who came first order most.
        let there = u32::try_from(self.there).unwrap_or(u32::MAX).max(1);
        let place = self.rng.random_range(0..there).min(self.rng.random_range(0..there)) as usize;
        let is_anybodys = self.rng.random_bool(0.995);
        self.owners[..self.there].get(place).copied().filter(|_| is_anybodys)
    }

    fn status(&mut self, age_days: f64) -> OrderStatus {
        let (_, shares) = SHARES.iter().find(|(up_to, _)| age_days <= *up_to).unwrap_or(&SHARES[3]);
        let mut drawn = self.rng.random_range(0..100);
        for &(share, status) in *shares {
            if drawn < share {
                return status;
            }
            drawn -= share;
        }
        Delivered
    }

    /// When an order got where it stands, as days after it came in.
    fn days_until(&mut self, status: OrderStatus) -> f64 {
        match status {
            Received => 0.0,
            Picking => self.rng.random_range(0.01..0.4),
            Packing => self.rng.random_range(0.05..0.9),
            Shipped => self.rng.random_range(0.2..2.0),
            Delivered => self.rng.random_range(1.0..6.0),
            Returned => self.rng.random_range(4.0..18.0),
            Cancelled => self.rng.random_range(0.01..1.5),
        }
    }
}

impl Iterator for Orders {
    type Item = NewOrder;

    fn next(&mut self) -> Option<NewOrder> {
        if self.made == self.count {
            return None;
        }
        let created_at = self.created_at();
        self.made += 1;
        let age = (self.until.micros() - created_at.micros()) as f64;
        let status = self.status(age / DAY as f64);
        let taken = (self.days_until(status) * DAY as f64).min(age.max(0.0));
        let updated_at = back(created_at, -taken);
        let owner = self.owner(created_at);
        let reason = pick(&mut self.rng, REASONS);
        let reason = (status == Returned).then(|| ReturnReason::parse(reason).expect("made-up reasons are short"));
        let number = format!("ORD-{}-{:06}", year_in_bogota(created_at), self.made);
        Some(
            NewOrder::builder()
                .number(OrderNumber::parse(&number).expect("made-up numbers are plain"))
                .maybe_client_id(owner.map(|owner| owner.id))
                .state(OrderState::new(status, reason, updated_at).expect("a made-up return has a reason"))
                .created_at(created_at)
                .updated_at(updated_at)
                .build(),
        )
    }
}

/// The instant `micros` microseconds before `at`, in whole milliseconds.
pub(super) fn back(at: Timestamp, micros: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "a few years of microseconds are far within i64")]
    let micros = micros as i64;
    Timestamp::from_micros(at.micros() - micros).unwrap_or(at).to_millis()
}

fn year_in_bogota(at: Timestamp) -> i32 {
    let utc = DateTime::<Utc>::from(at);
    FixedOffset::west_opt(5 * 3_600).map_or_else(|| utc.year(), |bogota| utc.with_timezone(&bogota).year())
}
