use provesi_core::{ClientRepository, IntegrityReport, OrderRepository};

use crate::{ANY, World, number};

#[tokio::test]
async fn orders_of_a_client_who_is_gone_are_found_and_only_repaired_when_asked() {
    let world = World::new();
    let (ana, bea) = (world.client("ana@example.com").await, world.client("bea@example.com").await);
    for (number, client) in [("A-1", &ana), ("A-2", &ana), ("B-1", &bea)] {
        world.order(number, Some(client)).await;
    }
    // What is left when a process ends between the two steps of a delete.
    ClientRepository::delete(&world.store, ana.id, ANY).await.unwrap();

    let mut found = Vec::new();
    let report = world.app.check_integrity(&world.caller, false, |client| found.push(client)).await.unwrap();
    assert_eq!(report, IntegrityReport { clients: 2, dangling_clients: 1, dangling_orders: 2 });
    assert_eq!((found[0].id, found[0].orders), (ana.id, 2));

    let report = world.app.check_integrity(&world.caller, true, |_| {}).await.unwrap();
    assert_eq!(report.dangling_orders, 2);
    let report = world.app.check_integrity(&world.caller, true, |_| {}).await.unwrap();
    assert_eq!(report, IntegrityReport { clients: 1, ..IntegrityReport::default() });
    let kept = OrderRepository::find_by_number(&world.store, &number("B-1")).await.unwrap().unwrap();
    assert_eq!(kept.client_id, Some(bea.id));
}
