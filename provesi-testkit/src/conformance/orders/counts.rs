//! Counts by groups.

use std::collections::HashMap;
use std::sync::Arc;

use provesi_core::{
    Actor, ActorName, ClientId, CountKey, EventGroup, Expected, NumberPart, OrderCount, OrderFilter, OrderGroup,
    OrderRepositoryExt, OrderRow, OrderStatus, Period, Stamp, Timestamp,
};

use crate::conformance::support::{Orders, a_few_at_a_time};
use crate::data::{at, client_id, in_status, new_order, stamp, state, with};

/// The offset of Colombia.
const OFFSET: i16 = -300;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn by(by: OrderGroup) -> OrderCount {
    OrderCount::Orders { filter: OrderFilter::default(), by }
}

/// The groups in their order.
async fn counted(store: &Orders, query: &OrderCount) -> Vec<(CountKey, u64)> {
    store.count(query).await.expect("counted").into_iter().collect()
}

async fn events_in(store: &Orders, period: Period, by: EventGroup) -> Vec<(CountKey, u64)> {
    counted(store, &OrderCount::Events { period, by }).await
}

fn status(text: &str) -> CountKey {
    CountKey::Status(text.to_owned())
}

fn day(text: &str) -> CountKey {
    CountKey::Day(text.parse().expect("a day"))
}

fn events_of_day(text: &str, kind: &str) -> CountKey {
    CountKey::DayAndKind(text.parse().expect("a day"), kind.to_owned())
}

fn events_of_actor(actor: &str, kind: &str) -> CountKey {
    CountKey::ActorAndKind(actor.to_owned(), kind.to_owned())
}

pub async fn an_empty_store_has_the_groups_that_are_always_there(store: Orders) {
    assert_eq!(counted(&store, &by(OrderGroup::All)).await, [(CountKey::All, 0)]);
    let ids = [2, 1].map(client_id).to_vec();
    let zeros = [1, 2].map(|number| (CountKey::Client(client_id(number)), 0));
    assert_eq!(counted(&store, &OrderCount::OfClients(ids)).await, zeros);
    for group in [OrderGroup::Status, OrderGroup::DayCreated { offset_minutes: OFFSET }] {
        assert_eq!(counted(&store, &by(group)).await, []);
    }
    for group in [EventGroup::Actor, EventGroup::Day { offset_minutes: OFFSET }] {
        assert_eq!(events_in(&store, Period::default(), group).await, []);
    }
}

pub async fn counts_by_client_have_zeros(store: Orders) {
    for (number, client) in [("A-1", Some(1)), ("A-2", Some(1)), ("B-1", Some(2)), ("C-1", None)] {
        let given = with(new_order(number), |it| it.client_id = client.map(client_id));
        store.insert(&given, &stamp(0)).await.expect("kept");
    }
    let asked = [1, 3, 1, 2].map(client_id);
    let mut counts: Vec<_> = store.count_by_client(&asked).await.expect("counted").into_iter().collect();
    counts.sort_unstable();
    assert_eq!(counts, [(client_id(1), 2), (client_id(2), 1), (client_id(3), 0)]);
    assert_eq!(store.count_by_client(&[]).await.expect("counted"), HashMap::new());
}

pub async fn counts_by_client_take_any_number_of_ids(store: Orders) {
    let inserts = (0..20_u64).map(|count| {
        let given = with(new_order(&format!("A-{count}")), |it| it.client_id = Some(client_id(count % 5 * 600)));
        let store = Arc::clone(&store);
        async move { store.insert(&given, &stamp(0)).await.expect("kept") }
    });
    a_few_at_a_time(inserts).await;
    let asked: Vec<ClientId> = (0..2_500).map(client_id).collect();
    let counts = store.count_by_client(&asked).await.expect("counted");
    assert_eq!(counts.len(), 2_500);
    assert_eq!(counts.values().sum::<u64>(), 20);
    assert_eq!(counts[&client_id(2_400)], 4);
}

