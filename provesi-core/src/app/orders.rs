//! Make, read, edit and delete an order.
//!
//! The inputs are texts as they came: the contract says which fault is told first where there are several (number,
//! status, client), so they are parsed here and in that order.

use std::fmt;

use crate::app::{Access, tell};
use crate::repository::EDIT_ATTEMPTS;
use crate::{
    App, AppError, AuditAction, Caller, Client, ClientId, ClientLink, ClientRepositoryExt, Expected, Field, NewOrder,
    Order, OrderId, OrderKey, OrderNumber, OrderRepositoryExt, OrderState, OrderStatus, OrderView, OrderWrite,
    ReasonRequired, ReturnReason, StoreError, Stored, Subject, Timestamp, UniqueField,
};

/// An order to be made. `Debug` shows how long the reason is, and not what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderDraft {
    /// The number.
    pub number: String,
    /// The client's id; `None` for an order without a client.
    pub client_id: Option<String>,
    /// The status.
    pub status: OrderStatus,
    /// The reason, for a return; not kept in any other status.
    pub return_reason: Option<String>,
}

/// Whose order it is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientChoice {
    /// Whose it is.
    #[default]
    Keep,
    /// Nobody's.
    Detach,
    /// The client's with this id.
    Attach(String),
}

/// A change of an order: what is `None` stays. `Debug` shows how long the reason is, and not what it says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OrderChange {
    /// The new number.
    pub number: Option<String>,
    /// The client.
    pub client: ClientChoice,
    /// The new status.
    pub status: Option<OrderStatus>,
    /// The reason, for a return; not kept in any other status.
    pub return_reason: Option<String>,
}

impl fmt::Debug for OrderDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, client_id, status, return_reason } = self;
        f.debug_struct("OrderDraft")
            .field("number", number)
            .field("client_id", client_id)
            .field("status", status)
            .field("return_reason_bytes", &return_reason.as_ref().map(String::len))
            .finish()
    }
}

impl fmt::Debug for OrderChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, client, status, return_reason } = self;
        f.debug_struct("OrderChange")
            .field("number", number)
            .field("client", client)
            .field("status", status)
            .field("return_reason_bytes", &return_reason.as_ref().map(String::len))
            .finish()
    }
}

impl OrderChange {
    fn fields(&self) -> Vec<Field> {
        [
            (self.number.is_some(), Field::OrderNumber),
            (self.client != ClientChoice::Keep, Field::ClientId),
            (self.status.is_some(), Field::Status),
            (self.return_reason.is_some(), Field::ReturnReason),
        ]
        .into_iter()
        .filter_map(|(given, field)| given.then_some(field))
        .collect()
    }
}

impl App {
    /// Makes an order.
    ///
    /// # Errors
    /// In this order: [`AppError::Invalid`] for the number, [`AppError::NumberTaken`], [`AppError::Invalid`] or
    /// [`AppError::ReasonRequired`] for the reason, [`AppError::UnknownClient`]; or a store's.
    pub async fn create_order(&self, caller: &Caller, draft: &OrderDraft) -> Result<OrderView, AppError> {
        let result = self.try_create_order(caller, draft).await;
        let access = Access::write(
            AuditAction::OrderCreate,
            &[Field::OrderNumber, Field::ClientId, Field::Status, Field::ReturnReason],
        );
        let tried = || draft.number.parse().map(Subject::Order).into_iter().collect();
        self.audited(caller, access, |made| made.map_or_else(tried, subjects), result).await
    }

