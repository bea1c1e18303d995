//! Make, read, edit and delete a client.

use crate::app::Access;
use crate::app::answers::Turn;
use crate::app::lists::stored_page;
use crate::app::orders::order_subject;
use crate::app::retirement::Retirement;
use crate::repository::EDIT_ATTEMPTS;
use crate::{
    Address, App, AppError, AuditAction, AuditPolicy, BoxStream, Caller, Client, ClientDeletion, ClientId, ClientKey,
    ClientName, ClientRepositoryExt, ClientRow, ClientWrite, Email, Expected, Field, Irregular, ListFilter, Order,
    OrderCursor, OrderListing, Page, PageLimit, PageRequest, Phone, Refusal, StoreError, Stored, Subject, UniqueField,
    stream_pages,
};

/// A client to be made.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientDraft {
    /// The name.
    pub name: ClientName,
    /// The e-mail address.
    pub email: Email,
    /// The phone, if there is one.
    pub phone: Option<Phone>,
    /// The postal address, if there is one.
    pub address: Option<Address>,
}

/// A client and the first of its orders.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientWithOrders {
    /// The client.
    pub client: Stored<Client>,
    /// A page of its orders, the latest change first; an error where the store of orders did not answer, since a client
    /// without its orders is still worth showing.
    pub orders: Result<Page<Stored<Order>, OrderCursor>, AppError>,
}

/// A change of a client: what is `None` stays.
#[derive(bon::Builder, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientChange {
    /// The new name.
    pub name: Option<ClientName>,
    /// The new e-mail address.
    pub email: Option<Email>,
    /// The new phone; `Some(None)` clears it.
    pub phone: Option<Option<Phone>>,
    /// The new postal address; `Some(None)` clears it.
    pub address: Option<Option<Address>>,
}

impl ClientChange {
    /// The client with this change, which has to give a value for each field that breaks a rule.
    fn apply(&self, client: &ClientRow) -> Result<Client, Irregular> {
        let mut row = client.clone();
        if let Some(name) = &self.name {
            row.name = name.as_str().to_owned();
        }
        if let Some(email) = &self.email {
            row.email = email.as_str().to_owned();
        }
        if let Some(phone) = &self.phone {
            row.phone = phone.as_ref().map(|phone| phone.as_str().to_owned());
        }
        if let Some(address) = &self.address {
            row.address = address.as_ref().map(|address| address.as_str().to_owned());
        }
        row.check()
    }

    fn fields(&self) -> Vec<Field> {
        [
            (self.name.is_some(), Field::Name),
            (self.email.is_some(), Field::Email),
            (self.phone.is_some(), Field::Phone),
            (self.address.is_some(), Field::Address),
        ]
        .into_iter()
        .filter_map(|(given, field)| given.then_some(field))
        .collect()
    }
}

impl App {
    /// Makes a client.
    ///
    /// # Errors
    /// [`AppError::Refused`] with [`Refusal::EmailTaken`], or [`AppError::Clients`].
    pub async fn create_client(&self, caller: &Caller, draft: ClientDraft) -> Result<Client, AppError> {
        let result = self.try_create_client(caller, draft).await.and_then(valid);
        let access =
            Access::write(AuditAction::ClientCreate, &[Field::Name, Field::Email, Field::Phone, Field::Address]);
        self.audited(caller, access, |made| made.map(subject).into_iter().collect(), result).await
    }

    async fn try_create_client(&self, caller: &Caller, draft: ClientDraft) -> Result<Stored<Client>, AppError> {
        let now = self.now();
        let id = self.ids.client_id(now);
        let started = match self.begin_client(caller, id, true).await? {
            None => None,
            Some(Turn::Write(started)) => Some(started),
            Some(Turn::Done(id, _)) => return self.find_client(id).await,
        };
        let id = started.as_ref().map_or(id, |started| started.client);
        let client = Client {
            id,
            name: draft.name,
            email: draft.email,
            phone: draft.phone,
            address: draft.address,
            created_at: now,
            updated_at: now,
        };
        let result = match self.clients.insert(&client).await {
            // Another call with the same key may have written it: the id is recorded with the key.
            Err(StoreError::AlreadyExists { field }) if started.is_some() => match self.find_client(id).await {
                Err(AppError::ClientNotFound) => Err(client_error(StoreError::AlreadyExists { field })),
                result => result,
            },
            result => result.map(Stored::from).map_err(client_error),
        };
        self.end_client(caller, started, result.as_ref().map(|_| None)).await;
        result
    }

    /// The client with this id.
    ///
    /// # Errors
    /// [`AppError::ClientNotFound`], or [`AppError::Clients`].
    pub async fn client(&self, caller: &Caller, id: ClientId) -> Result<Stored<Client>, AppError> {
        let result = self.find_client(id).await;
        let access = Access::read(AuditAction::ClientRead);
        self.audited(caller, access, |_| vec![Subject::Client(id)], result).await
    }

