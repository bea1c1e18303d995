//! The integrity check: no order points to a client who is gone.

use futures_util::stream::StreamExt;

use crate::app::Access;
use crate::{App, AppError, AuditAction, Caller, ClientId, StoreError, Subject};

/// A client who is gone, with the orders that still name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DanglingClient {
    /// The client's id.
    pub id: ClientId,
    /// How many orders name it; once repaired, how many were detached.
    pub orders: u64,
}

/// What an integrity check saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrityReport {
    /// How many clients orders name.
    pub clients: u64,
    /// How many of those are gone.
    pub dangling_clients: u64,
    /// How many orders named a client who is gone.
    pub dangling_orders: u64,
}

/// How many clients are asked for at once: few, since the check runs beside the day's work, and no query of it is to keep
/// the store from others for long.
const AT_ONCE: usize = 100;

impl App {
    /// Looks for orders whose client is gone, in constant memory, and takes the client off them where `repair` is
    /// set. `found` is told of each such client as it is found. Safe beside other writers and other checks.
    ///
    /// # Errors
    /// A store's. What was repaired before stays repaired.
    pub async fn check_integrity(
        &self,
        caller: &Caller,
        repair: bool,
        mut found: impl FnMut(DanglingClient) + Send,
    ) -> Result<IntegrityReport, AppError> {
        let mut report = IntegrityReport::default();
        // An order names a client only after the client was made, so who is missing here, after the order was read,
        // was deleted.
        let mut chunks = self.orders.client_ids().chunks(AT_ONCE);
        while let Some(chunk) = chunks.next().await {
            let ids: Vec<ClientId> = chunk.into_iter().collect::<Result<_, _>>().map_err(AppError::Orders)?;
            report.clients += ids.len() as u64;
            let there = self.clients.get_many(&ids).await.map_err(AppError::Clients)?;
            let there: std::collections::HashSet<_> = there.into_iter().map(|client| client.id).collect();
            for id in ids.into_iter().filter(|id| !there.contains(id)) {
                if self.is_there(id).await? {
                    continue;
                }
                let orders = if repair { self.detach_gone(caller, id).await? } else { self.orders_naming(id).await? };
                if orders == 0 {
                    continue;
                }
                report.dangling_clients += 1;
                report.dangling_orders += orders;
                found(DanglingClient { id, orders });
            }
        }
        Ok(report)
    }

    /// Whether there is such a client, if only as a record that cannot be read: no order is taken off it.
    async fn is_there(&self, id: ClientId) -> Result<bool, AppError> {
        match self.clients.get(id).await {
            Ok(client) => Ok(client.is_some()),
            Err(StoreError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(AppError::Clients(error)),
        }
    }

    async fn orders_naming(&self, id: ClientId) -> Result<u64, AppError> {
        let counts = self.orders.count_by_client(&[id]).await.map_err(AppError::Orders)?;
        Ok(counts.get(&id).copied().unwrap_or_default())
    }

    async fn detach_gone(&self, caller: &Caller, id: ClientId) -> Result<u64, AppError> {
        let result = self.orders.detach_client(id, &self.stamp(caller)).await.map_err(AppError::Orders);
        let access = Access::write(AuditAction::OrderDetach, &[crate::Field::ClientId]);
        self.audited(caller, access, |_| vec![Subject::Client(id)], result).await
    }
}
