use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use provesi_core::{
    App, AppError, ClientKey, ClientLink, ClientListing, ClientRepository, ClientRow, ClientWrite, OrderCursor,
    OrderListing, OrderRepository, OrderRepositoryExt, OrderRow, OrderState, OrderStatus, OrderView, OrderWrite, Page,
    PageLimit, PageRequest, ReasonQuery, ReturnReason, StoreError,
};
use provesi_testkit::data::{at, client, client_id, new_order, stamp, with};
use provesi_testkit::{Call, Faults, FaultyStore, MemoryStore};

use crate::{ANY, World};

/// The world's application over a store of clients that fails on demand.
pub(crate) fn with_faulty_clients(world: &World) -> (App, Faults) {
    let (clients, faults) = FaultyStore::<MemoryStore>::new(world.store.clone());
    (App::new(Arc::new(clients), Arc::new(world.store.clone())), faults)
}

#[tokio::test]
async fn orders_come_with_their_clients_and_clients_with_their_counts() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.client("bea@example.com").await;
    world.order("A-1", Some(&client)).await;
    world.clock.advance_millis(1);
    world.order("A-2", None).await;
    let request = PageRequest::first(PageLimit::MAX);
    let orders = world.app.list_orders(&world.caller, &OrderListing::default(), &request).await.unwrap();
    let links: Vec<_> =
        orders.items.iter().map(|view| (view.order.row.number.as_str(), view.client.client())).collect();
    assert_eq!(links, [("A-2", None), ("A-1", Some(&client.into()))]);
    let request = PageRequest::first(PageLimit::MAX);
    let clients = world.app.list_clients(&world.caller, &ClientListing::default(), &request).await.unwrap();
    let counts: Vec<_> = clients.items.iter().map(|view| view.orders_count).collect();
    assert_eq!(counts, [Some(1), Some(0)]);
}