    async fn try_create_order(&self, caller: &Caller, draft: &OrderDraft) -> Result<OrderView, AppError> {
        let number = OrderNumber::parse(&draft.number)?;
        let stamp = self.stamp(caller);
        let now = stamp.at;
        let checked = async {
            let reason = given_reason(draft.status, draft.return_reason.as_deref())?;
            let state = OrderState::new(draft.status, reason, now)?;
            let client = match &draft.client_id {
                None => None,
                Some(id) => Some(self.named_client(id).await?),
            };
            Ok((state, client))
        };
        let (state, client) = match checked.await {
            Ok(checked) => checked,
            Err(error) => return Err(self.number_first(&number, None, error).await),
        };
        let client_id = client.as_ref().map(|client| client.id);
        let order = NewOrder { number, client_id, state, created_at: now, updated_at: now };
        let order = self.orders.insert(&order, &stamp).await.map_err(order_error)?;
        Ok(self.recheck_client(caller, order, client).await)
    }

    /// The order with this number in any letter case, with its client.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`] or [`AppError::Orders`]. A store of clients that does not answer is no error, see
    /// [`ClientLink::Unavailable`].
    pub async fn order(&self, caller: &Caller, number: &OrderNumber) -> Result<OrderView, AppError> {
        let result = match self.find_order(number).await {
            Ok(order) => Ok(self.view(order).await),
            Err(error) => Err(error),
        };
        let access = Access::read(AuditAction::OrderRead);
        let tried = || vec![Subject::Order(number.clone())];
        self.audited(caller, access, |view| view.map_or_else(tried, subjects), result).await
    }

    /// The order with this id, with its client: it stays the same one when somebody gives it another number.
    ///
    /// # Errors
    /// As [`order`](Self::order).
    pub async fn order_by_id(&self, caller: &Caller, id: OrderId) -> Result<OrderView, AppError> {
        let result = match self.orders.get(id).await {
            Ok(Some(order)) => Ok(self.view(order).await),
            Ok(None) => Err(AppError::OrderNotFound),
            Err(error) => Err(AppError::Orders(error)),
        };
        self.audited(caller, Access::read(AuditAction::OrderRead), |view| view.map_or_else(Vec::new, subjects), result)
            .await
    }

    /// Changes the order with this number. With [`Expected::Any`], an edit of the same order by somebody else at the
    /// same time loses nothing: this change is applied, with its rules, to what the other left.
    ///
    /// # Errors
    /// In this order: [`AppError::OrderNotFound`], [`AppError::OrderChanged`], [`AppError::Invalid`] for the number,
    /// [`AppError::NumberTaken`], [`AppError::TransitionRefused`], [`AppError::Invalid`] or
    /// [`AppError::ReasonRequired`] for the reason, [`AppError::UnknownClient`]; or [`AppError::Contended`], or a
    /// store's.
    pub async fn edit_order(
        &self,
        caller: &Caller,
        number: &OrderNumber,
        change: &OrderChange,
        expected: Expected,
    ) -> Result<OrderView, AppError> {
        let result = self.try_edit_order(caller, number, change, expected).await;
        let fields = change.fields();
        let access = Access::write(AuditAction::OrderUpdate, &fields);
        let tried = || vec![Subject::Order(number.clone())];
        self.audited(caller, access, |view| view.map_or_else(tried, subjects), result).await
    }

    async fn try_edit_order(
        &self,
        caller: &Caller,
        number: &OrderNumber,
        change: &OrderChange,
        expected: Expected,
    ) -> Result<OrderView, AppError> {
        // Who renames an order while this goes on must not turn it into "not found", so it is found once by number
        // and from then on by id.
        let mut current = self.load_order(OrderKey::Number(number.clone())).await?;
        for _ in 0..EDIT_ATTEMPTS {
            let (order, id) = (&current.record, current.record.id);
            if !expected.allows(order.version()) {
                return Err(AppError::OrderChanged { current: Box::new(current.record) });
            }
            let stamp = self.stamp(caller);
            let (changed, attached) = self.changed_order(order, change, stamp.at).await?;
            // Where nothing is written there is nothing to undo.
            let Some(after) = order.with_content(changed, stamp.at) else { return Ok(self.view(current.record).await) };
            match self.orders.commit_one(OrderWrite::replace(current, after.clone(), stamp)).await {
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(order_error(error)),
                Ok(_) if attached.is_some() => return Ok(self.recheck_client(caller, after, attached).await),
                Ok(_) => return Ok(self.view(after).await),
            }
            current = self.load_order(OrderKey::Id(id)).await?;
        }
        Err(AppError::Contended)
    }

