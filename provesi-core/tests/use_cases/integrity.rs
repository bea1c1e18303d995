use provesi_core::{
    AppError, Caller, Client, ClientChoice, ClientId, ClientRepositoryExt, IntegrityReport, OrderChange,
    OrderRepositoryExt, PageLimit, RepairError, Stamp, SweptOrders,
};
use provesi_testkit::{Call, Fault, FaultyStore};

use crate::{ANY, World, number};

async fn client_of(world: &World, order: &str) -> Option<ClientId> {
    OrderRepositoryExt::find_by_number(&world.store, &number(order)).await.unwrap().unwrap().client_id
}

/// Two orders of a client that is deleted from its store alone, and one order of another client.
async fn with_a_dangling_client() -> (World, Client, Client) {
    let world = World::new();
    let (ana, bea) = (world.client("ana@example.com").await, world.client("bea@example.com").await);
    for (number, client) in [("A-1", &ana), ("A-2", &ana), ("B-1", &bea)] {
        world.order(number, Some(client)).await;
    }
    ClientRepositoryExt::delete(&world.store, ana.id, ANY).await.unwrap();
    (world, ana, bea)
}

/// What the sweep of earlier versions did about a missing client.
async fn sweep(world: &World, client: &Client) -> u64 {
    let stamp = Stamp::new(world.app.now(), &Caller::system("integrity").unwrap());
    OrderRepositoryExt::detach_client(&world.store, client.id, &stamp).await.unwrap()
}

#[tokio::test]
async fn the_check_reports_orders_of_a_missing_client_and_changes_nothing() {
    let (world, ana, _) = with_a_dangling_client().await;
    let mut found = Vec::new();
    let report = world.app.check_integrity(|client| found.push((client.id, client.orders))).await.unwrap();
    assert_eq!(report, IntegrityReport { clients: 2, dangling_clients: 1, dangling_orders: 2 });
    assert_eq!(found, [(ana.id, 2)]);
    assert_eq!(client_of(&world, "A-1").await, Some(ana.id));
}

#[tokio::test]
async fn a_repair_detaches_exactly_the_confirmed_number() {
    let (world, ana, bea) = with_a_dangling_client().await;
    for wrong in [0, 1, 3] {
        let refused = world.app.detach_dangling(&world.caller, wrong).await.unwrap_err();
        assert!(matches!(refused, RepairError::NotConfirmed { found: 2, changed: 0, .. }), "{refused:?}");
        assert_eq!(client_of(&world, "A-1").await, Some(ana.id));
    }
    let report = world.app.detach_dangling(&world.caller, 2).await.unwrap();
    assert_eq!((report.dangling_clients, report.dangling_orders), (1, 2));
    assert_eq!((client_of(&world, "A-2").await, client_of(&world, "B-1").await), (None, Some(bea.id)));
    let report = world.app.check_integrity(|_| {}).await.unwrap();
    assert_eq!(report, IntegrityReport { clients: 1, ..IntegrityReport::default() });
}

#[tokio::test]
async fn a_repair_over_an_empty_client_store_is_refused() {
    let (world, ana, bea) = with_a_dangling_client().await;
    ClientRepositoryExt::delete(&world.store, bea.id, ANY).await.unwrap();
    let refused = world.app.detach_dangling(&world.caller, 3).await.unwrap_err();
    assert!(matches!(refused, RepairError::NoClients), "{refused:?}");
    assert_eq!(client_of(&world, "A-1").await, Some(ana.id));
}

#[tokio::test]
async fn a_client_that_returns_before_its_orders_are_detached_keeps_them() {
    let (world, ana, _) = with_a_dangling_client().await;
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = provesi_core::App::new(std::sync::Arc::new(world.store.clone()), std::sync::Arc::new(orders));
    // The first count is that of the check.
    faults.arm(Call::Count, Fault::Stall, 1);
    let caller = world.caller.clone();
    let repairing = tokio::spawn(async move { app.detach_dangling(&caller, 2).await });
    faults.stalled().await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    faults.clear();
    let report = repairing.await.unwrap().unwrap();
    assert_eq!((report.dangling_clients, report.dangling_orders), (0, 0));
    assert_eq!(client_of(&world, "A-1").await, Some(ana.id));
}

