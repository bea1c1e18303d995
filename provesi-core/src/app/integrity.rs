//! The integrity check: which orders name a client that does not exist, and how an operator detaches them.

use std::collections::BTreeSet;

use futures_util::stream::StreamExt;

use crate::app::Access;
use crate::{
    App, AppError, AuditAction, Caller, Client, ClientId, ClientListing, ClientRepositoryExt, Direction, Field,
    Irregular, Order, OrderFilter, OrderListing, OrderRepositoryExt, OrderSort, PageLimit, PageRequest, Record,
    Subject,
};

/// A client that does not exist, with the orders that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DanglingClient {
    /// The client's id.
    pub id: ClientId,
    /// How many orders name it.
    pub orders: u64,
}

/// The result of an integrity check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrityReport {
    /// How many clients orders name.
    pub clients: u64,
    /// How many of these clients do not exist.
    pub dangling_clients: u64,
    /// How many orders name a client that does not exist.
    pub dangling_orders: u64,
}

/// How many records of a kind were read, and how many of them break the rules of the domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordReport {
    /// How many there are.
    pub records: u64,
    /// How many of them are irregular.
    pub irregular: u64,
}

impl RecordReport {
    fn add<R: Record>(&mut self, rows: &[R::Row], found: &mut impl FnMut(&str, &Irregular)) {
        for row in rows {
            self.records += 1;
            if let Err(irregular) = R::check(row) {
                self.irregular += 1;
                found(&R::name(row), &irregular);
            }
        }
    }
}

/// Why a change of many orders at a time stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The store of clients is empty: more likely the wrong database, or one that lost its data, than one whose clients
    /// were all deleted. No order was changed.
    #[error("the client store holds no clients, so a missing client proves nothing")]
    NoClients,
    /// Another number of orders than the confirmed one would be changed. The orders of `changed` were changed before that
    /// was seen: none, unless other writers changed the orders during the repair.
    #[error("{found} orders would be changed, not the {confirmed} that were confirmed; {changed} were changed")]
    NotConfirmed {
        /// The number that the operator confirmed.
        confirmed: u64,
        /// The number that was found.
        found: u64,
        /// How many orders were changed.
        changed: u64,
    },
    /// A use case failed. Orders that were changed before stay changed.
    #[error(transparent)]
    App(#[from] AppError),
}

/// How many clients one query asks for. Few, because the check runs beside the normal load and none of its queries may
/// occupy the store for long.
const BATCH: usize = 100;