    /// What `change` makes of `current` at `now`, and the client that it attaches.
    async fn changed_order(
        &self,
        current: &Order,
        change: &OrderChange,
        now: Timestamp,
    ) -> Result<(Order, Option<Client>), AppError> {
        let mut changed = current.clone();
        if let Some(number) = &change.number {
            changed.number = OrderNumber::parse(number)?;
        }
        let checked = async {
            let from = current.status();
            let to = change.status.unwrap_or(from);
            if !self.flow.allows(from, to) {
                return Err(AppError::TransitionRefused { from, to });
            }
            let reason = given_reason(to, change.return_reason.as_deref())?;
            let state = current.state.edited(to, reason, now)?;
            let client = match &change.client {
                ClientChoice::Attach(id) => Some(self.named_client(id).await?),
                ClientChoice::Keep | ClientChoice::Detach => None,
            };
            Ok((state, client))
        };
        let (state, client) = match checked.await {
            Ok(checked) => checked,
            Err(error) => return Err(self.number_first(&changed.number, Some(current), error).await),
        };
        changed.state = state;
        match &client {
            Some(client) => changed.client_id = Some(client.id),
            None if change.client == ClientChoice::Detach => changed.client_id = None,
            None => {}
        }
        Ok((changed, client))
    }

    /// Deletes the order with this number. Its history stays.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`], [`AppError::OrderChanged`], [`AppError::Contended`] or [`AppError::Orders`].
    pub async fn delete_order(
        &self,
        caller: &Caller,
        number: &OrderNumber,
        expected: Expected,
    ) -> Result<Order, AppError> {
        let result = self.try_delete_order(caller, number, expected).await;
        let access = Access::write(AuditAction::OrderDelete, &[]);
        self.audited(caller, access, |_| vec![Subject::Order(number.clone())], result).await
    }

    async fn try_delete_order(
        &self,
        caller: &Caller,
        number: &OrderNumber,
        expected: Expected,
    ) -> Result<Order, AppError> {
        let mut current = self.load_order(OrderKey::Number(number.clone())).await?;
        for _ in 0..EDIT_ATTEMPTS {
            let order = current.record.clone();
            if !expected.allows(order.version()) {
                return Err(AppError::OrderChanged { current: Box::new(order) });
            }
            match self.orders.commit_one(OrderWrite::delete(current, self.stamp(caller))).await {
                Err(StoreError::VersionConflict) => current = self.load_order(OrderKey::Id(order.id)).await?,
                Err(error) => return Err(order_error(error)),
                Ok(_) => return Ok(order),
            }
        }
        Err(AppError::Contended)
    }

    async fn load_order(&self, key: OrderKey) -> Result<Stored<Order>, AppError> {
        self.orders.load(key).await.map_err(AppError::Orders)?.ok_or(AppError::OrderNotFound)
    }

    pub(super) async fn find_order(&self, number: &OrderNumber) -> Result<Order, AppError> {
        self.orders.find_by_number(number).await.map_err(AppError::Orders)?.ok_or(AppError::OrderNotFound)
    }

    /// The client that an order names by this text.
    async fn named_client(&self, id: &str) -> Result<Client, AppError> {
        let id: ClientId = id.parse().map_err(|_| AppError::UnknownClient)?;
        self.clients.get(id).await.map_err(AppError::Clients)?.ok_or(AppError::UnknownClient)
    }

    /// A taken number is told before any fault of status or client. The store tells it when it writes; where nothing
    /// will be written because of `error`, it is asked. `own` is the order that may have the number.
    async fn number_first(&self, number: &OrderNumber, own: Option<&Order>, error: AppError) -> AppError {
        if error.is_fault() || own.is_some_and(|own| own.number == *number) {
            return error;
        }
        match self.orders.find_by_number(number).await {
            Ok(Some(other)) if own.is_none_or(|own| own.id != other.id) => AppError::NumberTaken,
            _ => error,
        }
    }

