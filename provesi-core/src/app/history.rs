//! What happened to an order.

use crate::app::Access;
use crate::{
    App, AppError, AuditAction, Caller, EventId, OrderEvent, OrderNumber, OrderRepositoryExt, PageLimit, Subject,
};

impl App {
    /// The events of the order that has this number, or had it last, oldest first. On the last page, compares the order with what
    /// the events of that page say: if another program changed the order since, that becomes an event too
    /// ([`EventKind::ChangedElsewhere`](crate::EventKind::ChangedElsewhere)). A last page that is full is not compared.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`] where no order ever had the number, or [`AppError::Orders`].
    pub async fn history(
        &self,
        caller: &Caller,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, AppError> {
        let mut events = self.orders.history(number, after, limit).await;
        if let Ok(page) = &events
            && page.len() < limit.get()
            && self.note_change_elsewhere(number, after, page).await
        {
            events = self.orders.history(number, after, limit).await;
        }
        let result = match events {
            Ok(events) if events.is_empty() => self.known_number(number, after).await.map(|()| events),
            result => result.map_err(AppError::Orders),
        };
        let access = Access::read(AuditAction::OrderHistory);
        self.audited(caller, access, |_| vec![Subject::Order(number.clone())], result).await
    }

    /// Whether an order has or had this number, where there are no events after `after`.
    async fn known_number(&self, number: &OrderNumber, after: Option<EventId>) -> Result<(), AppError> {
        if after.is_some() {
            let one = PageLimit::new(1)?;
            if !self.orders.history(number, None, one).await.map_err(AppError::Orders)?.is_empty() {
                return Ok(());
            }
        }
        // An order that the Python system made has no events, and yet it is there.
        self.load_order(number.into()).await.map(drop)
    }
}
