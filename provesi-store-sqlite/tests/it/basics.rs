use provesi_core::*;
use provesi_store_sqlite::SqliteStore;

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("a.db"), 4).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap().len(), 1);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    let at = Timestamp::from_micros(1_000_000).unwrap();
    let stamp = Stamp { at, actor: Actor::Anonymous, address: None };
    let new = |n: &str, status| NewOrder {
        number: n.parse().unwrap(),
        client_id: Some(ClientId::from_bytes([7; 12])),
        state: OrderState::new(status, ReturnReason::parse("x").ok(), at).unwrap(),
        created_at: at,
        updated_at: at,
    };
    for (i, status) in OrderStatus::ALL.into_iter().enumerate() {
        let o = OrderRepository::insert(&store, &new(&format!("Ord-{i}"), status), &stamp).await.unwrap();
        assert_eq!(OrderRepository::get(&store, o.id).await.unwrap(), Some(o.clone()));
    }
    let e = OrderRepository::insert(&store, &new("ORD-1", OrderStatus::Packing), &stamp).await.unwrap_err();
    assert!(matches!(e, StoreError::AlreadyExists { field: UniqueField::OrderNumber }), "{e:?}");
    for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
        for statuses in [vec![], vec![OrderStatus::Packing, OrderStatus::Returned, OrderStatus::Shipped]] {
            for client_id in [None, Some(ClientId::from_bytes([7; 12]))] {
                for part in [None, NumberPart::parse("rd-").ok()] {
                    for dir in [Direction::Ascending, Direction::Descending] {
                        let mut f = OrderFilter::default();
                        f.statuses = statuses.iter().copied().collect();
                        f.client_id = client_id;
                        f.number_part = part.clone();
                        let want = if statuses.is_empty() { 7 } else { 3 };
                        assert_eq!(OrderRepository::count(&store, &f).await.unwrap(), want);
                        let l = OrderListing::new(f, sort, dir);
                        let mut seen = Vec::new();
                        let mut req = PageRequest::first(PageLimit::new(2).unwrap());
                        loop {
                            let p = OrderRepository::page(&store, &l, &req).await.unwrap();
                            seen.extend(p.items);
                            match p.next {
                                Some(c) => req = PageRequest::after(req.limit, c),
                                None => break,
                            }
                        }
                        assert_eq!(seen.len() as u64, want);
                        assert!(seen.is_sorted_by(|a, b| l.compare(a, b).is_lt()));
                    }
                }
            }
        }
    }
    assert_eq!(store.detach_client(ClientId::from_bytes([7; 12]), &stamp).await.unwrap(), 7);
    assert_eq!(store.history(&"ord-3".parse().unwrap(), None, PageLimit::MAX).await.unwrap().len(), 2);
    store.close().await;
    assert!(OrderRepository::ping(&store).await.is_err());
}
