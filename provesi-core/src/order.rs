//! Orders, and the rules of a return.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ClientId, OrderNumber, OrderStatus, ReturnReason, Timestamp, Version};

/// An order's id: the integer that its store gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(i64);

impl OrderId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// The id's number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why and when an order came back. The two exist together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnInfo {
    /// Why it came back.
    pub reason: ReturnReason,
    /// When it was put in [`OrderStatus::Returned`].
    pub returned_at: Timestamp,
}

/// An order was put in [`OrderStatus::Returned`] without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return needs a reason")]
pub struct ReasonRequired;

/// An order's status with what belongs to it: only a returned order has a [`ReturnInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderState {
    status: OrderStatus,
    return_info: Option<ReturnInfo>,
}

impl OrderState {
    /// The state of a new order: `status`, with the reason where that is a return.
    ///
    /// # Errors
    /// [`ReasonRequired`] for [`OrderStatus::Returned`] without a reason.
    pub fn new(status: OrderStatus, reason: Option<ReturnReason>, now: Timestamp) -> Result<Self, ReasonRequired> {
        let return_info = match (status, reason) {
            (OrderStatus::Returned, None) => return Err(ReasonRequired),
            (OrderStatus::Returned, Some(reason)) => Some(ReturnInfo { reason, returned_at: now }),
            _ => None,
        };
        Ok(Self { status, return_info })
    }

    /// The state as a store's row tells it. A return without a reason is a row of the Python system, which allowed
    /// them; what a row of any other status says of a return is left over from one, and dropped, and so is half of a
    /// [`ReturnInfo`]. A reason may be longer than one may be written, see [`ReturnReason::restore`]: it is shown, and
    /// kept by edits that give no other. A store that sorts by the date of the return sorts by what this leaves.
    #[must_use]
    pub fn restore(status: OrderStatus, return_info: Option<ReturnInfo>) -> Self {
        Self { status, return_info: return_info.filter(|_| status == OrderStatus::Returned) }
    }

    /// The state after an edit at `now`: entering a return needs a reason and sets the date; a new reason while
    /// returned keeps the date; leaving a return clears both. A reason for any other status is not kept.
    ///
    /// # Errors
    /// [`ReasonRequired`] on entering [`OrderStatus::Returned`] without a reason.
    pub fn edited(
        &self,
        status: OrderStatus,
        reason: Option<ReturnReason>,
        now: Timestamp,
    ) -> Result<Self, ReasonRequired> {
        if status != OrderStatus::Returned || self.status != OrderStatus::Returned {
            return Self::new(status, reason, now);
        }
        let return_info = match (reason, &self.return_info) {
            (None, kept) => kept.clone(),
            (Some(reason), Some(info)) => Some(ReturnInfo { reason, returned_at: info.returned_at }),
            (Some(reason), None) => Some(ReturnInfo { reason, returned_at: now }),
        };
        Ok(Self { status, return_info })
    }

    /// Where the order stands.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        self.status
    }

    /// Why and when it came back, for a returned order.
    #[must_use]
    pub const fn return_info(&self) -> Option<&ReturnInfo> {
        self.return_info.as_ref()
    }
}

/// An order.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Order {
    /// The id that the store gave.
    pub id: OrderId,
    /// The number, unique among orders in any letter case.
    pub number: OrderNumber,
    /// Whose order it is, if anybody's. The client may be gone meanwhile.
    pub client_id: Option<ClientId>,
    /// Where it stands.
    pub state: OrderState,
    /// When the order was made.
    pub created_at: Timestamp,
    /// When the order was last changed: its version.
    pub updated_at: Timestamp,
}