impl App {
    /// Looks for orders that name a client that does not exist, in constant memory, and changes nothing. Calls `found` for
    /// each such client. Safe beside other writers and other checks.
    ///
    /// # Errors
    /// [`AppError::Clients`] or [`AppError::Orders`].
    pub async fn check_integrity(
        &self,
        mut found: impl FnMut(DanglingClient) + Send,
    ) -> Result<IntegrityReport, AppError> {
        let mut report = IntegrityReport::default();
        // A client exists before an order names it. So a client that is missing after its order was read was deleted.
        let mut chunks = self.orders.stream_client_ids().chunks(BATCH);
        while let Some(chunk) = chunks.next().await {
            let ids: Vec<ClientId> = chunk.into_iter().collect::<Result<_, _>>().map_err(AppError::Orders)?;
            report.clients += ids.len() as u64;
            let existing = self.existing_clients(&ids).await?;
            for id in ids.into_iter().filter(|id| !existing.contains(id)) {
                let orders = self.count_naming(id).await?;
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

    /// Reads every client, page by page, and changes nothing. Calls `found` with each one that is irregular: its kind and id, such
    /// as `client 5f…`, and the rules that it breaks.
    ///
    /// # Errors
    /// [`AppError::Clients`].
    pub async fn check_clients(
        &self,
        mut found: impl FnMut(&str, &Irregular) + Send,
    ) -> Result<RecordReport, AppError> {
        let mut report = RecordReport::default();
        let mut request = PageRequest::first(PageLimit::MAX);
        loop {
            let page = self.clients.page(&ClientListing::default(), &request).await.map_err(AppError::Clients)?;
            report.add::<Client>(&page.items, &mut found);
            let Some(next) = page.next else { return Ok(report) };
            request.after = Some(next);
        }
    }

    /// Reads every order, as [`check_clients`](Self::check_clients) does the clients.
    ///
    /// # Errors
    /// [`AppError::Orders`].
    pub async fn check_orders(&self, mut found: impl FnMut(&str, &Irregular) + Send) -> Result<RecordReport, AppError> {
        let mut report = RecordReport::default();
        // Nothing moves within this one.
        let listing = OrderListing::new(OrderFilter::default(), OrderSort::CreatedAt, Direction::Ascending);
        let mut request = PageRequest::first(PageLimit::MAX);
        loop {
            let page = self.orders.page(&listing, &request).await.map_err(AppError::Orders)?;
            report.add::<Order>(&page.items, &mut found);
            let Some(next) = page.next else { return Ok(report) };
            request.after = Some(next);
        }
    }

    /// Detaches the orders whose client does not exist, if their number is exactly `confirmed`. Counts them first, and
    /// looks at each client again right before its orders are detached. Takes 20 bytes of memory for each such client.
    ///
    /// # Errors
    /// - [`RepairError::NoClients`] where the store of clients is empty.
    /// - [`RepairError::NotConfirmed`] where the number is another one.
    /// - [`RepairError::App`] where a store fails.
    pub async fn detach_dangling(&self, caller: &Caller, confirmed: u64) -> Result<IntegrityReport, RepairError> {
        self.require_clients().await?;
        let mut dangling = Vec::new();
        let mut report = self.check_integrity(|client| dangling.push(client)).await?;
        let not_confirmed = |found, changed| Err(RepairError::NotConfirmed { confirmed, found, changed });
        if report.dangling_orders != confirmed {
            return not_confirmed(report.dangling_orders, 0);
        }
        (report.dangling_clients, report.dangling_orders) = (0, 0);
        for DanglingClient { id, orders } in dangling {
            // The clients that were missing may be restored at any moment.
            if self.existing_clients(&[id]).await?.contains(&id) {
                continue;
            }
            let now = self.count_naming(id).await?;
            if now > orders {
                return not_confirmed(confirmed + (now - orders), report.dangling_orders);
            }
            report.dangling_clients += 1;
            report.dangling_orders += self.detach_client(caller, id).await?;
        }
        Ok(report)
    }

    /// Refuses to take a missing client for a deleted one where the store of clients is empty.
    ///
    /// # Errors
    /// - [`RepairError::NoClients`] where it is.
    /// - [`RepairError::App`] where it fails.
    pub async fn require_clients(&self) -> Result<(), RepairError> {
        let first = PageRequest::first(PageLimit::new(1).map_err(AppError::from)?);
        let page = self.clients.page(&ClientListing::default(), &first).await.map_err(AppError::Clients)?;
        if page.items.is_empty() { Err(RepairError::NoClients) } else { Ok(()) }
    }

    /// [`ClientRepositoryExt::existing`].
    pub(super) async fn existing_clients(&self, ids: &[ClientId]) -> Result<BTreeSet<ClientId>, AppError> {
        self.clients.existing(ids).await.map_err(AppError::Clients)
    }

    async fn count_naming(&self, id: ClientId) -> Result<u64, AppError> {
        let counts = self.orders.count_by_client(&[id]).await.map_err(AppError::Orders)?;
        Ok(counts.get(&id).copied().unwrap_or_default())
    }

    async fn detach_client(&self, caller: &Caller, id: ClientId) -> Result<u64, AppError> {
        let result = self.orders.detach_client(id, &self.stamp(caller)).await.map_err(AppError::Orders);
        let access = Access::write(AuditAction::OrderDetach, &[Field::ClientId]);
        self.audited(caller, access, |_| vec![Subject::Client(id)], result).await
    }
}
