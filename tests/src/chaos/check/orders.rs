//! Orders: their rows, their events, and the calls that can have caused them.

mod replay;

use std::collections::{BTreeMap, HashMap, HashSet};

use self::replay::Chain;
use super::super::history::{Call, Event, EventKind, History, Op, Order, Outcome, actor, folded};
use super::elsewhere::Elsewhere;
use super::{Kind, Violations, describe, violation};

pub(super) fn check(history: &History, found: &mut Violations) {
    let calls = history.by_actor();
    let contents = contents_by_etag(history);
    let elsewhere = Elsewhere::of(history);
    let mut chains = chains(history, &calls, &contents, &elsewhere, found);
    let rows: HashMap<i64, &Order> = history.end.orders.iter().map(|order| (order.id, order)).collect();
    let by_number: HashMap<String, &Order> =
        history.end.orders.iter().map(|order| (folded(&order.state.number), order)).collect();

    for chain in &mut chains {
        chain.compare_with_row(&rows, &by_number);
    }
    made_once(&chains, found);
    every_row_has_events(history, &chains, found);
    numbers_are_unique(history, &chains, found);

    let made: HashSet<u64> = chains.iter().flat_map(Chain::calls).collect();
    let index = Index::of(&chains);
    for call in history.calls.iter().filter(|call| call.is_done() && !made.contains(&call.id)) {
        if let Some(number) = written_number(call) {
            let at = index.find(call, number);
            missing(call, at, &mut chains, &rows, found);
        }
    }
    // What follows from a missing event is not reported beside it.
    found.extend(chains.into_iter().flat_map(Chain::into_violations));
    no_dangling_orders(history, found);
}

/// The number by which a call writes an order.
fn written_number(call: &Call) -> Option<&str> {
    match &call.op {
        Op::CreateOrder { order } => Some(&order.number),
        Op::EditOrder { number, .. } | Op::DeleteOrder { number, .. } => Some(number),
        _ => None,
    }
}

/// Where the chains of orders are.
struct Index {
    by_id: HashMap<i64, usize>,
    by_number: HashMap<String, usize>,
}

impl Index {
    fn of(chains: &[Chain<'_>]) -> Self {
        let by_id = chains.iter().enumerate().filter_map(|(at, chain)| Some((chain.id()?, at))).collect();
        let numbers = |(at, chain): (usize, &Chain<'_>)| -> Vec<_> {
            chain.events.iter().map(|event| (folded(&event.order_number), at)).collect()
        };
        Self { by_id, by_number: chains.iter().enumerate().flat_map(numbers).collect() }
    }

    /// The order that a call was answered with, else the last that had the number.
    fn find(&self, call: &Call, number: &str) -> Option<usize> {
        let by_id = call.orders().first().and_then(|order| self.by_id.get(&order.id));
        by_id.or_else(|| self.by_number.get(&folded(number))).copied()
    }
}

/// What each version of an order was seen to hold.
fn contents_by_etag(history: &History) -> HashMap<(i64, &str), &Order> {
    let shown = history.calls.iter().flat_map(Call::orders).chain(&history.end.orders);
    shown.filter_map(|order| Some(((order.id, order.etag.as_deref()?), order))).collect()
}

/// The histories without repetition: an order has one under each of its numbers.
fn chains<'a>(
    history: &'a History,
    calls: &HashMap<String, &'a Call>,
    contents: &HashMap<(i64, &str), &Order>,
    elsewhere: &'a Elsewhere<'a>,
    found: &mut Violations,
) -> Vec<Chain<'a>> {
    let mut by_first: BTreeMap<i64, &[Event]> = BTreeMap::new();
    for (number, events) in &history.end.events {
        let Some(first) = events.first() else { continue };
        if events.windows(2).any(|pair| pair[0].id >= pair[1].id) {
            found.push(violation(Kind::Disagreement, format!("the ids of the events of {number} do not grow")));
        }
        let known = by_first.entry(first.id).or_insert(events);
        if *known != &events[..] {
            found.push(violation(Kind::Disagreement, format!("{number} has other events than another of its numbers")));
        }
    }
    let deletable = deletable(history);
    by_first.into_values().map(|events| Chain::replay(events, calls, contents, &deletable, elsewhere)).collect()
}

/// The clients that some call may have deleted.
fn deletable(history: &History) -> HashSet<&str> {
    let deleted = history.calls.iter().filter(|call| call.may_be_made());
    deleted
        .filter_map(|call| if let Op::DeleteClient { id, .. } = &call.op { Some(id.as_str()) } else { None })
        .collect()
}