impl Order {
    /// Where the order stands.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        self.state.status()
    }

    /// Why and when it came back, for a returned order.
    #[must_use]
    pub const fn return_info(&self) -> Option<&ReturnInfo> {
        self.state.return_info()
    }

    /// The version of this record, for a write that must not overwrite another writer's change.
    #[must_use]
    pub fn version(&self) -> Version {
        let info = self.return_info();
        let (id, returned_at) = (self.client_id, info.map(|info| info.returned_at.micros().to_be_bytes()));
        Version::new(
            self.updated_at,
            [
                Some(self.number.as_str().as_bytes()),
                id.as_ref().map(|id| id.as_bytes().as_slice()),
                Some(self.status().as_str().as_bytes()),
                info.map(|info| info.reason.as_str().as_bytes()),
                returned_at.as_ref().map(<[u8; 8]>::as_slice),
                Some(self.created_at.micros().to_be_bytes().as_slice()),
            ],
        )
    }

    /// This order with number, client and state of `content`, changed at `at`: `updated_at` is [`Timestamp::next`], `id` and
    /// `created_at` stay. `None` if nothing changes ([`same_content`](Self::same_content)).
    #[must_use]
    pub fn with_content(&self, content: Self, at: Timestamp) -> Option<Self> {
        let updated_at = self.updated_at.next(at);
        (!self.same_content(&content)).then_some(Self {
            id: self.id,
            created_at: self.created_at,
            updated_at,
            ..content
        })
    }

    /// This order without the client. The version moves by one millisecond and not to now: no person changed the order, so
    /// it keeps its place in the lists. `None` if the order is not the client's.
    #[must_use]
    pub fn detached_from(&self, client: ClientId) -> Option<Self> {
        let updated_at = self.updated_at.next(Timestamp::MIN);
        (self.client_id == Some(client)).then(|| Self { client_id: None, updated_at, ..self.clone() })
    }

    /// Whether `other` says the same of the order, whatever the id and the instants of the record.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.number == other.number && self.client_id == other.client_id && self.state == other.state
    }
}

/// An order that no store has given an id yet.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewOrder {
    /// The number.
    pub number: OrderNumber,
    /// Whose order it is, if anybody's.
    pub client_id: Option<ClientId>,
    /// Where it stands.
    pub state: OrderState,
    /// When the order was made.
    pub created_at: Timestamp,
    /// When the order was last changed.
    pub updated_at: Timestamp,
}

impl NewOrder {
    /// The order with the id that its store gave it.
    #[must_use]
    pub fn with_id(self, id: OrderId) -> Order {
        let Self { number, client_id, state, created_at, updated_at } = self;
        Order { id, number, client_id, state, created_at, updated_at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OrderStatus::*, *};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn reason(text: &str) -> Option<ReturnReason> {
        Some(ReturnReason::parse(text).unwrap())
    }

    #[test]
    fn entering_a_return_needs_a_reason_and_sets_the_date() {
        let shipped = OrderState::new(Shipped, None, at(1)).unwrap();
        assert_eq!(shipped.edited(Returned, None, at(2)), Err(ReasonRequired));
        assert_eq!(OrderState::new(Returned, None, at(2)), Err(ReasonRequired));
        let returned = shipped.edited(Returned, reason("roto"), at(2)).unwrap();
        let info = returned.return_info().unwrap();
        assert_eq!((info.reason.as_str(), info.returned_at), ("roto", at(2)));
    }

    #[test]
    fn a_new_reason_while_returned_keeps_the_date() {
        let returned = OrderState::new(Returned, reason("roto"), at(2)).unwrap();
        let edited = returned.edited(Returned, reason("mojado"), at(9)).unwrap();
        let info = edited.return_info().unwrap();
        assert_eq!((info.reason.as_str(), info.returned_at), ("mojado", at(2)));
        assert_eq!(returned.edited(Returned, None, at(9)).unwrap(), returned);
    }

    #[test]
    fn leaving_a_return_clears_reason_and_date() {
        let returned = OrderState::new(Returned, reason("roto"), at(2)).unwrap();
        assert_eq!(returned.edited(Packing, reason("otra"), at(3)).unwrap().return_info(), None);
    }

    #[test]
    fn a_row_left_over_from_a_return_shows_none_and_a_return_without_reason_stays_readable() {
        let left_over = Some(ReturnInfo { reason: ReturnReason::parse("roto").unwrap(), returned_at: at(1) });
        assert_eq!(OrderState::restore(Packing, left_over).return_info(), None);
        let bare = OrderState::restore(Returned, None);
        assert_eq!(bare.edited(Returned, None, at(3)).unwrap(), bare);
        let named = bare.edited(Returned, reason("roto"), at(3)).unwrap();
        assert_eq!(named.return_info().unwrap().returned_at, at(3));
    }

    proptest! {
        #[test]
        fn only_returned_orders_have_a_return(
            steps in prop::collection::vec((0..7_usize, prop::option::of("[a-z]{1,8}")), 1..20),
        ) {
            let mut state = OrderState::new(Received, None, at(0)).unwrap();
            for (second, (status, text)) in (1..).zip(steps) {
                let text = text.map(|text| ReturnReason::parse(text).unwrap());
                if let Ok(next) = state.edited(OrderStatus::ALL[status], text, at(second)) {
                    state = next;
                }
                prop_assert_eq!(state.return_info().is_some(), state.status() == Returned);
            }
        }
    }
}
