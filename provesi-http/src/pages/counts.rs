//! How many orders are in each status, for the home page and the filters.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::{App, AppError, Direction, OrderFilter, OrderListing, OrderSort, OrderStatus};

/// How many orders are in each status, in the order of [`OrderStatus::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    by_status: [u64; 7],
    total: u64,
}

impl Counts {
    /// The orders in this status.
    pub(crate) const fn of(&self, status: OrderStatus) -> u64 {
        self.by_status[status as usize]
    }

    /// All orders, also those of an unknown status.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }
}

pub(crate) fn count(app: App) -> BoxFuture<'static, Result<Counts, AppError>> {
    async move {
        let count = async |filter| {
            app.count_orders_of(&OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending)).await
        };
        let mut by_status = [0; 7];
        for (status, counted) in OrderStatus::ALL.into_iter().zip(&mut by_status) {
            *counted = count(OrderFilter { statuses: BTreeSet::from([status]), ..OrderFilter::default() }).await?;
        }
        Ok(Counts { by_status, total: count(OrderFilter::default()).await? })
    }
    .boxed()
}