    /// The client with this id and the first `limit` of its orders, the latest change first: one access, and one record
    /// of it. Under [`AuditPolicy::Strict`] there is one for each, and the client's is kept before its orders are asked for.
    ///
    /// # Errors
    /// [`AppError::ClientNotFound`], or [`AppError::Clients`]. A store of orders that does not answer is no error, see
    /// [`ClientWithOrders::orders`].
    pub async fn client_with_orders(
        &self,
        caller: &Caller,
        id: ClientId,
        limit: PageLimit,
    ) -> Result<ClientWithOrders, AppError> {
        if self.audit_policy == AuditPolicy::Strict {
            // The store of the orders is often that of the records: whoever waits for a record only after waiting for
            // orders in vain waits for one server twice.
            let client = self.client(caller, id).await?;
            let orders = self.client_orders(caller, id, &PageRequest::first(limit)).await;
            return Ok(ClientWithOrders { client, orders });
        }
        let result = match self.find_client(id).await {
            Ok(client) => {
                let orders = self.orders.page(&OrderListing::of_client(id), &PageRequest::first(limit)).await;
                let orders = orders.map(stored_page).map_err(AppError::Orders);
                Ok(ClientWithOrders { client, orders })
            }
            Err(error) => Err(error),
        };
        let subjects = |found: Option<&ClientWithOrders>| {
            let orders = found.into_iter().filter_map(|found| found.orders.as_ref().ok()).flat_map(|page| &page.items);
            [Subject::Client(id)].into_iter().chain(orders.map(|order| order_subject(&order.row))).collect()
        };
        let found = self.audited(caller, Access::read(AuditAction::ClientRead), subjects, result).await?;
        let orders = match found.orders {
            Err(failed) => {
                let access = Access::read(AuditAction::OrderList);
                self.audited(caller, access, |_| vec![Subject::Client(id)], Err(failed)).await
            }
            page => page,
        };
        Ok(ClientWithOrders { orders, ..found })
    }

    /// The orders of a client after `cursor`, as [`client_with_orders`](Self::client_with_orders) gave it, page by page: the
    /// pages of [`client_orders`](Self::client_orders).
    #[must_use]
    pub fn further_orders_of(
        &self,
        caller: &Caller,
        id: ClientId,
        cursor: OrderCursor,
    ) -> BoxStream<Result<Vec<Stored<Order>>, AppError>> {
        let (app, caller) = (self.clone(), caller.clone());
        stream_pages(move |after| {
            let (app, caller, after) = (app.clone(), caller.clone(), after.unwrap_or_else(|| cursor.clone()));
            async move { app.client_orders(&caller, id, &PageRequest::after(PageLimit::MAX, after)).await }
        })
    }

    /// A page of the orders of a client, without the client, the latest change first. One without orders shows nothing, and
    /// leaves no record.
    ///
    /// # Errors
    /// [`AppError::Orders`].
    pub async fn client_orders(
        &self,
        caller: &Caller,
        id: ClientId,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Stored<Order>, OrderCursor>, AppError> {
        let listing = OrderListing::of_client(id);
        let result = self.orders.page(&listing, request).await.map(stored_page).map_err(AppError::Orders);
        if result.as_ref().is_ok_and(|page| page.items.is_empty()) {
            return result;
        }
        let subjects = |page: Option<&Page<Stored<Order>, _>>| {
            let orders = page.into_iter().flat_map(|page| &page.items);
            let orders = orders.map(|order| order_subject(&order.row));
            orders.chain([Subject::Client(id)]).collect()
        };
        let filter = ListFilter::from(&listing.filter);
        self.audited(caller, Access::list(AuditAction::OrderList, &filter), subjects, result).await
    }

    /// Changes a client. With [`Expected::Any`], an edit of the same client by somebody else at the same time loses
    /// nothing: this change is applied to what the other left.
    ///
    /// # Errors
    /// [`AppError::ClientNotFound`], [`AppError::ClientChanged`], [`AppError::Contended`] or [`AppError::Clients`];
    /// [`AppError::Refused`] with [`Refusal::EmailTaken`], or with [`Refusal::Invalid`] for each field of an irregular client that
    /// breaks a rule and stays as it is.
    pub async fn edit_client(
        &self,
        caller: &Caller,
        id: ClientId,
        change: &ClientChange,
        expected: Expected,
    ) -> Result<Client, AppError> {
        let result = match self.begin_client(caller, id, false).await {
            Ok(Some(Turn::Done(..))) => self.find_client(id).await.and_then(valid),
            Ok(turn) => {
                let result = self.try_edit_client(id, change, expected).await;
                self.end_client(caller, turn.and_then(Turn::started), result.as_ref().map(|_| None)).await;
                result
            }
            Err(error) => Err(error),
        };
        let fields = change.fields();
        let access = Access::write(AuditAction::ClientUpdate, &fields);
        self.audited(caller, access, |_| vec![Subject::Client(id)], result).await
    }

    async fn try_edit_client(
        &self,
        id: ClientId,
        change: &ClientChange,
        expected: Expected,
    ) -> Result<Client, AppError> {
        for _ in 0..EDIT_ATTEMPTS {
            let current = self.expected_client(id, expected).await?;
            let changed = change.apply(&current.row)?;
            let Some(after) = current.with_content(changed, self.now()) else {
                return current.valid().map_err(AppError::Clients);
            };
            match self.clients.commit_one(ClientWrite::replace(current, after.clone())).await {
                Err(StoreError::VersionConflict) => {}
                Err(error) => return Err(client_error(error)),
                Ok(()) => return Ok(after),
            }
        }
        Err(AppError::Contended)
    }

    /// Deletes a client. Its orders stay, without a client. The deletion is first recorded in the store of orders; from then on
    /// no order can be attached to the client. If the process ends in between,
    /// [`settle_retirements`](Self::settle_retirements) finishes it.
    ///
    /// # Errors
    /// [`AppError::ClientNotFound`], [`AppError::ClientChanged`], [`AppError::Contended`], [`AppError::Orders`] or
    /// [`AppError::Clients`].
    pub async fn delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: Expected,
    ) -> Result<ClientDeletion, AppError> {
        let result = match self.begin_client(caller, id, false).await {
            Ok(Some(Turn::Done(_, detached))) => Ok(ClientDeletion { client: None, detached }),
            Ok(turn) => {
                let result = self.try_delete_client(caller, id, expected).await;
                let ended = result.as_ref().map(|deletion| deletion.detached);
                self.end_client(caller, turn.and_then(Turn::started), ended).await;
                result
            }
            Err(error) => Err(error),
        };
        let access = Access::write(AuditAction::ClientDelete, &[]);
        self.audited(caller, access, |_| vec![Subject::Client(id)], result).await
    }