pub async fn counts_agree_with_the_filter(store: Orders) {
    let mut rows = Vec::new();
    for (count, status) in (0..).zip(OrderStatus::ALL.into_iter().cycle().take(30)) {
        let given = with(new_order(&format!("A-{count}")), |it| {
            it.client_id = (count % 3 == 0).then(|| client_id(1));
            it.state = state(status);
            it.created_at = at(count * 10_000_000);
            it.updated_at = at(count * 10_000_000);
        });
        rows.push(OrderRow::from(&store.insert(&given, &stamp(0)).await.expect("kept")));
    }
    let mut filter = OrderFilter::default();
    let check = async |filter: &OrderFilter| {
        let expected = rows.iter().filter(|order| filter.matches(order)).count();
        assert_eq!(store.count_all(filter).await.expect("counted"), expected as u64, "{filter:?}");
        for by in [OrderGroup::All, OrderGroup::Status, OrderGroup::DayCreated { offset_minutes: OFFSET }] {
            let query = OrderCount::Orders { filter: filter.clone(), by };
            assert_eq!(store.count(&query).await.expect("counted"), query.of(&rows, []), "{query:?}");
        }
    };
    check(&filter).await;
    filter.statuses.insert(OrderStatus::Packing);
    check(&filter).await;
    // Nothing that is not returned has a date of its return.
    check(&OrderFilter { returned: Period { from: Some(at(0)), until: None }, ..filter.clone() }).await;
    filter.statuses.insert(OrderStatus::Returned);
    check(&filter).await;
    filter.client_id = Some(client_id(1));
    check(&filter).await;
    filter.number_part = NumberPart::parse("1").ok();
    check(&filter).await;
    filter.client_id = Some(client_id(9));
    check(&filter).await;
}

pub async fn orders_are_counted_by_status(store: Orders) {
    for (number, of) in [("A-1", OrderStatus::Shipped), ("A-2", OrderStatus::Received), ("A-3", OrderStatus::Shipped)] {
        store.insert(&with(new_order(number), |it| it.state = state(of)), &stamp(0)).await.expect("kept");
    }
    assert_eq!(counted(&store, &by(OrderGroup::Status)).await, [(status("received"), 1), (status("shipped"), 2)]);
}

pub async fn orders_are_counted_by_the_day_of_their_creation(store: Orders) {
    let instants = [
        "1969-12-31T23:59:59.999999Z",
        "2026-01-02T00:00:00Z",
        "2026-01-02T04:59:59.999999Z",
        "2026-01-02T05:00:00Z",
        "2026-01-02T18:15:00Z",
    ];
    for (count, text) in (0..).zip(instants) {
        let given = with(new_order(&format!("A-{count}")), |it| {
            it.created_at = instant(text);
            it.updated_at = at(0);
        });
        store.insert(&given, &stamp(0)).await.expect("kept");
    }
    let of_days = async |offset_minutes| counted(&store, &by(OrderGroup::DayCreated { offset_minutes })).await;
    let first = (day("1969-12-31"), 1);
    assert_eq!(of_days(0).await, [first.clone(), (day("2026-01-02"), 4)]);
    assert_eq!(of_days(OFFSET).await, [first, (day("2026-01-01"), 2), (day("2026-01-02"), 2)]);
    let nepal = of_days(345).await;
    assert_eq!(nepal, [(day("1970-01-01"), 1), (day("2026-01-02"), 3), (day("2026-01-03"), 1)]);
    let earliest = with(new_order("B-1"), |it| it.created_at = Timestamp::MIN);
    let latest = with(new_order("B-2"), |it| it.created_at = Timestamp::MAX);
    for given in [earliest, latest] {
        store.insert(&given, &stamp(0)).await.expect("kept");
    }
    for offset in [i16::MIN, i16::MAX] {
        let days = of_days(offset).await;
        assert_eq!(days.first(), Some(&(CountKey::Day(Timestamp::MIN.day(offset)), 1)));
        assert_eq!(days.last(), Some(&(CountKey::Day(Timestamp::MAX.day(offset)), 1)));
    }
}

