//! Random commands, against the store and against the reference store.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use proptest::prelude::*;
use provesi_core::{
    Expected, NewOrder, Order, OrderEvent, OrderId, OrderListing, OrderNumber, OrderRepository, OrderRepositoryExt,
    OrderStatus, PageLimit, StoreError,
};

use crate::MemoryStore;
use crate::conformance::support::{Orders, all_events, all_orders, assert_same, check_random, order_pages};
use crate::data::{client_id, new_order, stamp, state, with};

/// Few numbers and clients, so that commands meet. Orders are named by how many were made before them.
#[derive(Clone, Debug)]
enum Command {
    Insert(NewOrder),
    Update(usize, NewOrder, Expects, i64),
    Delete(usize, Expects),
    Find(OrderNumber),
    Detach(u64),
    Count(u64),
    History(OrderNumber),
}

#[derive(Clone, Copy, Debug)]
enum Expects {
    Any,
    Current,
    Stale,
}

/// What a store said, in terms that do not depend on the ids it gives.
#[derive(Debug, PartialEq)]
enum Answer {
    Order(Option<Order>),
    Number(u64),
    Events(Vec<OrderEvent>),
}

fn number() -> impl Strategy<Value = OrderNumber> {
    prop::sample::select(vec!["a", "A", "b", "B", "c-1", "C-1"]).prop_map(|text| text.parse().expect("a number"))
}

fn an_order() -> impl Strategy<Value = NewOrder> {
    (number(), prop::option::of(0..3_u64), prop::sample::select(OrderStatus::ALL.to_vec())).prop_map(
        |(number, client, status)| {
            with(new_order("x"), |it| {
                it.number = number;
                it.client_id = client.map(client_id);
                it.state = state(status);
            })
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let expects = || prop::sample::select(vec![Expects::Any, Expects::Current, Expects::Stale]);
    let update = (0..6_usize, an_order(), expects(), -2..5_i64);
    prop_oneof![
        4 => an_order().prop_map(Command::Insert),
        6 => update.prop_map(|(order, change, e, now)| Command::Update(order, change, e, now)),
        2 => (0..6_usize, expects()).prop_map(|(order, e)| Command::Delete(order, e)),
        1 => number().prop_map(Command::Find),
        1 => (0..3_u64).prop_map(Command::Detach),
        1 => (0..3_u64).prop_map(Command::Count),
        1 => number().prop_map(Command::History),
    ]
}

/// One of the two stores, with the ids that it gave, in the order in which it gave them.
struct Side {
    store: Orders,
    made: Vec<OrderId>,
}

impl Side {
    /// The id as the place among those given; the events' ids, which only grow, become places too.
    fn place(&self, id: OrderId) -> OrderId {
        let places: HashMap<_, _> = self.made.iter().zip(0_i64..).collect();
        OrderId::new(places.get(&id).copied().unwrap_or(-1))
    }

    fn plain(&self, order: Order) -> Order {
        with(order, |it| it.id = self.place(it.id))
    }

    fn events(&self, events: Vec<OrderEvent>) -> Vec<OrderEvent> {
        let plain = |(place, event): (i64, OrderEvent)| {
            with(event, |it| {
                it.id = provesi_core::EventId::new(place);
                it.order_id = self.place(it.order_id);
            })
        };
        (1..).zip(events).map(plain).collect()
    }

    async fn expected(&self, order: usize, expects: Expects) -> Expected {
        let current = match self.made.get(order) {
            Some(id) => self.store.get(*id).await.ok().flatten(),
            None => None,
        };
        match (expects, current) {
            (Expects::Any, _) => Expected::Any,
            (Expects::Current, Some(order)) => order.version().into(),
            _ => provesi_core::Version::of_none().into(),
        }
    }

    async fn answer(&mut self, command: &Command) -> Result<Answer, StoreError> {
        let id = |order: usize| self.made.get(order).copied().unwrap_or(OrderId::new(i64::MAX));
        match command {
            Command::Insert(order) => {
                let made = self.store.insert(order, &stamp(0)).await?;
                self.made.push(made.id);
                Ok(Answer::Order(Some(self.plain(made))))
            }
            Command::Update(order, change, expects, now) => {
                let (id, expected) = (id(*order), self.expected(*order, *expects).await);
                let changed = change.clone().with_id(id);
                let after = self.store.update(&changed, expected, &stamp(*now)).await?;
                Ok(Answer::Order(Some(self.plain(after))))
            }
            Command::Delete(order, expects) => {
                let (id, expected) = (id(*order), self.expected(*order, *expects).await);
                let deleted = self.store.delete(id, expected, &stamp(1)).await?;
                Ok(Answer::Order(Some(self.plain(deleted.valid()?))))
            }
            Command::Find(number) => {
                Ok(Answer::Order(self.store.find_by_number(number).await?.map(|order| self.plain(order))))
            }
            Command::Detach(client) => {
                self.store.detach_client(client_id(*client), &stamp(2)).await.map(Answer::Number)
            }
            Command::Count(client) => {
                let id = client_id(*client);
                Ok(Answer::Number(self.store.count_by_client(&[id]).await?[&id]))
            }
            Command::History(number) => {
                Ok(Answer::Events(self.events(self.store.history(number, None, PageLimit::MAX).await?)))
            }
        }
    }
}

async fn play(store: Orders, commands: Vec<Command>) -> Result<(), TestCaseError> {
    let mut ours = Side { store, made: Vec::new() };
    let mut theirs = Side { store: Arc::new(MemoryStore::new()) as Arc<dyn OrderRepository>, made: Vec::new() };
    for command in &commands {
        assert_same(command, &ours.answer(command).await, &theirs.answer(command).await)?;
    }
    let by_number = |mut orders: Vec<Order>| {
        orders.sort_by_key(|order| order.number.folded());
        orders
    };
    let of = |side: &Side, orders: Vec<Order>| by_number(orders.into_iter().map(|order| side.plain(order)).collect());
    prop_assert_eq!(of(&ours, all_orders(&ours.store).await), of(&theirs, all_orders(&theirs.store).await));
    // Ties are broken by ids, which each store gives as it likes: the order is looked at in our terms alone.
    for listing in [OrderListing::default(), OrderListing::returns(), OrderListing::of_client(client_id(1))] {
        let listed = order_pages(&ours.store, &listing, 3).await;
        prop_assert!(listed.is_sorted_by(|a, b| listing.compare(&a.into(), &b.into()).is_lt()), "{listing:?}");
    }
    let (our_events, their_events) = (all_events(&ours.store).await, all_events(&theirs.store).await);
    // A detach touches its orders in no particular order.
    let by_order = |mut events: Vec<OrderEvent>| {
        events.sort_by_key(|event| (event.order_id, event.id));
        (1..).zip(events).map(|(id, event)| with(event, |it| it.id = provesi_core::EventId::new(id))).collect()
    };
    let our_events: Vec<_> = by_order(ours.events(our_events));
    let their_events: Vec<_> = by_order(theirs.events(their_events));
    prop_assert_eq!(our_events, their_events);
    Ok(())
}

/// Plays random commands on stores that `fixture` makes and on the reference store, and compares.
pub async fn random_commands<F, Fut, S, G>(fixture: F)
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = (S, G)> + Send,
    S: OrderRepository,
    G: Send,
{
    check_random(prop::collection::vec(command(), 1..40), fixture, |store, commands| play(Arc::new(store), commands))
        .await;
}
