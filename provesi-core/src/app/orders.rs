//! Make, read, edit and delete an order.
//!
//! The inputs are texts as they came, parsed here, so that everything that is wrong with them is found together.

use std::sync::Arc;

use crate::app::{Access, tell};
use crate::repository::{EDIT_ATTEMPTS, only};
use crate::{
    App, AppError, AuditAction, Caller, Client, ClientChoice, ClientKey, ClientLink, ClientRepositoryExt, EntryKind,
    Expected, Field, Order, OrderChange, OrderDraft, OrderId, OrderKey, OrderNumber, OrderRepositoryExt, OrderRow,
    OrderView, OrderWithClient, OrderWrite, Refusal, StoreError, Stored, Subject, UniqueField,
};

impl App {
    /// Makes an order.
    ///
    /// # Errors
    /// [`AppError::Refused`] with all that [`OrderDraft::check`] finds, [`Refusal::NumberTaken`] and [`Refusal::UnknownClient`]; or
    /// a store's.
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
        let stamp = self.stamp(caller);
        let (checked, client) = (draft.check(stamp.at), draft.client_id.as_deref());
        let (order, client) = self.with_client(checked, client, Some(&draft.number), None).await?;
        let row = || OrderRow::from(&order.clone().with_id(OrderId::new(0)));
        let write = self.with_answer(caller, OrderWrite::insert(order.clone(), stamp), row)?;
        let id = match self.orders.commit_one(write).await.map_err(order_error) {
            Ok(id) => id,
            Err(AppError::Refused(refusals)) => {
                return Err(self.refused(refusals, Some(order.number.as_str()), None).await);
            }
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
    /// [`ClientLink::Unavailable`], unless it is the one that reads both together.
    pub async fn order(&self, caller: &Caller, key: impl Into<OrderKey> + Send) -> Result<OrderView, AppError> {
        let key = key.into();
        let tried = key_subject(&key);
        let result = self.load_view(key).await;
        let access = Access::read(AuditAction::OrderRead);
        self.audited(caller, access, |view| view.map_or_else(|| vec![tried], subjects), result).await
    }

    /// Changes the order with this number or id, by [`StatusFlow::edit`](crate::StatusFlow::edit). With [`Expected::Any`], a
    /// concurrent edit of the same order loses nothing: this change is applied, with its rules, to what the other left.
    ///
    /// # Errors
    /// [`AppError::OrderNotFound`], [`AppError::OrderChanged`]; [`AppError::Refused`] with all that the flow finds,
    /// [`Refusal::NumberTaken`] and [`Refusal::UnknownClient`]; [`AppError::Contended`], or a store's.
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
            let number = change.number.as_deref();
            let client = match &change.client {
                ClientChoice::Attach(id) => Some(id.as_str()),
                ClientChoice::Keep | ClientChoice::Detach => None,
            };
            let checked = self.flow.edit(&current.row, change, stamp.at);
            let (changed, attached) = self.with_client(checked, client, number, Some(id)).await?;
            let Some(after) = current.with_content(changed, stamp.at) else {
                self.answer_unchanged(caller, &current.row).await?;
                return Ok(self.view(current).await);
            };
            let write = OrderWrite::replace(current, after.clone(), stamp);
            let write = self.with_answer(caller, write, || OrderRow::from(&after))?;
            match self.orders.commit_one(write).await {
                Err(StoreError::VersionConflict) => {}
                Err(error) => {
                    return Err(match order_error(error) {
                        AppError::Refused(refusals) => self.refused(refusals, number, Some(id)).await,
                        error => error,
                    });
                }
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

    /// What the rules made of an input, and the client that it names; or all that is wrong with it, as far as the stores answer.
    /// `number` is the new number, if one is given, and `own` the order that may have it.
    async fn with_client<T>(
        &self,
        checked: Result<T, Vec<Refusal>>,
        client: Option<&str>,
        number: Option<&str>,
        own: Option<OrderId>,
    ) -> Result<(T, Option<Stored<Client>>), AppError> {
        let (value, mut refusals) = match checked {
            Ok(value) => (Some(value), Vec::new()),
            Err(refusals) => (None, refusals),
        };
        let mut named = None;
        if let Some(id) = client.and_then(|id| id.parse().ok()) {
            match self.clients.load(ClientKey::Id(id)).await {
                Ok(Some(client)) => named = Some(client),
                Ok(None) => refusals.push(Refusal::UnknownClient),
                Err(error) if refusals.is_empty() => return Err(AppError::Clients(error)),
                Err(error) => tell("an order is refused without a look at its client", &error),
            }
        }
        match value {
            Some(value) if refusals.is_empty() => Ok((value, named)),
            _ => Err(self.refused(refusals, number, own).await),
        }
    }

    /// The refusals, and whether `number`, if one is given, is taken by another order than `own`. A store checks that when it writes;
    /// here nothing will be written.
    async fn refused(&self, mut refusals: Vec<Refusal>, number: Option<&str>, own: Option<OrderId>) -> AppError {
        if let Some(Ok(number)) = number.map(OrderNumber::parse)
            && !refusals.contains(&Refusal::NumberTaken)
            && let Ok(Some(other)) = self.orders.load((&number).into()).await
            && own != Some(other.row.id)
        {
            refusals.push(Refusal::NumberTaken);
        }
        AppError::Refused(refusals)
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

    /// The order with this key and its client: in one query if [`App::with_joined_reads`] was called.
    async fn load_view(&self, key: OrderKey) -> Result<OrderView, AppError> {
        if let Some(joined) = &self.joined {
            match only(joined.get_with_clients(std::slice::from_ref(&key)).await) {
                Ok(found) => return Ok(self.joined_view(found.ok_or(AppError::OrderNotFound)?)),
                Err(error @ StoreError::Unavailable { .. }) => return Err(AppError::Orders(error)),
                // What is wrong may be with the clients alone.
                Err(error) => tell("an order is read apart from its client", &error),
            }
        }
        Ok(self.view(self.load_order(key).await?).await)
    }

    fn joined_view(&self, OrderWithClient { order, client }: OrderWithClient) -> OrderView {
        let client = match order.client_id() {
            Ok(Some(id)) => ClientLink::found(id, client.map(|client| client.map(Stored::new))),
            Ok(None) => ClientLink::Nobody,
            Err(_) => ClientLink::Irregular,
        };
        self.view_of(Stored::new(order), client)
    }

    /// The order with its client.
    async fn view(&self, order: Stored<Order>) -> OrderView {
        let client = match order.row.client_id() {
            Ok(Some(id)) => ClientLink::found(id, self.clients.load(ClientKey::Id(id)).await),
            Ok(None) => ClientLink::Nobody,
            Err(_) => ClientLink::Irregular,
        };
        self.view_of(order, client)
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
        StoreError::AlreadyExists { field: UniqueField::OrderNumber } => Refusal::NumberTaken.into(),
        StoreError::EntryConflict { kind: EntryKind::Retirement } => Refusal::UnknownClient.into(),
        other => AppError::Orders(other),
    }
}