#[tokio::test]
async fn a_repair_stops_before_an_order_that_was_attached_after_the_confirmation() {
    let (world, ana, _) = with_a_dangling_client().await;
    let (orders, faults) = FaultyStore::new(world.store.clone());
    let app = provesi_core::App::new(std::sync::Arc::new(world.store.clone()), std::sync::Arc::new(orders));
    // The first count is that of the check.
    faults.arm_after(Call::Count, Fault::Stall, 1);
    let caller = world.caller.clone();
    let repairing = tokio::spawn(async move { app.detach_dangling(&caller, 2).await });
    faults.stalled().await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    world.order("A-3", Some(&ana)).await;
    ClientRepositoryExt::delete(&world.store, ana.id, ANY).await.unwrap();
    faults.clear();
    let refused = repairing.await.unwrap().unwrap_err();
    assert!(matches!(refused, RepairError::NotConfirmed { confirmed: 2, found: 3, changed: 0 }), "{refused:?}");
    for order in ["A-1", "A-2", "A-3"] {
        assert_eq!(client_of(&world, order).await, Some(ana.id), "{order}");
    }
}

#[tokio::test]
async fn undo_gives_back_what_a_sweep_took_once() {
    let (world, ana, bea) = with_a_dangling_client().await;
    assert_eq!(sweep(&world, &ana).await, 2);
    let counts = async || world.app.count_swept_orders().await.unwrap();
    // The client does not exist yet.
    assert_eq!(counts().await, SweptOrders { client_missing: 2, ..SweptOrders::default() });
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    assert_eq!(counts().await, SweptOrders { restorable: 2, ..SweptOrders::default() });
    let refused = world.app.undo_sweep(&world.caller, 3).await.unwrap_err();
    assert!(matches!(refused, RepairError::NotConfirmed { confirmed: 3, found: 2, changed: 0 }), "{refused:?}");
    assert_eq!(client_of(&world, "A-1").await, None);

    let check = Caller::system("check").unwrap();
    assert_eq!(world.app.undo_sweep(&check, 2).await.unwrap().restorable, 2);
    for (order, client) in [("A-1", &ana), ("A-2", &ana), ("B-1", &bea)] {
        assert_eq!(client_of(&world, order).await, Some(client.id), "{order}");
    }
    let history = world.app.history(&world.caller, &number("A-1"), None, PageLimit::MAX).await.unwrap();
    let actors: Vec<_> = history.iter().map(|event| event.actor.to_string()).collect();
    assert_eq!(actors, ["system:test", "system:integrity", "system:check"]);
    assert_eq!(counts().await, SweptOrders { changed_since: 2, ..SweptOrders::default() });
    assert_eq!(world.app.undo_sweep(&check, 0).await.unwrap().restorable, 0);
    // A second sweep of the same orders counts each once.
    assert_eq!(sweep(&world, &ana).await, 2);
    assert_eq!(counts().await, SweptOrders { restorable: 2, ..SweptOrders::default() });
}

#[tokio::test]
async fn undo_leaves_orders_alone_that_changed_their_client_since() {
    let (world, ana, bea) = with_a_dangling_client().await;
    sweep(&world, &ana).await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    let edit = async |order: &str, client| {
        let change = OrderChange::builder().client(client).build();
        world.app.edit_order(&world.caller, &number(order), &change, ANY).await.unwrap();
    };
    // One got another client. The other got one as well, and a person took that off it.
    edit("A-1", ClientChoice::Attach(bea.id.to_string())).await;
    edit("A-2", ClientChoice::Attach(bea.id.to_string())).await;
    edit("A-2", ClientChoice::Detach).await;
    // Detached by a person, never by a sweep.
    edit("B-1", ClientChoice::Detach).await;
    assert_eq!(
        world.app.count_swept_orders().await.unwrap(),
        SweptOrders { changed_since: 2, ..SweptOrders::default() }
    );
    assert_eq!(world.app.undo_sweep(&world.caller, 0).await.unwrap().restorable, 0);
    assert_eq!((client_of(&world, "A-2").await, client_of(&world, "B-1").await), (None, None));
}

