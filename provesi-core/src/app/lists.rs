//! Lists of clients and orders, each with what belongs to it from the other store: one query per page there.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::{OptionFuture, join};
use futures_util::stream::{self, StreamExt};

use crate::app::{Access, orders::subjects, tell};
use crate::client_repository::find_clients;
use crate::{
    App, AppError, AuditAction, BoxStream, Caller, Client, ClientCursor, ClientId, ClientLink, ClientListing,
    ClientRow, ClientView, ClientsById, ListFilter, Order, OrderCursor, OrderListing, OrderNumber, OrderRepositoryExt,
    OrderRow, OrderView, Page, PageLimit, PageRequest, ReasonQuery, Record, StoreError, Stored, Subject,
};

/// How many reasons a search reads at most for a page: some tenths of a second's work.
const REASONS: usize = 20_000;

/// How many it reads first.
const SLICE: u32 = 200;

impl App {
    /// A page of clients with the numbers of their orders.
    ///
    /// # Errors
    /// [`AppError::Clients`], with [`StoreError::InvalidCursor`](crate::StoreError::InvalidCursor) for a cursor of
    /// another listing. A store of orders that does not answer is no error, see [`ClientView::orders_count`].
    pub async fn list_clients(
        &self,
        caller: &Caller,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientView, ClientCursor>, AppError> {
        let page = self.clients.page(listing, request).await.map_err(AppError::Clients);
        self.clients_shown(caller, listing, page).await
    }

    /// The page with the numbers of orders. The audit is told of it.
    async fn clients_shown(
        &self,
        caller: &Caller,
        listing: &ClientListing,
        page: Result<Page<ClientRow, ClientCursor>, AppError>,
    ) -> Result<Page<ClientView, ClientCursor>, AppError> {
        let result = match page {
            Ok(page) => Ok(self.count_orders(page).await),
            Err(error) => Err(error),
        };
        let filter = ListFilter::from(&listing.filter);
        let access = Access::list(AuditAction::ClientList, &filter);
        let of_page = |page: Option<&Page<ClientView, _>>| {
            page.map_or_else(Vec::new, |page| {
                page.items.iter().map(|view| Subject::Client(view.client.row.id)).collect()
            })
        };
        self.audited(caller, access, of_page, result).await
    }

    /// A page of clients alone, for whoever chooses one: the store of orders is not asked.
    ///
    /// # Errors
    /// As [`list_clients`](Self::list_clients).
    pub async fn choose_clients(
        &self,
        caller: &Caller,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Stored<Client>, ClientCursor>, AppError> {
        let result = self.clients.page(listing, request).await.map(stored_page).map_err(AppError::Clients);
        let of_page = |page: Option<&Page<Stored<Client>, _>>| {
            page.map_or_else(Vec::new, |page| page.items.iter().map(|client| Subject::Client(client.row.id)).collect())
        };
        let filter = ListFilter::from(&listing.filter);
        self.audited(caller, Access::list(AuditAction::ClientList, &filter), of_page, result).await
    }

    /// All clients of a listing with the numbers of their orders, page by page, in constant memory: with a page, the one
    /// after it has been read. An error ends the stream.
    #[must_use]
    pub fn stream_clients(
        &self,
        caller: &Caller,
        listing: &ClientListing,
    ) -> BoxStream<Result<Vec<ClientView>, AppError>> {
        let (clients, read) = (Arc::clone(&self.clients), listing.clone());
        let read = move |after| {
            let (clients, listing) = (Arc::clone(&clients), read.clone());
            async move {
                let request = PageRequest { limit: PageLimit::MAX, after };
                clients.page(&listing, &request).await.map_err(AppError::Clients)
            }
        };
        let (app, caller, listing) = (self.clone(), caller.clone(), listing.clone());
        stream_completed(read, move |page| {
            let (app, caller, listing) = (app.clone(), caller.clone(), listing.clone());
            async move { app.clients_shown(&caller, &listing, page).await }
        })
    }

    /// A page of orders with their clients.
    ///
    /// # Errors
    /// [`AppError::Orders`], with [`StoreError::InvalidCursor`](crate::StoreError::InvalidCursor) for a cursor of
    /// another listing. A store of clients that does not answer is no error, see [`ClientLink::Unavailable`].
    pub async fn list_orders(
        &self,
        caller: &Caller,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderView, OrderCursor>, AppError> {
        let page = self.orders.page(listing, request).await.map_err(AppError::Orders);
        self.orders_shown(caller, &ListFilter::from(&listing.filter), page).await
    }

    /// A page of those orders of a listing whose reason of return matches, with their clients.
    ///
    /// Reasons are read until the page is full, at most 20,000 of them: a search for something rare stops early
    /// ([`Page::stopped_early`]) and goes on from there with the next page.
    ///
    /// # Errors
    /// As [`list_orders`](Self::list_orders).
    pub async fn search_reasons(
        &self,
        caller: &Caller,
        listing: &OrderListing,
        reason: &ReasonQuery,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderView, OrderCursor>, AppError> {
        let page = self.matching_reasons(listing, reason, request).await.map_err(AppError::Orders);
        self.orders_shown(caller, &ListFilter::from(&listing.filter).with_reason(reason), page).await
    }

    /// The page with the clients of its orders. The audit is told of it.
    async fn orders_shown(
        &self,
        caller: &Caller,
        filter: &ListFilter,
        page: Result<Page<OrderRow, OrderCursor>, AppError>,
    ) -> Result<Page<OrderView, OrderCursor>, AppError> {
        let result = match page {
            Ok(page) => Ok(self.viewed(page).await),
            Err(error) => Err(error),
        };
        self.audited(caller, Access::list(AuditAction::OrderList, filter), of_page, result).await
    }

    async fn matching_reasons(
        &self,
        listing: &OrderListing,
        reason: &ReasonQuery,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        let (mut found, mut read, mut after) = (Vec::new(), 0, request.after.clone());
        // One more than the page has tells whether another follows.
        let enough = request.limit.get() + 1;
        // Where every other reason matches, one small read is enough.
        let mut slice = PageLimit::new(SLICE).unwrap_or(PageLimit::MAX);
        loop {
            let page = self.orders.page(listing, &PageRequest { limit: slice, after }).await?;
            read += page.items.len();
            let matches =
                |order: &OrderRow| order.return_info().is_some_and(|info| reason.matches(info.reason.as_str()));
            found.extend(page.items.into_iter().filter(matches));
            match page.next {
                Some(next) if found.len() < enough => {
                    if read >= REASONS || page.stopped_early {
                        return Ok(Page::stopped_early(found, next));
                    }
                    after = Some(next);
                }
                _ => return Ok(Page::from_one_more(found, request.limit, |order| listing.cursor_at(order))),
            }
            slice = PageLimit::MAX;
        }
    }

    /// All orders of a listing with their clients, page by page, in constant memory: with a page, the one after it has been read.
    /// An error ends the stream.
    #[must_use]
    pub fn stream_orders(
        &self,
        caller: &Caller,
        listing: &OrderListing,
    ) -> BoxStream<Result<Vec<OrderView>, AppError>> {
        let (orders, read) = (Arc::clone(&self.orders), listing.clone());
        let read = move |after| {
            let (orders, listing) = (Arc::clone(&orders), read.clone());
            async move {
                let request = PageRequest { limit: PageLimit::MAX, after };
                orders.page(&listing, &request).await.map_err(AppError::Orders)
            }
        };
        let (app, caller, filter) = (self.clone(), caller.clone(), Arc::new(ListFilter::from(&listing.filter)));
        stream_completed(read, move |page| {
            let (app, caller, filter) = (app.clone(), caller.clone(), Arc::clone(&filter));
            async move { app.orders_shown(&caller, &filter, page).await }
        })
    }

    /// The orders with these numbers, with their clients, in the order in which they are asked for; the unknown are left
    /// out. At most 1,000 numbers: one query in each store.
    ///
    /// # Errors
    /// [`AppError::Orders`].
    pub async fn orders_by_number(&self, caller: &Caller, numbers: &[OrderNumber]) -> Result<Vec<OrderView>, AppError> {
        let result = match self.orders.find_by_numbers(numbers).await {
            Ok(orders) => Ok(self.views(orders).await),
            Err(error) => Err(AppError::Orders(error)),
        };
        // Where they could not be read, those that were asked for.
        let tried = || numbers.iter().cloned().map(Subject::Order).collect();
        let of_views = |views: Option<&Vec<OrderView>>| {
            views.map_or_else(tried, |views| views.iter().flat_map(subjects).collect())
        };
        self.audited(caller, Access::read(AuditAction::OrderList), of_views, result).await
    }

    /// The clients with these ids, each once. At most 1,000 ids: one query.
    ///
    /// # Errors
    /// [`AppError::Clients`].
    pub async fn clients_by_id(&self, caller: &Caller, ids: &[ClientId]) -> Result<ClientsById, AppError> {
        let result = find_clients(&*self.clients, ids).await.map_err(AppError::Clients);
        let read = |found: Option<&ClientsById>| {
            found.into_iter().flat_map(|found| &found.clients).map(|client| Subject::Client(client.row.id)).collect()
        };
        self.audited(caller, Access::read(AuditAction::ClientList), read, result).await
    }

    /// How many orders a listing has. May take time in proportion to the table: not for lists that people page in.
    ///
    /// # Errors
    /// [`AppError::Orders`].
    pub async fn count_orders_of(&self, listing: &OrderListing) -> Result<u64, AppError> {
        self.orders.count_all(&listing.filter).await.map_err(AppError::Orders)
    }

    async fn count_orders(&self, page: Page<ClientRow, ClientCursor>) -> Page<ClientView, ClientCursor> {
        let ids: Vec<ClientId> = page.items.iter().map(|client| client.id).collect();
        let counts = if ids.is_empty() { Ok(HashMap::new()) } else { self.orders.count_by_client(&ids).await };
        let counts = counts.inspect_err(|error| tell("clients are listed without their orders", error)).ok();
        let count = |id| counts.as_ref().map(|counts| counts.get(&id).copied().unwrap_or_default());
        let view = |client: ClientRow| ClientView { orders_count: count(client.id), client: Stored::new(client) };
        page.with_items(|clients| clients.into_iter().map(view).collect())
    }

    async fn viewed(&self, page: Page<OrderRow, OrderCursor>) -> Page<OrderView, OrderCursor> {
        let Page { items, next, stopped_early } = page;
        Page { items: self.views(items).await, next, stopped_early }
    }

    async fn views(&self, orders: Vec<OrderRow>) -> Vec<OrderView> {
        let ids: Vec<ClientId> = orders.iter().filter_map(|order| order.client_id().ok().flatten()).collect();
        let found = find_clients(&*self.clients, &ids).await;
        let found = found.inspect_err(|error| tell("orders are listed without their clients", error)).ok();
        let clients = found.map(|found| {
            let known = found.clients.into_iter().map(|client| (client.row.id, Some(Arc::new(client))));
            known.chain(found.unreadable.into_iter().map(|id| (id, None))).collect::<HashMap<_, _>>()
        });
        let link = |id: ClientId| match clients.as_ref().map(|clients| clients.get(&id)) {
            Some(Some(Some(client))) => ClientLink::Known(Arc::clone(client)),
            Some(None) => ClientLink::Gone(id),
            None | Some(Some(None)) => ClientLink::Unavailable(id),
        };
        let view = |row: OrderRow| {
            let client = match row.client_id() {
                Ok(id) => id.map_or(ClientLink::Nobody, link),
                Err(_) => ClientLink::Irregular,
            };
            self.view_of(Stored::new(row), client)
        };
        orders.into_iter().map(view).collect()
    }

    /// The order with this client.
    pub(super) fn view_of(&self, order: Stored<Order>, client: ClientLink) -> OrderView {
        let next_statuses =
            order.record.as_ref().map_or_else(|_| Vec::new(), |order| self.next_statuses(order.status()));
        OrderView { order, client, next_statuses }
    }
}

/// All pages of a listing, as `complete` makes them of what `read` gets. The next page is read while one is completed; between two
/// pages, no call of a store is under way. An error ends the stream.
fn stream_completed<T, U, C, R, RF, M, MF>(read: R, complete: M) -> BoxStream<Result<Vec<U>, AppError>>
where
    T: Send + 'static,
    U: Send + 'static,
    C: Clone + Send + 'static,
    R: Fn(Option<C>) -> RF + Send + 'static,
    RF: Future<Output = Result<Page<T, C>, AppError>> + Send + 'static,
    M: Fn(Result<Page<T, C>, AppError>) -> MF + Send + 'static,
    MF: Future<Output = Result<Page<U, C>, AppError>> + Send + 'static,
{
    let first = Some(Next::Unread);
    let pages = stream::try_unfold((first, read, complete), |(next, read, complete)| async move {
        let page = match next {
            Some(Next::Unread) => read(None).await,
            Some(Next::Read(page)) => page,
            None => return Ok(None),
        };
        let cursor = page.as_ref().ok().and_then(|page| page.next.clone());
        let following = OptionFuture::from(cursor.map(|cursor| read(Some(cursor))));
        let (completed, following) = join(complete(page), following).await;
        Ok(Some((completed?.items, (following.map(Next::Read), read, complete))))
    });
    pages.boxed()
}

/// The page that follows.
enum Next<T, C> {
    Unread,
    Read(Result<Page<T, C>, AppError>),
}

/// The records of a page of rows.
pub(super) fn stored_page<R: Record, C>(page: Page<R::Row, C>) -> Page<Stored<R>, C> {
    page.with_items(|rows| rows.into_iter().map(Stored::new).collect())
}

/// The orders of a page and their clients, for the audit.
fn of_page(page: Option<&Page<OrderView, OrderCursor>>) -> Vec<Subject> {
    page.map_or_else(Vec::new, |page| page.items.iter().flat_map(subjects).collect())
}
