//! Listings of orders.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::paging::{decode_cursor, encode_cursor, fingerprint, page_of};
use crate::{ClientId, NumberPart, OrderId, OrderRow, OrderStatus, Page, PageRequest, StoreError, Timestamp};

/// A span of time, open at the ends that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Period {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant that is not in it any more.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether it has no end at all, so that anything is in it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }

    /// From its first instant to its end, in microseconds since 1970; where it has none, all that a [`Timestamp`] can be.
    #[must_use]
    pub fn micros(&self) -> Range<i64> {
        let end = self.until.map_or(Timestamp::MAX.micros() + 1, Timestamp::micros);
        self.from.unwrap_or(Timestamp::MIN).micros()..end
    }

    /// Whether `at` is in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Which orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct OrderFilter {
    /// Only orders in one of these statuses; any status where it is empty.
    pub statuses: BTreeSet<OrderStatus>,
    /// Only orders of this client.
    pub client_id: Option<ClientId>,
    /// Only orders whose number contains this, in any letter case.
    pub number_part: Option<NumberPart>,
    /// Only orders that came back in this time; any, those that never did among them, where it is
    /// [open](Period::is_open). It is meant for lists by [`OrderSort::ReturnedAt`] and for counts: other lists may pass
    /// over every return for it.
    pub returned: Period,
}

impl OrderFilter {
    /// Whether `order` passes: the rule that every store's filter must agree with.
    #[must_use]
    pub fn matches(&self, order: &OrderRow) -> bool {
        (self.statuses.is_empty() || order.status().is_ok_and(|status| self.statuses.contains(&status)))
            && self.client_id.is_none_or(|id| order.client_id() == Ok(Some(id)))
            && self.number_part.as_ref().is_none_or(|part| order.number.to_ascii_lowercase().contains(part.as_str()))
            && (self.returned.is_open()
                || order.status().is_ok()
                    && order.return_info().is_some_and(|info| self.returned.contains(info.returned_at)))
    }

    /// Where the dates of returns that pass start and end (not included), in microseconds since 1970. Both are there
    /// wherever the period is not open, since orders without a date stand before and after all dates.
    #[must_use]
    pub fn return_bounds(&self) -> [Option<i64>; 2] {
        if self.returned.is_open() {
            return [None; 2];
        }
        let Range { start, end } = self.returned.micros();
        [Some(start), Some(end)]
    }

    /// The statuses that an order which passes may be in; none where no order passes.
    #[must_use]
    pub fn possible_statuses(&self) -> BTreeSet<OrderStatus> {
        let came_back = |status: &OrderStatus| self.returned.is_open() || *status == OrderStatus::Returned;
        let is_asked_for = |status: &OrderStatus| self.statuses.is_empty() || self.statuses.contains(status);
        OrderStatus::ALL.into_iter().filter(|status| came_back(status) && is_asked_for(status)).collect()
    }
}

/// By what orders are sorted. Ties are broken by the id, in the listing's direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderSort {
    /// By [`OrderRow::updated_at`].
    #[default]
    UpdatedAt,
    /// By [`OrderRow::created_at`].
    CreatedAt,
    /// By the date of the return ([`ReturnDate`]), then by [`OrderRow::updated_at`]. An order of an unknown status is not
    /// listed.
    ReturnedAt,
    /// By the number in lower case (A to Z), byte by byte.
    Number,
}

/// A list of orders: which ones, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderListing {
    /// Which orders.
    pub filter: OrderFilter,
    /// By what they are sorted.
    pub sort: OrderSort,
    /// Which end comes first.
    pub direction: Direction,
}

/// All orders, the latest change first.
impl Default for OrderListing {
    fn default() -> Self {
        Self::new(OrderFilter::default(), OrderSort::UpdatedAt, Direction::Descending)
    }
}

impl OrderListing {
    /// The list of the orders that pass `filter`, sorted by `sort`.
    #[must_use]
    pub const fn new(filter: OrderFilter, sort: OrderSort, direction: Direction) -> Self {
        Self { filter, sort, direction }
    }

    /// The orders that came back, the latest return first, before it those without a date.
    #[must_use]
    pub fn returns() -> Self {
        let filter = OrderFilter { statuses: BTreeSet::from([OrderStatus::Returned]), ..OrderFilter::default() };
        Self::new(filter, OrderSort::ReturnedAt, Direction::Descending)
    }

    /// The orders of one client, the latest change first.
    #[must_use]
    pub fn of_client(client_id: ClientId) -> Self {
        let filter = OrderFilter { client_id: Some(client_id), ..OrderFilter::default() };
        Self::new(filter, OrderSort::UpdatedAt, Direction::Descending)
    }

