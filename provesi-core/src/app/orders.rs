//! Make, read, edit and delete an order.
//!
//! The inputs are texts as they came: the contract says which fault is told first where there are several (number,
//! status, client), so they are parsed here and in that order.

use std::fmt;
use std::sync::Arc;

use crate::app::{Access, tell};
use crate::repository::EDIT_ATTEMPTS;
use crate::{
    App, AppError, AuditAction, Caller, Client, ClientId, ClientKey, ClientLink, ClientRepositoryExt, EntryKind,
    Expected, Field, NewOrder, Order, OrderId, OrderKey, OrderNumber, OrderRepositoryExt, OrderRow, OrderState,
    OrderStatus, OrderView, OrderWrite, ReasonRequired, ReturnInfo, ReturnReason, StoreError, Stored, Subject,
    Timestamp, UniqueField,
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
        let result = self.view_or_answered(caller, result).await;
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
        let client_id = client.as_ref().map(|client| client.row.id);
        let order = NewOrder { number, client_id, state, created_at: now, updated_at: now };
        let row = || OrderRow::from(&order.clone().with_id(OrderId::new(0)));
        let write = self.with_answer(caller, OrderWrite::insert(order.clone(), stamp), row)?;
        let id = match self.orders.commit_one(write).await.map_err(order_error) {
            Ok(id) => id,
            Err(error @ AppError::UnknownClient) => return Err(self.number_first(&order.number, None, error).await),
            Err(error) => return Err(error),
        };
        let id = id.ok_or_else(|| AppError::Orders(StoreError::backend("an inserted order has no id")))?;
        let order = order.with_id(id);
        Ok(self.view_of(order.into(), client.map_or(ClientLink::Nobody, |client| ClientLink::Known(Arc::new(client)))))
    }

    /// The order with this number in any letter case, or with this id, with its client. By its id it stays the same one when
    /// another writer gives it another number.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`] or [`AppError::Orders`]. A store of clients that does not answer is no error, see
    /// [`ClientLink::Unavailable`].
    pub async fn order(&self, caller: &Caller, key: impl Into<OrderKey> + Send) -> Result<OrderView, AppError> {
        let key = key.into();
        let tried = key_subject(&key);
        let result = match self.load_order(key).await {
            Ok(order) => Ok(self.view(order).await),
            Err(error) => Err(error),
        };
        let access = Access::read(AuditAction::OrderRead);
        self.audited(caller, access, |view| view.map_or_else(|| vec![tried], subjects), result).await
    }

    /// Changes the order with this number or id. Of an irregular order the change has to give a value for each field that
    /// breaks a rule, and any status may follow an unknown one. With [`Expected::Any`], an edit of the same order by somebody else at the
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
        key: impl Into<OrderKey> + Send,
        change: &OrderChange,
        expected: Expected,
    ) -> Result<OrderView, AppError> {
        let key = key.into();
        let tried = key_subject(&key);
        let result = self.try_edit_order(caller, key, change, expected).await;
        let result = self.view_or_answered(caller, result).await;
        let fields = change.fields();
        let access = Access::write(AuditAction::OrderUpdate, &fields);
        self.audited(caller, access, |view| view.map_or_else(|| vec![tried], subjects), result).await
    }

    async fn try_edit_order(
        &self,
        caller: &Caller,
        key: OrderKey,
        change: &OrderChange,
        expected: Expected,
    ) -> Result<OrderView, AppError> {
        // A writer that renames the order meanwhile must not turn it into "not found", so it is found once by its number
        // and from then on by its id.
        let mut current = self.load_order(key).await?;
        for _ in 0..EDIT_ATTEMPTS {
            let id = current.row.id;
            if !expected.allows(current.version()) {
                return Err(AppError::OrderChanged { current: Box::new(current) });
            }
            let stamp = self.stamp(caller);
            let (changed, attached) = self.changed_order(&current, change, stamp.at).await?;
            let Some(after) = current.with_content(changed, stamp.at) else {
                self.answer_unchanged(caller, &current.row).await?;
                return Ok(self.view(current).await);
            };
            let write = OrderWrite::replace(current, after.clone(), stamp);
            let write = self.with_answer(caller, write, || OrderRow::from(&after))?;
            match self.orders.commit_one(write).await {
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(order_error(error)),
                Ok(_) => {
                    return Ok(match attached {
                        Some(client) => self.view_of(after.into(), ClientLink::Known(Arc::new(client))),
                        None => self.view(after.into()).await,
                    });
                }
            }
            current = self.load_order(OrderKey::Id(id)).await?;
        }
        Err(AppError::Contended)
    }

    /// What `change` makes of `current` at `now`, and the client that it attaches.
    async fn changed_order(
        &self,
        current: &Stored<Order>,
        change: &OrderChange,
        now: Timestamp,
    ) -> Result<(Order, Option<Stored<Client>>), AppError> {
        let row = &current.row;
        let number = OrderNumber::parse(change.number.as_deref().unwrap_or(&row.number))?;
        let checked = async {
            let from = row.status();
            let to = change.status.map_or(from, Ok)?;
            if let Ok(from) = from
                && !self.flow.allows(from, to)
            {
                return Err(AppError::TransitionRefused { from, to });
            }
            let reason = given_reason(to, change.return_reason.as_deref())?;
            let state = match from {
                Ok(from) => OrderState::restore(from, row.return_info()).edited(to, reason, now)?,
                // What it says of a return is kept if it becomes one.
                Err(_) => match (to, reason, row.return_info()) {
                    (OrderStatus::Returned, None, Some(kept)) => OrderState::restore(to, Some(kept)),
                    (OrderStatus::Returned, Some(reason), Some(kept)) => {
                        OrderState::restore(to, Some(ReturnInfo { reason, ..kept }))
                    }
                    (to, reason, _) => OrderState::new(to, reason, now)?,
                },
            };
            Ok(match &change.client {
                ClientChoice::Keep => (state, row.client_id()?, None),
                ClientChoice::Detach => (state, None, None),
                ClientChoice::Attach(id) => {
                    let client = self.named_client(id).await?;
                    (state, Some(client.row.id), Some(client))
                }
            })
        };
        let (state, client_id, client) = match checked.await {
            Ok(checked) => checked,
            Err(error) => return Err(self.number_first(&number, Some(row), error).await),
        };
        let (id, created_at, updated_at) = (row.id, row.created_at, row.updated_at);
        Ok((Order { id, number, client_id, state, created_at, updated_at }, client))
    }

    /// Deletes the order with this number or id. Its history stays.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`], [`AppError::OrderChanged`], [`AppError::Contended`] or [`AppError::Orders`].
    pub async fn delete_order(
        &self,
        caller: &Caller,
        key: impl Into<OrderKey> + Send,
        expected: Expected,
    ) -> Result<Stored<Order>, AppError> {
        let key = key.into();
        let tried = key_subject(&key);
        let result = match self.try_delete_order(caller, key, expected).await {
            Err(error) => self.answered_instead(caller, error).await,
            deleted => deleted,
        };
        let access = Access::write(AuditAction::OrderDelete, &[]);
        let subject = |order: Option<&Stored<Order>>| vec![order.map_or(tried, |order| order_subject(&order.row))];
        self.audited(caller, access, subject, result).await
    }

    async fn try_delete_order(
        &self,
        caller: &Caller,
        key: OrderKey,
        expected: Expected,
    ) -> Result<Stored<Order>, AppError> {
        let mut current = self.load_order(key).await?;
        for _ in 0..EDIT_ATTEMPTS {
            let id = current.row.id;
            if !expected.allows(current.version()) {
                return Err(AppError::OrderChanged { current: Box::new(current) });
            }
            let write = OrderWrite::delete(current.clone(), self.stamp(caller));
            let write = self.with_answer(caller, write, || current.row.clone())?;
            match self.orders.commit_one(write).await {
                Err(StoreError::VersionConflict) => current = self.load_order(OrderKey::Id(id)).await?,
                Err(error) => return Err(order_error(error)),
                Ok(_) => return Ok(current),
            }
        }
        Err(AppError::Contended)
    }

    pub(super) async fn load_order(&self, key: OrderKey) -> Result<Stored<Order>, AppError> {
        self.orders.load(key).await.map_err(AppError::Orders)?.ok_or(AppError::OrderNotFound)
    }

    /// The client that an order names by this text.
    async fn named_client(&self, id: &str) -> Result<Stored<Client>, AppError> {
        let id: ClientId = id.parse().map_err(|_| AppError::UnknownClient)?;
        self.clients.load(ClientKey::Id(id)).await.map_err(AppError::Clients)?.ok_or(AppError::UnknownClient)
    }

    /// A taken number is told before any fault of status or client. The store tells it when it writes; where nothing
    /// will be written because of `error`, it is asked. `own` is the order that may have the number.
    async fn number_first(&self, number: &OrderNumber, own: Option<&OrderRow>, error: AppError) -> AppError {
        if error.is_fault() || own.is_some_and(|own| own.number == number.as_str()) {
            return error;
        }
        match self.orders.load(number.into()).await {
            Ok(Some(other)) if own.is_none_or(|own| own.id != other.row.id) => AppError::NumberTaken,
            _ => error,
        }
    }

    /// The order of an earlier call with the caller's key in place of an error.
    async fn view_or_answered(
        &self,
        caller: &Caller,
        result: Result<OrderView, AppError>,
    ) -> Result<OrderView, AppError> {
        match result {
            Err(error) => Ok(self.view(self.answered_instead(caller, error).await?).await),
            view => view,
        }
    }

    /// The order with its client.
    async fn view(&self, order: Stored<Order>) -> OrderView {
        let client = match order.row.client_id() {
            Err(_) => ClientLink::Irregular,
            Ok(None) => ClientLink::Nobody,
            Ok(Some(id)) => match self.clients.load(ClientKey::Id(id)).await {
                Ok(Some(client)) => ClientLink::Known(Arc::new(client)),
                Ok(None) => ClientLink::Gone(id),
                Err(error) => {
                    tell("an order is shown without its client", &error);
                    ClientLink::Unavailable(id)
                }
            },
        };
        self.view_of(order, client)
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
    let client = view.client.client().map(|client| Subject::Client(client.row.id));
    std::iter::once(order_subject(&view.order.row)).chain(client).collect()
}

/// An order, for the audit.
pub(super) fn order_subject(order: &OrderRow) -> Subject {
    OrderNumber::parse(&order.number).map_or(Subject::OrderId(order.id), Subject::Order)
}

/// An order that is asked for, for the audit.
fn key_subject(key: &OrderKey) -> Subject {
    match key {
        OrderKey::Id(id) => Subject::OrderId(*id),
        OrderKey::Number(number) => Subject::Order(number.clone()),
    }
}

fn order_error(error: StoreError) -> AppError {
    match error {
        StoreError::NotFound => AppError::OrderNotFound,
        StoreError::AlreadyExists { field: UniqueField::OrderNumber } => AppError::NumberTaken,
        StoreError::EntryConflict { kind: EntryKind::Retirement } => AppError::UnknownClient,
        other => AppError::Orders(other),
    }
}
