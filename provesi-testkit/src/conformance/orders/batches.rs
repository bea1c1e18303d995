//! Many orders in one call, and the comparison with the row as it was read.

use provesi_core::{Order, OrderKey, OrderRepositoryExt, OrderStatus, OrderWrite, StoreError, Stored, Timestamp};

use crate::conformance::support::{Orders, all_events, all_orders, assert_records, assert_refused, story};
use crate::data::{at, client_id, in_status, new_order, record, stamp, state, with};

async fn inserted(store: &Orders, number: &str) -> Stored<Order> {
    let given = with(new_order(number), |it| {
        it.client_id = Some(client_id(1));
        it.state = state(OrderStatus::Returned);
    });
    let order = store.insert(&given, &stamp(0)).await.expect("inserted");
    store.load(OrderKey::Id(order.id)).await.expect("read").expect("there")
}

fn replaced(before: &Stored<Order>, content: Order) -> OrderWrite {
    let after = before.with_content(content, at(5)).expect("a change");
    OrderWrite::replace(before.clone(), after, stamp(5))
}

fn in_picking(before: &Stored<Order>) -> OrderWrite {
    replaced(before, in_status(&record(before), OrderStatus::Picking))
}

fn renumbered(before: &Stored<Order>, number: &str) -> OrderWrite {
    replaced(before, with(record(before), |it| it.number = number.parse().expect("a number")))
}

pub async fn every_column_that_was_read_is_compared(store: Orders) {
    let stored = inserted(&store, "A-1").await;
    let row = &stored.row;
    let later = Timestamp::from_micros(at(0).micros() + 1).expect("an instant");
    // What another program would have had to change without a new `updated_at`, for the row to differ from these.
    let others = [
        with(row.clone(), |it| it.number = "a-1".to_owned()),
        with(row.clone(), |it| it.client_id = None),
        with(row.clone(), |it| it.client_id = Some(client_id(2).to_string())),
        with(row.clone(), |it| it.status = "shipped".to_owned()),
        with(row.clone(), |it| it.return_reason = Some("Otro".to_owned())),
        with(row.clone(), |it| it.return_reason = None),
        with(row.clone(), |it| it.returned_at = Some(later)),
        with(row.clone(), |it| it.returned_at = None),
        with(row.clone(), |it| it.created_at = later),
        with(row.clone(), |it| it.updated_at = later),
    ];
    for other in others {
        let read = Stored { row: other, record: stored.record.clone() };
        for write in [in_picking(&read), renumbered(&read, "B-1"), OrderWrite::delete(read.clone(), stamp(5))] {
            assert_refused!(store.commit_one(write).await, StoreError::VersionConflict);
        }
    }
    assert_records(&all_orders(&store).await, &[record(&stored)], "orders");
    assert_eq!(story(&store, "A-1").await, ["created"]);
    store.commit_one(in_picking(&stored)).await.expect("the row is as it was read");
}

pub async fn each_write_of_a_batch_stands_alone(store: Orders) {
    let mut stored = Vec::new();
    for count in 0..6 {
        stored.push(inserted(&store, &format!("A-{count}")).await);
    }
    store.commit_one(in_picking(&stored[1])).await.expect("changed");
    let before = all_events(&store).await.len();
    let writes = [
        in_picking(&stored[0]),
        in_picking(&stored[1]),
        renumbered(&stored[2], "a-0"),
        OrderWrite::insert(new_order("a-5"), stamp(5)),
        OrderWrite::insert(new_order("B-1"), stamp(5)),
        OrderWrite::delete(stored[3].clone(), stamp(5)),
        renumbered(&stored[4], "B-2"),
    ];
    let outcomes = store.commit(&writes).await;
    let [changed, stale, taken, taken_too, made, deleted, renamed] = outcomes.try_into().expect("one for each write");
    assert_eq!(changed.expect("changed"), Some(stored[0].row.id));
    assert_refused!(stale, StoreError::VersionConflict);
    assert_refused!(taken, StoreError::AlreadyExists { .. });
    assert_refused!(taken_too, StoreError::AlreadyExists { .. });
    let made = store.get(made.expect("inserted").expect("an id")).await.expect("read").expect("there");
    assert_eq!(made.number.as_str(), "B-1");
    assert_eq!(deleted.expect("deleted"), Some(stored[3].row.id));
    assert_eq!(renamed.expect("renumbered"), Some(stored[4].row.id));
    assert_eq!(all_events(&store).await.len(), before + 4);
    assert_eq!(story(&store, "A-0").await, ["created", "status_changed"]);
    assert_eq!(story(&store, "A-2").await, ["created"]);
    assert_eq!(story(&store, "A-3").await, ["created", "deleted"]);
    assert_eq!(story(&store, "B-2").await, ["created", "renumbered"]);
}

pub async fn one_of_two_writes_to_an_order_or_a_number_is_made(store: Orders) {
    let stored = inserted(&store, "A-1").await;
    let shipped = replaced(&stored, in_status(&record(&stored), OrderStatus::Shipped));
    let insert = |number| OrderWrite::insert(new_order(number), stamp(5));
    let outcomes = store.commit(&[in_picking(&stored), shipped, insert("B-1"), insert("b-1"), insert("B-1")]).await;
    let made: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(made[..2].iter().filter(|made| **made).count(), 1, "{outcomes:?}");
    assert_eq!(made[2..].iter().filter(|made| **made).count(), 1, "{outcomes:?}");
    assert_eq!(all_events(&store).await.len(), 3);
    assert_eq!(all_orders(&store).await.len(), 2);
}

pub async fn a_batch_of_thousands_is_committed_and_read(store: Orders) {
    const COUNT: usize = 2_500;
    let inserts: Vec<_> =
        (0..COUNT).map(|count| OrderWrite::insert(new_order(&format!("A-{count}")), stamp(0))).collect();
    let ids: Vec<_> =
        store.commit(&inserts).await.into_iter().map(|made| made.expect("inserted").expect("an id")).collect();
    let mut keys: Vec<_> = ids.iter().map(|id| OrderKey::Id(*id)).collect();
    keys.extend((0..COUNT).map(|count| OrderKey::Number(format!("a-{count}").parse().expect("a number"))));
    keys.push(OrderKey::Number("Z-1".parse().expect("a number")));
    let rows = store.get_many(&keys).await;
    let mut found = rows.into_iter().map(|row| row.expect("read"));
    let by_id: Vec<_> = found.by_ref().take(COUNT).map(|row| row.expect("there")).collect();
    let by_number: Vec<_> = found.by_ref().take(COUNT).map(|row| row.expect("there")).collect();
    assert_eq!(found.next(), Some(None));
    for (count, (row, same)) in by_id.iter().zip(&by_number).enumerate() {
        assert_eq!((row.number.as_str(), row.id), (format!("A-{count}").as_str(), ids[count]));
        assert_eq!(row, same);
    }
    let changes: Vec<_> = by_id.into_iter().map(|row| in_picking(&Stored::new(row))).collect();
    for outcome in store.commit(&changes).await {
        outcome.expect("changed");
    }
    assert_eq!(all_events(&store).await.len(), 2 * COUNT);
    assert_eq!(story(&store, "A-2499").await, ["created", "status_changed"]);
}

pub async fn an_empty_batch_does_nothing(store: Orders) {
    assert_eq!(store.get_many(&[]).await.len(), 0);
    assert_eq!(store.commit(&[]).await.len(), 0);
}