    /// Looks at the client again after a write attached an order to it: the client may have been deleted in between, and
    /// its orders detached before this one was written. Undoes what this call wrote and nothing else: other orders that
    /// name the client stay as they are. The order is written whatever fails here; the integrity check reports the rest.
    /// Returns the order as this call left it, never as another writer did.
    async fn recheck_client(&self, caller: &Caller, order: Order, client: Option<Client>) -> OrderView {
        let (order, client) = match client {
            None => (order, ClientLink::Nobody),
            Some(client) => match self.clients.get(client.id).await {
                Ok(Some(client)) => (order, ClientLink::Known(Box::new(client))),
                Ok(None) => match self.detach_order(caller, &order, client.id).await {
                    Ok(Some(order)) => (order, ClientLink::Nobody),
                    Ok(None) => (order, ClientLink::Gone(client.id)),
                    Err(error) => {
                        tell("a deleted client is still on an order", &error);
                        (order, ClientLink::Gone(client.id))
                    }
                },
                Err(error) => {
                    tell("whether an order's client still exists is unknown", &error);
                    (order, ClientLink::Known(Box::new(client)))
                }
            },
        };
        // Of the order as it is returned: another write may have moved it since.
        let next_statuses = self.next_statuses(order.status());
        OrderView { order, client, next_statuses }
    }

    /// Detaches one order from a client. Returns the order as it is then, `None` if another writer was faster, so that it
    /// does not name the client any more or was deleted.
    async fn detach_order(
        &self,
        caller: &Caller,
        order: &Order,
        client: ClientId,
    ) -> Result<Option<Order>, StoreError> {
        for _ in 0..EDIT_ATTEMPTS {
            let Some(current) = self.orders.load(OrderKey::Id(order.id)).await? else { return Ok(None) };
            let Some(after) = current.record.detached_from(client) else { return Ok(None) };
            match self.orders.commit_one(OrderWrite::replace(current, after.clone(), self.stamp(caller))).await {
                Err(StoreError::VersionConflict) => {}
                result => return result.map(|_| Some(after)),
            }
        }
        Err(StoreError::VersionConflict)
    }

    /// The order with its client.
    async fn view(&self, order: Order) -> OrderView {
        let client = match order.client_id {
            None => ClientLink::Nobody,
            Some(id) => match self.clients.get(id).await {
                Ok(Some(client)) => ClientLink::Known(Box::new(client)),
                Ok(None) => ClientLink::Gone(id),
                Err(error) => {
                    tell("an order is shown without its client", &error);
                    ClientLink::Unavailable(id)
                }
            },
        };
        let next_statuses = self.next_statuses(order.status());
        OrderView { order, client, next_statuses }
    }
}

/// The reason that was given for `status`: none for any but a return, and a blank one is none at all, which a return
/// may not be left with.
fn given_reason(status: OrderStatus, reason: Option<&str>) -> Result<Option<ReturnReason>, AppError> {
    match reason {
        Some(text) if status == OrderStatus::Returned => {
            ReturnReason::parse_optional(text)?.map(Some).ok_or(AppError::ReasonRequired(ReasonRequired))
        }
        _ => Ok(None),
    }
}

/// An order and its client, for the audit.
pub(super) fn subjects(view: &OrderView) -> Vec<Subject> {
    let client = view.client.client().map(|client| Subject::Client(client.id));
    std::iter::once(Subject::Order(view.order.number.clone())).chain(client).collect()
}

fn order_error(error: StoreError) -> AppError {
    match error {
        StoreError::NotFound => AppError::OrderNotFound,
        StoreError::AlreadyExists { field: UniqueField::OrderNumber } => AppError::NumberTaken,
        other => AppError::Orders(other),
    }
}