/// Runs an undo of 2 orders that stalls in `call`, of clients if it is `GetMany`, after `skip` calls; and `meanwhile` during
/// the stall.
async fn undo_while(
    world: &World,
    (call, skip): (Call, usize),
    meanwhile: impl Future<Output = ()>,
) -> Result<SweptOrders, RepairError> {
    let (orders, order_faults) = FaultyStore::new(world.store.clone());
    let (clients, client_faults) = FaultyStore::new(world.store.clone());
    let app = provesi_core::App::new(std::sync::Arc::new(clients), std::sync::Arc::new(orders));
    let faults = if call == Call::GetMany { client_faults } else { order_faults };
    faults.arm_after(call, Fault::Stall, skip);
    let caller = world.caller.clone();
    let undoing = tokio::spawn(async move { app.undo_sweep(&caller, 2).await });
    tokio::time::timeout(std::time::Duration::from_secs(10), faults.stalled()).await.expect("the undo makes the call");
    meanwhile.await;
    faults.clear();
    undoing.await.unwrap()
}

#[tokio::test]
async fn undo_overwrites_no_change_that_is_made_beside_it() {
    let (world, ana, bea) = with_a_dangling_client().await;
    sweep(&world, &ana).await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    let change = OrderChange::builder().client(ClientChoice::Attach(bea.id.to_string())).build();
    let done = undo_while(&world, (Call::Commit, 0), async {
        world.app.edit_order(&world.caller, &number("A-1"), &change, ANY).await.unwrap();
    });
    assert_eq!(done.await.unwrap(), SweptOrders { restorable: 1, changed_since: 1, client_missing: 0 });
    assert_eq!((client_of(&world, "A-1").await, client_of(&world, "A-2").await), (Some(bea.id), Some(ana.id)));
}

#[tokio::test]
async fn undo_attaches_no_order_to_a_client_that_is_deleted_beside_it() {
    let (world, ana, _) = with_a_dangling_client().await;
    sweep(&world, &ana).await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    // The count and the undo look all clients up, and then each order its own.
    let done = undo_while(&world, (Call::GetMany, 2), async {
        ClientRepositoryExt::delete(&world.store, ana.id, ANY).await.unwrap();
    });
    assert_eq!(done.await.unwrap().restorable, 0);
    assert_eq!((client_of(&world, "A-1").await, client_of(&world, "A-2").await), (None, None));
}

#[tokio::test]
async fn undo_stops_before_orders_that_were_swept_after_the_confirmation() {
    let (world, ana, bea) = with_a_dangling_client().await;
    sweep(&world, &ana).await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    // The count reads a page of events, and sees that no more follow.
    let refused = undo_while(&world, (Call::Events, 2), async {
        sweep(&world, &bea).await;
    });
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, RepairError::NotConfirmed { confirmed: 2, found: 3, changed: 0 }), "{refused:?}");
    assert_eq!(client_of(&world, "A-1").await, None);
}

#[tokio::test]
async fn undo_survives_renumbered_and_deleted_orders() {
    let (world, ana, _) = with_a_dangling_client().await;
    sweep(&world, &ana).await;
    ClientRepositoryExt::insert(&world.store, &ana).await.unwrap();
    let renumber = OrderChange::builder().number("Z-9").build();
    world.app.edit_order(&world.caller, &number("A-1"), &renumber, ANY).await.unwrap();
    world.app.delete_order(&world.caller, &number("A-2"), ANY).await.unwrap();
    // The number belongs to another order now, whose events are its own.
    world.order("A-1", None).await;
    assert_eq!(world.app.undo_sweep(&world.caller, 1).await.unwrap().restorable, 1);
    assert_eq!((client_of(&world, "Z-9").await, client_of(&world, "A-1").await), (Some(ana.id), None));
}

#[tokio::test]
async fn a_store_that_does_not_answer_repairs_nothing() {
    let (world, ana, _) = with_a_dangling_client().await;
    let (clients, faults) = FaultyStore::new(world.store.clone());
    let app = provesi_core::App::new(std::sync::Arc::new(clients), std::sync::Arc::new(world.store.clone()));
    for (call, skip) in [(Call::Page, 0), (Call::GetMany, 0), (Call::GetMany, 1)] {
        faults.arm_after(call, Fault::FailBefore, skip);
        let failed = app.detach_dangling(&world.caller, 2).await.unwrap_err();
        assert!(matches!(failed, RepairError::App(AppError::Clients(_))), "{call:?}: {failed:?}");
        faults.clear();
        assert_eq!(client_of(&world, "A-1").await, Some(ana.id));
    }
}