    async fn try_delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: Expected,
    ) -> Result<ClientDeletion, AppError> {
        let mut held: Option<Retirement> = None;
        for _ in 0..EDIT_ATTEMPTS {
            let current = match self.expected_client(id, expected).await {
                Ok(current) => current,
                Err(error) => {
                    match (held, &error) {
                        (None, _) => {}
                        // Another call deleted it, and may rely on this retirement.
                        (Some(retirement), AppError::ClientNotFound) => self.finish_other(caller, retirement).await,
                        (Some(retirement), _) => self.lift(caller, retirement).await,
                    }
                    return Err(error);
                }
            };
            let retirement = match held.take().filter(|held| held.lasts(self.now())) {
                Some(retirement) => retirement,
                None => self.retire(caller, id).await?,
            };
            if !retirement.lasts(self.now()) {
                // Recording it took too long.
                held = Some(retirement);
                continue;
            }
            match self.clients.commit_one(ClientWrite::delete(current.clone())).await {
                Ok(()) => {
                    let detached = self.finish_now(caller, retirement).await;
                    return Ok(ClientDeletion { client: Some(current), detached });
                }
                Err(StoreError::VersionConflict) => held = Some(retirement),
                // It may still be deleted.
                Err(error @ StoreError::OutcomeUnknown { .. }) => return Err(client_error(error)),
                Err(error) => {
                    self.lift(caller, retirement).await;
                    return Err(client_error(error));
                }
            }
        }
        if let Some(retirement) = held {
            self.lift(caller, retirement).await;
        }
        Err(AppError::Contended)
    }

    /// The client, if its version is the expected one.
    async fn expected_client(&self, id: ClientId, expected: Expected) -> Result<Stored<Client>, AppError> {
        let current = self.clients.load(ClientKey::Id(id)).await.map_err(AppError::Clients)?;
        let current = current.ok_or(AppError::ClientNotFound)?;
        if expected.allows(current.version()) {
            return Ok(current);
        }
        Err(AppError::ClientChanged { current: Box::new(current) })
    }

    async fn find_client(&self, id: ClientId) -> Result<Stored<Client>, AppError> {
        self.clients.load(ClientKey::Id(id)).await.map_err(AppError::Clients)?.ok_or(AppError::ClientNotFound)
    }
}

fn subject(client: &Client) -> Subject {
    Subject::Client(client.id)
}

/// Another program may have changed the client since the call whose answer is repeated.
fn valid(client: Stored<Client>) -> Result<Client, AppError> {
    client.valid().map_err(AppError::Clients)
}

fn client_error(error: StoreError) -> AppError {
    match error {
        StoreError::NotFound => AppError::ClientNotFound,
        StoreError::AlreadyExists { field: UniqueField::Email } => Refusal::EmailTaken.into(),
        other => AppError::Clients(other),
    }
}
