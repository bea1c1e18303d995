//! One order: its events, cut into the steps that calls caused.

use std::collections::{HashMap, HashSet};

use super::super::super::history::{Call, Event, EventKind, Op, Order, OrderState, folded};
use super::super::chain::{Place, after, detached_client, expected, follows, name, reason_before};
use super::super::elsewhere::Elsewhere;
use super::super::{Kind, Violation, Violations, describe, violation};

/// What one call did to the order.
struct Step<'a> {
    /// None of the server's own, such as the integrity check.
    call: Option<&'a Call>,
    /// The client of the order was deleted; that is not what the call asked of this order.
    is_detach: bool,
    /// The events are what the call asked for, so that its answer shows their outcome.
    is_done: bool,
    after: Place,
}

/// The events of one order with the steps that they make.
pub(super) struct Chain<'a> {
    pub(super) events: &'a [Event],
    elsewhere: &'a Elsewhere<'a>,
    steps: Vec<Step<'a>>,
    found: Violations,
    /// A missing event explains the other violations.
    explained: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn replay(
        events: &'a [Event],
        calls: &HashMap<String, &'a Call>,
        contents: &HashMap<(i64, &str), &Order>,
        deletable: &HashSet<&str>,
        elsewhere: &'a Elsewhere<'a>,
    ) -> Self {
        let mut chain = Self { events, elsewhere, steps: Vec::new(), found: Vec::new(), explained: false };
        let mut rest = events;
        while let Some(first) = rest.first() {
            let actor = first.actor.strip_prefix("user:").and_then(|name| calls.get(name)).copied();
            let mut length = rest.iter().take_while(|event| event.actor == first.actor).count();
            // A call may find the client gone that it has just attached, and detach it in a step of its own.
            let asks_for_detach = |call: &Call| match &call.op {
                Op::EditOrder { change, .. } => change.client_id.as_deref() == Some(""),
                _ => false,
            };
            let last = &rest[length - 1];
            if length > 1 && detached_client(last).is_some() && !actor.is_some_and(asks_for_detach) {
                length -= 1;
            }
            let (step, after) = rest.split_at(length);
            chain.step(actor, step, contents, deletable);
            rest = after;
        }
        chain.compare_with_answers();
        chain.in_order();
        chain
    }

    fn state(&self) -> Place {
        self.steps.last().and_then(|step| step.after.clone())
    }

    fn step(
        &mut self,
        call: Option<&'a Call>,
        events: &[Event],
        contents: &HashMap<(i64, &str), &Order>,
        deletable: &HashSet<&str>,
    ) {
        let mut before = self.state();
        // What another program wrote since has no event of its own, and shows in the next one that names the reason.
        let seen = events.iter().filter_map(reason_before).find(|reason| self.elsewhere.wrote(Some(reason), self.id()));
        if let (Some(before), Some(reason)) = (&mut before, seen) {
            before.reason = Some(reason.clone());
        }
        let mut state = before.clone();
        let mut gap = false;
        for event in events {
            if !follows(event, &state) || (state.is_none() && !self.steps.is_empty()) {
                gap = true;
                let what =
                    format!("before event {} of {}: {event:?} does not follow {state:?}", event.id, self.number());
                self.found.push(violation(Kind::MissingEvent, what));
            }
            state = after(event, &state);
        }
        let first = &events[0];
        let own = call.and_then(|call| asked(call, before.as_ref()));
        let is_detach = match (events, &own) {
            ([event], own) => {
                detached_client(event).is_some_and(|client| deletable.contains(client))
                    && own.as_ref().is_none_or(|own| *own != state)
                    && call.map_or(first.actor == "system:integrity", |call| concerns_client(call, event))
            }
            _ => false,
        };
        self.steps.push(Step { call, is_detach, is_done: false, after: state.clone() });
        let Some(call) = call else {
            if !is_detach && !events.iter().all(|event| self.is_noticed(event)) {
                // A server that takes a change of its own for that of another program misses its event.
                let is_own = matches!(first.kind, EventKind::ChangedElsewhere { .. });
                let kind = if is_own { Kind::MissingEvent } else { Kind::UnexplainedEvent };
                self.found.push(violation(kind, format!("{}: {first:?}", self.number())));
            }
            return;
        };
        if !call.may_be_made() {
            let what = format!("{}: {first:?} of {}", self.number(), describe(call));
            self.found.push(violation(Kind::RefusedWriteMade, what));
            return;
        }
        if is_detach || gap {
            return;
        }
        let kinds: Vec<_> = events.iter().map(|event| name(&event.kind)).collect();
        if own.as_ref() != Some(&state) || kinds != expected(&before, &state) || !self.had_number(call) {
            let what = format!("{}: {events:?} of {}, before: {before:?}", self.number(), describe(call));
            // Some of what the call asked for, and not all of it.
            let wanted = own.as_ref().map(|own| expected(&before, own)).unwrap_or_default();
            let is_part = kinds.len() < wanted.len() && kinds.iter().all(|kind| wanted.contains(kind));
            let kind = if is_part { Kind::MissingEvent } else { Kind::UnexplainedEvent };
            self.found.push(violation(kind, what));
            return;
        }
        if let Some(step) = self.steps.last_mut() {
            step.is_done = true;
        }
        self.compare_with_expected(call, before.as_ref(), contents);
    }

    /// Each answer shows what the events say. A call that attached a client and found it deleted detaches it again, so its
    /// answer may show the order after that.
    fn compare_with_answers(&mut self) {
        for (at, step) in self.steps.iter().enumerate().filter(|(_, step)| step.is_done) {
            let (Some(call), Some(state)) = (step.call, &step.after) else { continue };
            let Some(answer) = call.orders().first() else { continue };
            let is_own = |later: &Step<'_>| later.call.is_some_and(|of| of.id == call.id);
            let shows = |state: &OrderState| self.elsewhere.is_shown(answer, state);
            let is_shown = |later: &Step<'_>| is_own(later) && later.after.as_ref().is_some_and(shows);
            if !shows(state) && !self.steps[at..].iter().any(is_shown) {
                let what = format!("{}: the events give {state:?}, the answer of {}", self.number(), describe(call));
                self.found.push(violation(Kind::Disagreement, format!("{what} shows {:?}", answer.state)));
            }
        }
    }

    /// A write with `If-Match` follows directly on the version that it names.
    fn compare_with_expected(
        &mut self,
        call: &Call,
        before: Option<&OrderState>,
        contents: &HashMap<(i64, &str), &Order>,
    ) {
        let (Op::EditOrder { if_match: Some(etag), .. } | Op::DeleteOrder { if_match: Some(etag), .. }) = &call.op
        else {
            return;
        };
        let Some(previous) = self.steps.len().checked_sub(2).map(|at| &self.steps[at]) else { return };
        let version = previous.call.filter(|_| !previous.is_detach).and_then(|call| call.orders().first());
        let shows_previous = |order: &&Order| Some(&order.state) == previous.after.as_ref();
        let seen = self.id().and_then(|id| contents.get(&(id, etag.as_str())));
        let kept = match version.filter(shows_previous).and_then(|order| order.etag.as_ref()) {
            Some(version) if version == etag => true,
            // Another program changed the order in between.
            Some(_) if seen.is_none_or(|seen| !self.elsewhere.wrote(seen.state.reason.as_ref(), Some(seen.id))) => {
                false
            }
            // Nobody was told the version before: what its content was has to do.
            _ => seen.is_none_or(|seen| before.is_some_and(|before| self.elsewhere.is_shown(seen, before))),
        };
        if !kept {
            let before = previous.call.map_or_else(|| "the server".to_owned(), describe);
            let what = format!("{}: {} was made although {before} came before it", self.number(), describe(call));
            self.found.push(violation(Kind::LostUpdate, what));
        }
    }

    /// No call has its effect before it is sent or after it is answered.
    fn in_order(&mut self) {
        let mut latest: Option<&Call> = None;
        for call in self.steps.iter().filter_map(|step| step.call) {
            if let Some(other) = latest.filter(|other| call.latest_effect() < other.invoked) {
                let what = format!("{} is after {}", describe(call), describe(other));
                self.found.push(violation(Kind::OutOfOrder, what));
            }
            if latest.is_none_or(|other| other.invoked < call.invoked) {
                latest = Some(call);
            }
        }
    }

    /// The events, replayed, give the row.
    pub(super) fn compare_with_row(&mut self, by_id: &HashMap<i64, &Order>, by_number: &HashMap<String, &Order>) {
        let state = self.state();
        let row = match (self.id(), &state) {
            (Some(id), _) => by_id.get(&id),
            (None, Some(state)) => by_number.get(&folded(&state.number)),
            (None, None) => None,
        };
        let is_shown = match (row, &state) {
            (Some(row), Some(state)) => self.elsewhere.is_shown(row, state),
            (row, state) => row.is_none() && state.is_none(),
        };
        if !is_shown {
            let what = format!("{}: the events give {state:?}, the row is {row:?}", self.number());
            self.found.push(violation(Kind::Disagreement, what));
        }
    }

    /// The calls whose effects these are; those that only detached a client are not among them.
    pub(super) fn calls(&self) -> impl Iterator<Item = u64> + '_ {
        self.steps.iter().filter(|step| !step.is_detach).filter_map(|step| step.call).map(|call| call.id)
    }

    /// The id of the order, where any of its calls was answered.
    pub(super) fn id(&self) -> Option<i64> {
        let own = self.steps.iter().filter(|step| !step.is_detach).filter_map(|step| step.call);
        own.filter(|call| !matches!(call.op, Op::DeleteClient { .. }))
            .find_map(|call| call.orders().first())
            .map(|order| order.id)
    }

    /// Whether the order was at some time as this answer shows it.
    pub(super) fn has_state(&self, answer: &Order) -> bool {
        self.steps.iter().any(|step| {
            let told = step.call.filter(|_| !step.is_detach).and_then(|call| call.orders().first());
            step.after.as_ref().is_some_and(|after| self.elsewhere.is_shown(answer, after))
                && told.is_none_or(|told| told.state != answer.state || told.etag == answer.etag)
        })
    }

    /// Whether an event tells of a write that another program made.
    fn is_noticed(&self, event: &Event) -> bool {
        match &event.kind {
            EventKind::ChangedElsewhere { from, to } => {
                from.status == to.status && self.elsewhere.wrote(to.reason(), self.id())
            }
            _ => false,
        }
    }

    fn has_number(&self, number: &str) -> bool {
        self.events.iter().any(|event| folded(&event.order_number) == folded(number))
    }

    fn had_number(&self, call: &Call) -> bool {
        match &call.op {
            Op::EditOrder { number, .. } | Op::DeleteOrder { number, .. } => self.has_number(number),
            _ => true,
        }
    }

    /// Whether the events do not fit each other or the row.
    pub(super) fn disagrees(&self) -> bool {
        self.found.iter().any(|one| matches!(one.kind, Kind::MissingEvent | Kind::Disagreement))
    }

    /// A missing event was reported, which explains what else was found.
    pub(super) fn explain(&mut self) {
        self.explained = true;
    }

    pub(super) fn into_violations(mut self) -> Vec<Violation> {
        if self.explained {
            return Vec::new();
        }
        if let Some(at) = self.found.iter().position(|one| one.kind == Kind::MissingEvent) {
            return vec![self.found.swap_remove(at)];
        }
        self.found
    }

    fn number(&self) -> &str {
        self.events.first().map_or("", |event| &event.order_number)
    }
}

/// The order as a call wants it.
fn asked(call: &Call, before: Option<&OrderState>) -> Option<Place> {
    match (&call.op, before) {
        (Op::CreateOrder { order }, None) => Some(Some(order.clone())),
        (Op::EditOrder { change, .. }, Some(before)) => Some(Some(change.apply(before))),
        (Op::DeleteOrder { .. }, Some(_)) => Some(None),
        _ => None,
    }
}

/// Whether a call names the client that an event detaches.
fn concerns_client(call: &Call, event: &Event) -> bool {
    let client = detached_client(event);
    match &call.op {
        Op::DeleteClient { id, .. } => client == Some(id),
        Op::CreateOrder { order } => client == order.client_id.as_deref(),
        Op::EditOrder { change, .. } => client == change.client_id.as_deref(),
        _ => false,
    }
}
