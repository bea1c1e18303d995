//! How many orders are in each status, for the home page and the filters.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::{App, AppError, CountKey, OrderCount, OrderFilter, OrderGroup, OrderStatus};

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
        let query = OrderCount::Orders { filter: OrderFilter::default(), by: OrderGroup::Status };
        let groups = app.orders().count(&query).await.map_err(AppError::Orders)?;
        let of = |status: OrderStatus| groups.get(&CountKey::Status(status.as_str().to_owned())).copied();
        Ok(Counts {
            by_status: OrderStatus::ALL.map(|status| of(status).unwrap_or_default()),
            total: groups.values().sum(),
        })
    }
    .boxed()
}