#[tokio::test]
async fn with_the_clients_away_orders_are_listed_and_marked() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    let (app, faults) = with_faulty_clients(&world);
    faults.fail_all();
    let pages: Vec<_> =
        app.stream_orders(&world.caller, &OrderListing::default()).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(pages[0][0].client, ClientLink::Unavailable(client.id));
    let draft = crate::order_draft("A-2", Some(&client));
    let refused = app.create_order(&world.caller, &draft).await.unwrap_err();
    assert!(matches!(refused, AppError::Clients(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(OrderRepositoryExt::count_all(&world.store, &OrderListing::default().filter).await.unwrap(), 1);
    faults.clear();
    app.create_order(&world.caller, &draft).await.unwrap();
}

#[tokio::test]
async fn with_the_orders_away_clients_are_listed_without_counts_and_not_deleted() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = App::new(Arc::new(world.store.clone()), Arc::new(orders));
    faults.fail_all();
    let request = PageRequest::first(PageLimit::MAX);
    let clients = app.list_clients(&world.caller, &ClientListing::default(), &request).await.unwrap();
    assert_eq!(clients.items[0].orders_count, None);
    let refused = app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    assert!(matches!(refused, AppError::Orders(StoreError::Unavailable { .. })), "{refused:?}");
    faults.clear();
    assert_eq!(app.client(&world.caller, client.id).await.unwrap(), client.into());
    let report = app.check_integrity(|_| {}).await.unwrap();
    assert_eq!((report.clients, report.dangling_clients), (1, 0));
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let made = world.order("A-1", None).await;
    let cursor = OrderListing::of_client(client.id).cursor_at(&made.order.row);
    let request = PageRequest::after(PageLimit::MAX, cursor);
    let refused = world.app.list_orders(&world.caller, &OrderListing::default(), &request).await.unwrap_err();
    assert!(matches!(refused, AppError::Orders(StoreError::InvalidCursor)) && !refused.is_fault(), "{refused:?}");
}

/// What each request asks of the stores: a page costs one call of each, whatever its length, and so does each thousand of
/// a whole list.
#[tokio::test]
async fn the_calls_of_a_use_case_do_not_grow_with_what_it_shows() {
    const MANY: u64 = 1_001;
    let world = World::new();
    for number in 0..MANY {
        world.client(&format!("ana-{number}@example.com")).await;
        let client = client_id(number + 1).to_string();
        let draft = with(crate::order_draft(&format!("A-{number}"), None), |it| it.client_id = Some(client));
        world.app.create_order(&world.caller, &draft).await.unwrap();
    }
    let (clients, client_calls) = FaultyStore::<MemoryStore>::new(world.store.clone());
    let (orders, order_calls) = FaultyStore::<MemoryStore>::new(world.store.clone());
    let app = App::new(Arc::new(clients), Arc::new(orders));
    let calls = || {
        let told = |calls: &Faults| calls.take_calls().into_iter().collect::<Vec<_>>();
        (told(&order_calls), told(&client_calls))
    };
    let caller = &world.caller;

    let request = PageRequest::first(PageLimit::MAX);
    app.list_orders(caller, &OrderListing::default(), &request).await.unwrap();
    assert_eq!(calls(), (vec![(Call::Page, 1)], vec![(Call::GetMany, 1)]));
    app.stream_orders(caller, &OrderListing::default()).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(calls(), (vec![(Call::Page, 2)], vec![(Call::GetMany, 2)]));
    let request = PageRequest::first(PageLimit::MAX);
    app.list_clients(caller, &ClientListing::default(), &request).await.unwrap();
    assert_eq!(calls(), (vec![(Call::Count, 1)], vec![(Call::Page, 1)]));
    app.order(caller, &"A-1".parse().unwrap()).await.unwrap();
    assert_eq!(calls(), (vec![(Call::GetMany, 1)], vec![(Call::GetMany, 1)]));
    let draft = with(crate::order_draft("B-1", None), |it| it.client_id = Some(client_id(1).to_string()));
    app.create_order(caller, &draft).await.unwrap();
    assert_eq!(calls(), (vec![(Call::Commit, 1)], vec![(Call::GetMany, 1)]));
}

#[tokio::test]
async fn whole_lists_are_in_order_and_read_little_before_it_is_asked_for() {
    const COUNT: usize = 7_500;
    let world = World::new();
    let inserts: Vec<_> = (0..COUNT)
        .map(|number| {
            let order = with(new_order(&format!("A-{number}")), |it| it.client_id = Some(client_id(number as u64)));
            OrderWrite::insert(order, stamp(0))
        })
        .collect();
    assert!(OrderRepository::commit(&world.store, &inserts).await.iter().all(Result::is_ok));
    let clients: Vec<_> = (0..COUNT as u64).map(|number| ClientWrite::Insert(client(number, "Ana"))).collect();
    assert!(ClientRepository::commit(&world.store, &clients).await.iter().all(Result::is_ok));
    let (orders, faults) = FaultyStore::<MemoryStore>::new(world.store.clone());
    let app = App::new(Arc::new(world.store.clone()), Arc::new(orders));
    let read = || faults.take_calls().get(&Call::Page).copied().unwrap_or_default();

    let mut pages = app.stream_orders(&world.caller, &OrderListing::default());
    let first = pages.try_next().await.unwrap().unwrap();
    assert_eq!(first.len(), 1_000);
    assert_eq!(read(), 2);
    let rest: Vec<OrderView> = pages.try_concat().await.unwrap();
    assert_eq!(read(), 6);
    let ids: Vec<_> = first.iter().chain(&rest).map(|view| view.order.row.id).collect();
    assert_eq!(ids.len(), COUNT);
    assert!(ids.is_sorted_by(|a, b| a > b), "the latest change first, then the greatest id");
    assert!(rest.iter().all(|view| view.client.client().is_some()));

    let all = app.stream_clients(&world.caller, &ClientListing::default()).try_concat().await.unwrap();
    assert!(all.is_sorted_by_key(|view| view.client.row.id));
    assert_eq!(all.iter().filter(|view| view.orders_count == Some(1)).count(), COUNT);

    let mut pages = app.stream_orders(&world.caller, &OrderListing::default());
    pages.try_next().await.unwrap().unwrap();
    faults.fail_all();
    let rest = pages.try_concat().await;
    assert!(
        matches!(rest, Err(AppError::Orders(StoreError::Unavailable { .. }))),
        "a list without its end is an error"
    );
}

/// A store that takes a moment, and knows how many calls are under way.
#[derive(Debug)]
struct Slow {
    store: MemoryStore,
    under_way: Arc<AtomicUsize>,
}

impl Slow {
    async fn take(&self, moments: usize) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        for _ in 0..moments {
            tokio::task::yield_now().await;
        }
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl OrderRepository for Slow {
    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        // Longer than its clients take, so that it is the later of the two.
        self.take(9).await;
        OrderRepository::page(&self.store, listing, request).await
    }

    provesi_core::forward_order_repository!(
        |slow| &slow.store; database, get_many, commit, try_commit, count, client_ids, events, entries, ping
    );
}

#[async_trait]
impl ClientRepository for Slow {
    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        self.take(1).await;
        ClientRepository::get_many(&self.store, keys).await
    }

    provesi_core::forward_client_repository!(|slow| &slow.store; database, commit, try_commit, page, count, ping);
}