pub async fn events_are_counted_by_day_and_kind(store: Orders) {
    let at = |text| Stamp { at: instant(text), ..stamp(0) };
    let order = store.insert(&new_order("A-1"), &at("2026-01-02T04:59:59.999999Z")).await.expect("kept");
    store.insert(&new_order("A-2"), &at("2026-01-02T05:00:00Z")).await.expect("kept");
    for (status, text) in
        [(OrderStatus::Picking, "2026-01-03T04:59:59.999999Z"), (OrderStatus::Packing, "2026-01-02T12:00:00Z")]
    {
        store.update(&in_status(&order, status), Expected::Any, &at(text)).await.expect("updated");
    }
    store.delete(order.id, Expected::Any, &at("2026-01-03T05:00:00Z")).await.expect("deleted");
    let of_days = async |offset_minutes| events_in(&store, Period::default(), EventGroup::Day { offset_minutes }).await;
    let expected = [
        (events_of_day("2026-01-01", "created"), 1),
        (events_of_day("2026-01-02", "created"), 1),
        (events_of_day("2026-01-02", "status_changed"), 2),
        (events_of_day("2026-01-03", "deleted"), 1),
    ];
    assert_eq!(of_days(OFFSET).await, expected);
    let expected = [
        (events_of_day("2026-01-02", "created"), 2),
        (events_of_day("2026-01-02", "status_changed"), 1),
        (events_of_day("2026-01-03", "deleted"), 1),
        (events_of_day("2026-01-03", "status_changed"), 1),
    ];
    assert_eq!(of_days(0).await, expected);
}

pub async fn events_are_counted_by_actor_and_kind(store: Orders) {
    let name = |text: &str| ActorName::parse(text).expect("a name");
    let by = |actor| Stamp { actor, ..stamp(0) };
    let (ana, import) = (Actor::User(name("Ana Ñ")), Actor::System(name("import")));
    let order = store.insert(&new_order("A-1"), &by(ana.clone())).await.expect("kept");
    store.insert(&new_order("A-2"), &by(ana.clone())).await.expect("kept");
    store.insert(&new_order("A-3"), &by(import)).await.expect("kept");
    store.update(&in_status(&order, OrderStatus::Packing), Expected::Any, &by(ana)).await.expect("updated");
    store.delete(order.id, Expected::Any, &by(Actor::Anonymous)).await.expect("deleted");
    let expected = [
        (events_of_actor("anonymous", "deleted"), 1),
        (events_of_actor("system:import", "created"), 1),
        (events_of_actor("user:Ana Ñ", "created"), 2),
        (events_of_actor("user:Ana Ñ", "status_changed"), 1),
    ];
    assert_eq!(events_in(&store, Period::default(), EventGroup::Actor).await, expected);
}

pub async fn a_period_of_events_includes_its_start_and_not_its_end(store: Orders) {
    for millis in [0, 1, 2] {
        store.insert(&new_order(&format!("A-{millis}")), &stamp(millis)).await.expect("kept");
    }
    let after = |at: Timestamp| Timestamp::from_micros(at.micros() + 1).expect("an instant");
    let periods = [
        (None, None, 3),
        (Some(at(1)), None, 2),
        (Some(after(at(1))), None, 1),
        (None, Some(at(2)), 2),
        (None, Some(after(at(2))), 3),
        (Some(at(0)), Some(at(2)), 2),
        (Some(at(1)), Some(at(1)), 0),
        (Some(at(3)), None, 0),
        (None, Some(at(0)), 0),
        (Some(at(2)), Some(at(0)), 0),
        (Some(Timestamp::MAX), None, 0),
        (None, Some(Timestamp::MIN), 0),
    ];
    for (from, until, expected) in periods {
        let period = Period { from, until };
        for by in [EventGroup::Actor, EventGroup::Day { offset_minutes: OFFSET }] {
            let groups = events_in(&store, period, by).await;
            let count: u64 = groups.iter().map(|(_, count)| count).sum();
            assert_eq!(count, expected, "{period:?} {by:?}");
            assert_eq!(groups.len(), usize::from(expected > 0), "{period:?} {by:?}");
        }
    }
}
