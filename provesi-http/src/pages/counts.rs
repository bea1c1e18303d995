//! How many orders are in each status, for the home page and the filters.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::{App, AppError, Direction, OrderFilter, OrderListing, OrderSort, OrderStatus};

/// How many orders are in each status, in the order of [`OrderStatus::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts([u64; 7]);

impl Counts {
    /// The orders in this status.
    pub(crate) const fn of(&self, status: OrderStatus) -> u64 {
        self.0[status as usize]
    }

    /// All orders.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

pub(crate) fn count(app: App) -> BoxFuture<'static, Result<Counts, AppError>> {
    async move {
        let mut counts = [0; 7];
        for (status, count) in OrderStatus::ALL.into_iter().zip(&mut counts) {
            let mut filter = OrderFilter::default();
            filter.statuses.insert(status);
            let listing = OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending);
            *count = app.count_orders_of(&listing).await?;
        }
        Ok(Counts(counts))
    }
    .boxed()
}