    /// The same orders from the other end. Its cursors are the same: the page before an order is the page after it
    /// in the reversed listing, read backwards.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { direction: self.direction.reversed(), ..self.clone() }
    }

    /// Whether the list has `order`: the rule that every store's list must agree with.
    #[must_use]
    pub fn has(&self, order: &OrderRow) -> bool {
        self.filter.matches(order) && (self.sort != OrderSort::ReturnedAt || order.status().is_ok())
    }

    /// The order of two orders in this listing: the rule that every store's sort must agree with.
    #[must_use]
    pub fn compare(&self, a: &OrderRow, b: &OrderRow) -> Ordering {
        self.direction.apply(self.position_of(a).cmp(&self.position_of(b)))
    }

    /// Where `order` stands, whatever the direction.
    #[must_use]
    pub fn position_of(&self, order: &OrderRow) -> OrderPosition {
        let id = order.id;
        match self.sort {
            OrderSort::UpdatedAt => OrderPosition::UpdatedAt { at: order.updated_at, id },
            OrderSort::CreatedAt => OrderPosition::CreatedAt { at: order.created_at, id },
            OrderSort::ReturnedAt => {
                OrderPosition::ReturnedAt { returned_at: ReturnDate::of(order), updated_at: order.updated_at, id }
            }
            OrderSort::Number => OrderPosition::Number { folded: order.number.to_ascii_lowercase(), id },
        }
    }

    /// The cursor that stands at `order`.
    #[must_use]
    pub fn cursor_at(&self, order: &OrderRow) -> OrderCursor {
        OrderCursor { listing: self.fingerprint(), position: self.position_of(order) }
    }

    /// A page of this listing out of all orders of a store: for stores that read everything.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] if the cursor was made by another listing.
    pub fn page_of(
        &self,
        orders: impl IntoIterator<Item = OrderRow>,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        let after = request.after.as_ref().map(|cursor| self.position(cursor)).transpose()?;
        let orders = orders.into_iter().filter(|order| self.has(order));
        let key = |order: &_| self.position_of(order);
        Ok(page_of(orders, key, self.direction, after, request.limit, |last| self.cursor_at(last)))
    }

    /// The place of a cursor of this listing, in either direction.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] where the cursor was made by another listing.
    pub fn position<'c>(&self, cursor: &'c OrderCursor) -> Result<&'c OrderPosition, StoreError> {
        if cursor.listing != self.fingerprint() || cursor.position.sort() != self.sort {
            return Err(StoreError::InvalidCursor);
        }
        Ok(&cursor.position)
    }

    /// [`OrderFilter::return_bounds`] without the end that everything after `place` keeps to anyway: an index is then
    /// entered at the place, and not at the end of the period.
    #[must_use]
    pub fn return_bounds_after(&self, place: Option<&OrderPosition>) -> [Option<i64>; 2] {
        let [from, until] = self.filter.return_bounds();
        match self.direction {
            _ if self.sort != OrderSort::ReturnedAt || place.is_none() => [from, until],
            Direction::Ascending => [None, until],
            Direction::Descending => [from, None],
        }
    }

    fn fingerprint(&self) -> u64 {
        fingerprint(&("orders", &self.filter, self.sort))
    }
}

/// The date of a return as lists are sorted by it, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnDate {
    /// The order did not come back.
    NotReturned,
    /// It came back then.
    At(Timestamp),
    /// It came back, and nobody knows when. The Python system lists such orders first, the latest date after them:
    /// PostgreSQL sorts NULL behind all values.
    Unknown,
}

impl ReturnDate {
    fn of(order: &OrderRow) -> Self {
        match order.return_info() {
            Some(info) => Self::At(info.returned_at),
            None if order.status() == Ok(OrderStatus::Returned) => Self::Unknown,
            None => Self::NotReturned,
        }
    }
}

/// A place in a list of orders: the sort key of an order, and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPosition {
    /// In a list by [`OrderSort::UpdatedAt`].
    UpdatedAt {
        /// The order's `updated_at`.
        at: Timestamp,
        /// The order's id.
        id: OrderId,
    },
    /// In a list by [`OrderSort::CreatedAt`].
    CreatedAt {
        /// The order's `created_at`.
        at: Timestamp,
        /// The order's id.
        id: OrderId,
    },
    /// In a list by [`OrderSort::ReturnedAt`].
    ReturnedAt {
        /// The date of the return.
        returned_at: ReturnDate,
        /// The order's `updated_at`.
        updated_at: Timestamp,
        /// The order's id.
        id: OrderId,
    },
    /// In a list by [`OrderSort::Number`].
    Number {
        /// The folded number.
        folded: String,
        /// The order's id.
        id: OrderId,
    },
}

impl OrderPosition {
    const fn sort(&self) -> OrderSort {
        match self {
            Self::UpdatedAt { .. } => OrderSort::UpdatedAt,
            Self::CreatedAt { .. } => OrderSort::CreatedAt,
            Self::ReturnedAt { .. } => OrderSort::ReturnedAt,
            Self::Number { .. } => OrderSort::Number,
        }
    }
}

