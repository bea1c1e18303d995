//! Order statuses, their Spanish labels, and which may follow which.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Field, Invalid, Rule};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Recibido: taken in, nothing done yet.
    Received,
    /// Alistamiento: being picked from the shelves.
    Picking,
    /// Empaque: being packed.
    Packing,
    /// Despachado: handed to the carrier.
    Shipped,
    /// Entregado: with the client.
    Delivered,
    /// Devuelto: came back, with a reason.
    Returned,
    /// Cancelado: will not be sent.
    Cancelled,
}

impl OrderStatus {
    /// All statuses, in the order of the work.
    pub const ALL: [Self; 7] =
        [Self::Received, Self::Picking, Self::Packing, Self::Shipped, Self::Delivered, Self::Returned, Self::Cancelled];

    /// The name on the wire and in the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Picking => "picking",
            Self::Packing => "packing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// What clerks read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Received => "Recibido",
            Self::Picking => "Alistamiento",
            Self::Packing => "Empaque",
            Self::Shipped => "Despachado",
            Self::Delivered => "Entregado",
            Self::Returned => "Devuelto",
            Self::Cancelled => "Cancelado",
        }
    }

    /// The next step of the work: from received to delivered, one after the other; none after that. Whether an order may
    /// take it is for the [`StatusFlow`] to say.
    #[must_use]
    pub const fn next_step(self) -> Option<Self> {
        match self {
            Self::Received => Some(Self::Picking),
            Self::Picking => Some(Self::Packing),
            Self::Packing => Some(Self::Shipped),
            Self::Shipped => Some(Self::Delivered),
            Self::Delivered | Self::Returned | Self::Cancelled => None,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The name on the wire, see [`OrderStatus::label`] for the Spanish one.
impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(Invalid::new(Field::Status, Rule::UnknownStatus))
    }
}

/// Which status may follow which. Staying where one is is always allowed and no change.
///
/// ```
/// use provesi_core::{OrderStatus::*, StatusFlow};
///
/// let flow = StatusFlow::none().allow(Received, Shipped).allow(Shipped, Delivered);
/// assert!(flow.allows(Received, Shipped) && !flow.allows(Received, Delivered));
/// assert_eq!(flow.next(Shipped).collect::<Vec<_>>(), [Delivered]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusFlow {
    /// Per status, in the order of [`OrderStatus::ALL`], the set of those that may follow.
    followers: [u8; 7],
}

impl StatusFlow {
    /// Any status may follow any other, as in the Python system.
    #[must_use]
    pub const fn any() -> Self {
        Self { followers: [0b111_1111; 7] }
    }

    /// No status may follow another; a start for a flow of one's own.
    #[must_use]
    pub const fn none() -> Self {
        Self { followers: [0; 7] }
    }

    /// received > picking > packing > shipped > delivered > returned, and cancelled before it is shipped.
    #[must_use]
    pub const fn strict() -> Self {
        use OrderStatus::{Cancelled, Delivered, Packing, Picking, Received, Returned, Shipped};
        Self::none()
            .allow(Received, Picking)
            .allow(Picking, Packing)
            .allow(Packing, Shipped)
            .allow(Shipped, Delivered)
            .allow(Delivered, Returned)
            .allow(Received, Cancelled)
            .allow(Picking, Cancelled)
            .allow(Packing, Cancelled)
    }

    /// This flow, with `to` allowed after `from`.
    #[must_use]
    pub const fn allow(mut self, from: OrderStatus, to: OrderStatus) -> Self {
        self.followers[from as usize] |= to.bit();
        self
    }

    /// This flow, with `to` refused after `from`.
    #[must_use]
    pub const fn refuse(mut self, from: OrderStatus, to: OrderStatus) -> Self {
        self.followers[from as usize] &= !to.bit();
        self
    }

    /// Whether an order in `from` may be put in `to`.
    #[must_use]
    pub fn allows(&self, from: OrderStatus, to: OrderStatus) -> bool {
        from == to || self.followers[from as usize] & to.bit() != 0
    }

    /// The statuses that may come next, without `from` itself, in the order of [`OrderStatus::ALL`].
    pub fn next(&self, from: OrderStatus) -> impl Iterator<Item = OrderStatus> + use<> {
        let flow = *self;
        OrderStatus::ALL.into_iter().filter(move |&to| to != from && flow.allows(from, to))
    }
}

/// [`StatusFlow::any`].
impl Default for StatusFlow {
    fn default() -> Self {
        Self::any()
    }
}

#[cfg(test)]
mod tests {
    use super::{OrderStatus::*, *};

    #[test]
    fn names_round_trip_and_nothing_else_parses() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for text in ["", "RECEIVED", "Recibido", "lost", " received"] {
            assert!(text.parse::<OrderStatus>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_flow_lets_any_follow_any() {
        for from in OrderStatus::ALL {
            assert_eq!(StatusFlow::default().next(from).count(), 6);
        }
    }

    #[test]
    fn the_strict_flow_is_the_path_of_the_warehouse() {
        let next = |from| StatusFlow::strict().next(from).collect::<Vec<_>>();
        assert_eq!(next(Received), [Picking, Cancelled]);
        assert_eq!(next(Picking), [Packing, Cancelled]);
        assert_eq!(next(Packing), [Shipped, Cancelled]);
        assert_eq!(next(Shipped), [Delivered]);
        assert_eq!(next(Delivered), [Returned]);
        assert_eq!(next(Returned), []);
        assert_eq!(next(Cancelled), []);
    }

    #[test]
    fn staying_is_always_allowed() {
        for status in OrderStatus::ALL {
            assert!(StatusFlow::none().allows(status, status));
        }
        assert!(!StatusFlow::any().refuse(Received, Shipped).allows(Received, Shipped));
    }
}