/// A call that nobody polls may hold a connection, and its deadline passes.
#[tokio::test]
async fn no_call_of_a_store_is_under_way_while_nobody_reads_a_list() {
    let world = World::new();
    let inserts: Vec<_> = (0..3_500)
        .map(|number| {
            let order = with(new_order(&format!("A-{number}")), |it| it.client_id = Some(client_id(number)));
            OrderWrite::insert(order, stamp(0))
        })
        .collect();
    assert!(OrderRepository::commit(&world.store, &inserts).await.iter().all(Result::is_ok));
    let under_way = Arc::new(AtomicUsize::new(0));
    let slow = || Arc::new(Slow { store: world.store.clone(), under_way: Arc::clone(&under_way) });
    let app = App::new(slow(), slow());
    let mut pages = app.stream_orders(&world.caller, &OrderListing::default());
    let mut lens = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        lens.push(page.len());
        assert_eq!(under_way.load(Ordering::Relaxed), 0, "after {lens:?}");
    }
    assert_eq!(lens, [1_000, 1_000, 1_000, 500]);
}

#[tokio::test]
async fn a_search_among_reasons_fills_its_pages_and_reads_no_reason_twice() {
    let world = World::new();
    for n in 0..450 {
        world.clock.advance_millis(1);
        let reason = if n % 150 == 7 { "Llegó ROTO" } else { "otra talla" };
        let draft = with(crate::order_draft(&format!("A-{n}"), None), |it| {
            it.status = OrderStatus::Returned;
            it.return_reason = Some(reason.to_owned());
        });
        world.app.create_order(&world.caller, &draft).await.unwrap();
    }
    let (listing, roto) = (OrderListing::returns(), ReasonQuery::parse("llego roto").unwrap());
    let mut request = PageRequest::first(PageLimit::new(2).unwrap());
    let page = world.app.search_reasons(&world.caller, &listing, &roto, &request).await.unwrap();
    let numbers = |page: &Page<OrderView, _>| -> Vec<String> {
        page.items.iter().map(|view| view.order.row.number.clone()).collect()
    };
    assert_eq!((numbers(&page), page.stopped_early), (vec!["A-307".into(), "A-157".into()], false));
    request.after = page.next;
    let page = world.app.search_reasons(&world.caller, &listing, &roto, &request).await.unwrap();
    assert_eq!((numbers(&page), page.next, page.stopped_early), (vec!["A-7".into()], None, false));
    let none = ReasonQuery::parse("nunca").unwrap();
    let page = world.app.search_reasons(&world.caller, &listing, &none, &request).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn a_search_for_a_rare_reason_stops_early_and_goes_on() {
    let world = World::new();
    let returned = |n: i64, reason: &str| {
        with(new_order(&format!("A-{n}")), |it| {
            it.state =
                OrderState::new(OrderStatus::Returned, Some(ReturnReason::parse(reason).unwrap()), at(n)).unwrap()
        })
    };
    OrderRepositoryExt::insert(&world.store, &returned(0, "la aguja"), &stamp(0)).await.unwrap();
    for n in 1..=20_200 {
        OrderRepositoryExt::insert(&world.store, &returned(n, "el pajar"), &stamp(0)).await.unwrap();
    }
    let (listing, needle) = (OrderListing::returns(), ReasonQuery::parse("aguja").unwrap());
    let mut request = PageRequest::first(PageLimit::new(50).unwrap());
    let page = world.app.search_reasons(&world.caller, &listing, &needle, &request).await.unwrap();
    assert!(page.items.is_empty() && page.stopped_early && page.next.is_some());
    request.after = page.next;
    let page = world.app.search_reasons(&world.caller, &listing, &needle, &request).await.unwrap();
    assert_eq!(page.items[0].order.row.number, "A-0");
    assert!(page.next.is_none() && !page.stopped_early);
}