/// A place in one list of orders. The text form is opaque to callers and fit for a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderCursor {
    #[serde(rename = "l")]
    listing: u64,
    #[serde(rename = "p")]
    position: OrderPosition,
}

impl fmt::Display for OrderCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_cursor(self))
    }
}

impl std::str::FromStr for OrderCursor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        decode_cursor(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Order, OrderState, ReturnReason};

    fn order(id: i64, status: OrderStatus) -> OrderRow {
        let at = Timestamp::from_micros(1_000).unwrap();
        let reason = ReturnReason::parse("roto").ok();
        OrderRow::from(&Order {
            id: OrderId::new(id),
            number: format!("Ord-{id}").parse().unwrap(),
            client_id: None,
            state: OrderState::new(status, reason, at).unwrap(),
            created_at: at,
            updated_at: at,
        })
    }

    #[test]
    fn a_cursor_round_trips_and_belongs_to_its_listing_in_both_directions() {
        let order = order(7, OrderStatus::Returned);
        for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
            let listing = OrderListing { sort, ..OrderListing::default() };
            let cursor: OrderCursor = listing.cursor_at(&order).to_string().parse().unwrap();
            assert_eq!(listing.position(&cursor).unwrap(), &listing.position_of(&order));
            assert!(listing.reversed().position(&cursor).is_ok());
            let other = OrderListing { sort, ..OrderListing::returns() };
            assert!(matches!(other.position(&cursor), Err(StoreError::InvalidCursor)));
        }
    }

    #[test]
    fn anything_else_is_no_cursor() {
        for text in ["", "x", "e30", "!!", &"A".repeat(3_000)] {
            assert!(matches!(text.parse::<OrderCursor>(), Err(StoreError::InvalidCursor)), "{text}");
        }
    }

    #[test]
    fn ties_are_broken_by_the_id_in_the_listings_direction() {
        let (a, b) = (order(1, OrderStatus::Received), order(2, OrderStatus::Received));
        let listing = OrderListing::default();
        assert_eq!(listing.compare(&a, &b), Ordering::Greater);
        assert_eq!(listing.reversed().compare(&a, &b), Ordering::Less);
    }

    #[test]
    fn filters_combine() {
        let mut filter = OrderFilter::default();
        assert!(filter.matches(&order(12, OrderStatus::Packing)));
        filter.number_part = NumberPart::parse("RD-1").ok();
        filter.statuses = BTreeSet::from([OrderStatus::Packing, OrderStatus::Shipped]);
        assert!(filter.matches(&order(12, OrderStatus::Packing)));
        assert!(!filter.matches(&order(2, OrderStatus::Packing)));
        assert!(!filter.matches(&order(12, OrderStatus::Received)));
        filter.client_id = Some(ClientId::from_bytes([1; 12]));
        assert!(!filter.matches(&order(12, OrderStatus::Packing)));
    }

    #[test]
    fn a_period_has_its_first_instant_and_not_its_last() {
        let at = |micros| Timestamp::from_micros(micros).ok();
        let returned = |from, until| {
            let filter = OrderFilter { returned: Period { from, until }, ..OrderFilter::default() };
            filter.matches(&order(1, OrderStatus::Returned))
        };
        // The order came back at 1,000 µs.
        assert!(returned(at(1_000), None) && returned(None, at(1_001)) && returned(at(1_000), at(1_001)));
        assert!(!returned(at(1_001), None) && !returned(None, at(1_000)));
        let mut filter = OrderFilter { returned: Period { from: at(0), until: None }, ..OrderFilter::default() };
        assert!(!filter.matches(&order(1, OrderStatus::Packing)));
        assert_eq!(filter.possible_statuses(), BTreeSet::from([OrderStatus::Returned]));
        filter.statuses = BTreeSet::from([OrderStatus::Packing]);
        assert!(filter.possible_statuses().is_empty());
        let listing = OrderListing { filter: filter.clone(), ..OrderListing::returns() };
        let place = listing.position_of(&order(1, OrderStatus::Returned));
        assert_eq!(listing.return_bounds_after(Some(&place)), [Some(0), None]);
        assert_eq!(listing.reversed().return_bounds_after(Some(&place)), [None, Some(Timestamp::MAX.micros() + 1)]);
        filter.returned = Period { from: None, until: at(5) };
        assert_eq!(filter.return_bounds(), [Some(Timestamp::MIN.micros()), Some(5)]);
        assert_eq!(OrderFilter::default().return_bounds(), [None; 2]);
        assert_eq!(OrderFilter::default().possible_statuses().len(), OrderStatus::ALL.len());
    }
}
