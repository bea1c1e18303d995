//! What a list shows and in which order, and the cursors that say where in it one is.

mod clients;
mod orders;

pub use clients::{ClientCursor, ClientFilter, ClientListing, ClientPosition};
pub use orders::{OrderCursor, OrderFilter, OrderListing, OrderPosition, OrderSort, Period, ReturnDate};

use serde::{Deserialize, Serialize};

/// Which end of a listing comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The smallest first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    /// `ordering` seen from this direction.
    #[must_use]
    pub const fn apply(self, ordering: std::cmp::Ordering) -> std::cmp::Ordering {
        match self {
            Self::Ascending => ordering,
            Self::Descending => ordering.reverse(),
        }
    }
}