fn made_once(chains: &[Chain<'_>], found: &mut Violations) {
    let mut seen = HashSet::new();
    for call in chains.iter().flat_map(Chain::calls) {
        if !seen.insert(call) {
            found.push(violation(Kind::MadeTwice, format!("{} has two sets of events", actor(call))));
        }
    }
}

fn every_row_has_events(history: &History, chains: &[Chain<'_>], found: &mut Violations) {
    let known: HashSet<String> =
        chains.iter().flat_map(|chain| chain.events).map(|event| folded(&event.order_number)).collect();
    for order in &history.end.orders {
        if !known.contains(&folded(&order.state.number)) {
            found.push(violation(Kind::MissingEvent, format!("the order {} has no events", order.state.number)));
        }
    }
}

/// At most one order holds a number, in the list and at every place of the feed.
fn numbers_are_unique(history: &History, chains: &[Chain<'_>], found: &mut Violations) {
    let mut rows = HashMap::new();
    for order in &history.end.orders {
        if let Some(other) = rows.insert(folded(&order.state.number), order.id) {
            let what = format!("the orders {other} and {} both have the number {}", order.id, order.state.number);
            found.push(violation(Kind::Duplicate, what));
        }
    }
    let mut feed: Vec<_> =
        chains.iter().enumerate().flat_map(|(chain, of)| of.events.iter().map(move |event| (event, chain))).collect();
    feed.sort_by_key(|(event, _)| event.id);
    let mut holders: HashMap<String, usize> = HashMap::new();
    for (event, chain) in feed {
        match &event.kind {
            EventKind::Deleted { .. } => drop(holders.remove(&folded(&event.order_number))),
            EventKind::Renumbered { from, .. } => drop(holders.remove(&folded(from))),
            _ => {}
        }
        if matches!(event.kind, EventKind::Created { .. } | EventKind::Renumbered { .. })
            && let Some(other) = holders.insert(folded(&event.order_number), chain)
            && other != chain
        {
            let what = format!("{} was given again by event {} while it was held", event.order_number, event.id);
            found.push(violation(Kind::Duplicate, what));
        }
    }
}

/// An acknowledged write without events of its own: a no-op, a write that is gone, or one whose event is.
fn missing(
    call: &Call,
    at: Option<usize>,
    chains: &mut [Chain<'_>],
    rows: &HashMap<i64, &Order>,
    found: &mut Violations,
) {
    let answer = call.orders().first();
    if let (Op::EditOrder { change, .. }, Some(answer), Some(at)) = (&call.op, answer, at)
        && change.apply(&answer.state) == answer.state
        && chains[at].has_state(answer)
    {
        return;
    }
    let shows = match (&call.op, at) {
        (Op::CreateOrder { .. }, None) => answer.is_some_and(|order| rows.contains_key(&order.id)),
        (_, Some(at)) => chains[at].disagrees(),
        (_, None) => false,
    };
    let kind = if shows { Kind::MissingEvent } else { Kind::LostWrite };
    found.push(violation(kind, describe(call)));
    if let (true, Some(at)) = (shows, at) {
        chains[at].explain();
    }
}

/// An order may name a deleted client only where a fault or an unknown outcome can have cut the deletion.
fn no_dangling_orders(history: &History, found: &mut Violations) {
    let there: HashSet<&str> = history.end.clients.iter().map(|client| client.id.as_str()).collect();
    for order in &history.end.orders {
        let Some(id) = order.state.client_id.as_deref().filter(|id| !there.contains(id)) else { continue };
        let involved = history.calls.iter().filter(|call| match &call.op {
            Op::DeleteClient { id: deleted, .. } => deleted == id,
            Op::CreateOrder { order } => order.client_id.as_deref() == Some(id),
            Op::EditOrder { change, .. } => change.client_id.as_deref() == Some(id),
            _ => false,
        });
        let excused = involved.filter(|call| call.may_be_made()).any(|call| {
            let degraded = matches!(call.outcome, Outcome::Done { degraded: true, .. });
            !call.is_done() || degraded || history.is_disturbed(call.invoked, call.returned)
        });
        if !excused {
            let what = format!("{} names the client {id}, who is gone", order.state.number);
            found.push(violation(Kind::DanglingOrder, what));
        }
    }
}
