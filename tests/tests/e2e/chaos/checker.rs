//! The checker on histories made by hand: each kind of violation is found, and nothing in a good history.

use provesi_tests::chaos::check::{Kind, check};
use provesi_tests::chaos::history::{
    Call, Client, ClientChange, ClientState, Event, EventKind, Fault, History, Op, Order, OrderChange, OrderFields,
    OrderState, Outcome, ReturnInfo, Shown, WriteElsewhere, actor,
};

/// Builds a history call by call, and its end with it.
#[derive(Default)]
struct Story {
    history: History,
}

fn state(number: &str, status: &str, client_id: Option<&str>) -> OrderState {
    OrderState {
        number: number.to_owned(),
        client_id: client_id.map(str::to_owned),
        status: status.to_owned(),
        reason: None,
    }
}

/// An order in a version that a number gives.
fn order(id: i64, version: u32, state: OrderState) -> Order {
    Order { id, updated_at: instant(version), etag: Some(format!("\"{version}\"")), state }
}

fn instant(version: u32) -> String {
    format!("2026-01-01T00:00:{version:02}Z")
}

fn client(version: u32, name: &str, email: &str, call: u64) -> Client {
    let state = ClientState { name: name.to_owned(), email: email.to_owned(), address: actor(call) };
    Client { id: "c1".to_owned(), updated_at: instant(version), etag: Some(format!("\"{version}\"")), state }
}

fn to_status(number: &str, status: &str, if_match: Option<u32>) -> Op {
    let change = OrderChange { status: Some(status.to_owned()), ..OrderChange::default() };
    Op::EditOrder { number: number.to_owned(), change, if_match: if_match.map(|version| format!("\"{version}\"")) }
}

fn create(number: &str) -> Op {
    Op::CreateOrder { order: state(number, "received", None) }
}

fn done(order: Order) -> Outcome {
    Outcome::Done { shown: Shown::Orders(vec![order]), degraded: false }
}

fn done_client(client: Client) -> Outcome {
    Outcome::Done { shown: Shown::Clients(vec![client]), degraded: false }
}

fn deleted() -> Outcome {
    Outcome::Done { shown: Shown::Nothing, degraded: false }
}

fn refused() -> Outcome {
    Outcome::Refused { status: 503, code: "store.unavailable".to_owned() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { why: "cut".to_owned() }
}

fn created(status: &str) -> EventKind {
    EventKind::Created { status: status.to_owned(), client_id: None, return_info: None }
}

fn changed(from: &str, to: &str) -> EventKind {
    EventKind::StatusChanged { from: from.to_owned(), to: to.to_owned() }
}

impl Story {
    /// A call, after those before it; gives its id.
    fn call(&mut self, op: Op, outcome: Outcome) -> u64 {
        let id = self.history.calls.len() as u64 + 1;
        self.history.calls.push(Call { id, invoked: id * 10, returned: id * 10 + 5, op, outcome });
        id
    }

    fn event(&mut self, number: &str, id: i64, call: u64, kind: EventKind) {
        let event = Event { id, actor: format!("user:{}", actor(call)), order_number: number.to_owned(), kind };
        self.history.end.events.entry(number.to_lowercase()).or_default().push(event);
    }

    fn row(&mut self, order: Order) {
        self.history.end.orders.push(order);
    }

    fn kinds(&self) -> Vec<Kind> {
        check(&self.history).into_iter().map(|violation| violation.kind).collect()
    }
}

/// An order that is created and then packed.
fn packed() -> Story {
    let mut story = Story::default();
    let first = story.call(create("A"), done(order(1, 1, state("A", "received", None))));
    let second = story.call(to_status("A", "packing", Some(1)), done(order(1, 2, state("A", "packing", None))));
    story.event("A", 1, first, created("received"));
    story.event("A", 2, second, changed("received", "packing"));
    story.row(order(1, 2, state("A", "packing", None)));
    story
}

#[test]
fn a_good_history_has_no_violation() {
    let mut story = packed();
    // A no-op, a refusal, an unknown write that was made and one that was not.
    story.call(to_status("A", "packing", None), done(order(1, 2, state("A", "packing", None))));
    story.call(create("A"), Outcome::Refused { status: 400, code: "order.number_taken".to_owned() });
    let made = story.call(create("B"), unknown());
    story.call(create("C"), unknown());
    story.event("B", 3, made, created("received"));
    story.row(order(2, 3, state("B", "received", None)));
    // A rename, a deletion, and another order of the number.
    let rename = OrderChange { number: Some("D".to_owned()), ..OrderChange::default() };
    let rename = Op::EditOrder { number: "B".to_owned(), change: rename, if_match: None };
    let renamed = story.call(rename, done(order(2, 4, state("D", "received", None))));
    let kind = EventKind::Renumbered { from: "B".to_owned(), to: "D".to_owned() };
    story.history.end.orders[1] = order(2, 4, state("D", "received", None));
    story.history.end.events.insert("d".to_owned(), story.history.end.events["b"].clone());
    story.event("D", 4, renamed, kind);
    let again = story.call(create("b"), done(order(3, 5, state("b", "received", None))));
    story.history.end.events.remove("b");
    story.event("b", 5, again, created("received"));
    let gone = story.call(Op::DeleteOrder { number: "b".to_owned(), if_match: None }, deleted());
    let kind = EventKind::Deleted { status: "received".to_owned(), client_id: None, return_info: None };
    story.event("b", 6, gone, kind);
    assert_eq!(check(&story.history), []);
}

#[test]
fn a_lost_update_is_found() {
    let mut story = packed();
    let stale = story.call(to_status("A", "shipped", Some(1)), done(order(1, 3, state("A", "shipped", None))));
    story.event("A", 3, stale, changed("packing", "shipped"));
    story.history.end.orders[0] = order(1, 3, state("A", "shipped", None));
    assert_eq!(story.kinds(), [Kind::LostUpdate]);
}

#[test]
fn a_dropped_event_is_found() {
    // The last event, one in the middle, and the first.
    let mut last = packed();
    last.history.end.events.get_mut("a").unwrap().pop();
    assert_eq!(last.kinds(), [Kind::MissingEvent]);

    let mut middle = packed();
    let third = middle.call(to_status("A", "shipped", None), done(order(1, 3, state("A", "shipped", None))));
    middle.event("A", 3, third, changed("packing", "shipped"));
    middle.history.end.orders[0] = order(1, 3, state("A", "shipped", None));
    middle.history.end.events.get_mut("a").unwrap().remove(1);
    assert_eq!(middle.kinds(), [Kind::MissingEvent]);

    let mut first = packed();
    first.history.end.events.get_mut("a").unwrap().remove(0);
    assert_eq!(first.kinds(), [Kind::MissingEvent]);
}

#[test]
fn an_acknowledged_insert_that_vanished_is_found() {
    let mut story = packed();
    story.call(create("B"), done(order(2, 3, state("B", "received", None))));
    assert_eq!(story.kinds(), [Kind::LostWrite]);
}

#[test]
fn an_acknowledged_edit_or_deletion_that_was_not_made_is_found() {
    let mut story = packed();
    story.call(to_status("A", "shipped", None), done(order(1, 3, state("A", "shipped", None))));
    assert_eq!(story.kinds(), [Kind::LostWrite, Kind::VersionWentBack]);
    let mut story = packed();
    story.call(Op::DeleteOrder { number: "A".to_owned(), if_match: None }, deleted());
    assert_eq!(story.kinds(), [Kind::LostWrite]);
}

#[test]
fn a_refused_write_that_is_there_is_found() {
    let mut story = packed();
    let call = story.call(create("B"), refused());
    story.event("B", 3, call, created("received"));
    story.row(order(2, 3, state("B", "received", None)));
    assert_eq!(story.kinds(), [Kind::RefusedWriteMade]);
}

#[test]
fn a_version_of_two_contents_is_found() {
    let mut story = packed();
    story.call(Op::ReadOrder { number: "A".to_owned() }, done(order(1, 2, state("A", "shipped", None))));
    assert_eq!(story.kinds(), [Kind::VersionReused]);
}

#[test]
fn a_version_that_goes_back_is_found() {
    let mut story = packed();
    story.call(Op::ReadOrder { number: "A".to_owned() }, done(order(1, 1, state("A", "received", None))));
    assert_eq!(story.kinds(), [Kind::VersionWentBack]);
}

#[test]
fn a_number_that_two_orders_have_is_found() {
    let mut story = packed();
    let call = story.call(create("B"), done(order(2, 3, state("B", "received", None))));
    story.event("B", 3, call, created("received"));
    story.row(order(2, 3, state("B", "received", None)));
    let rename = OrderChange { number: Some("a".to_owned()), ..OrderChange::default() };
    let op = Op::EditOrder { number: "B".to_owned(), change: rename, if_match: None };
    let call = story.call(op, done(order(2, 4, state("a", "received", None))));
    let event = EventKind::Renumbered { from: "B".to_owned(), to: "a".to_owned() };
    story.event("B", 4, call, event);
    story.history.end.events.get_mut("b").unwrap()[1].order_number = "a".to_owned();
    story.history.end.orders[1] = order(2, 4, state("a", "received", None));
    let kinds = story.kinds();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == Kind::Duplicate), "{kinds:?}");
}

#[test]
fn an_event_that_nobody_caused_and_a_call_that_happened_twice_are_found() {
    let mut story = packed();
    story.event("A", 3, 99, changed("packing", "shipped"));
    story.history.end.orders[0].state.status = "shipped".to_owned();
    story.history.end.orders[0].updated_at = instant(3);
    story.history.end.orders[0].etag = None;
    assert_eq!(story.kinds(), [Kind::UnexplainedEvent]);

    let mut story = packed();
    let twice = story.call(create("B"), unknown());
    for (id, number) in [(3, "B"), (4, "B2")] {
        story.event(number, id, twice, created("received"));
        story.history.end.events.get_mut(&number.to_lowercase()).unwrap()[0].order_number = "B".to_owned();
    }
    assert!(story.kinds().contains(&Kind::MadeTwice));
}

#[test]
fn an_effect_after_its_answer_is_found() {
    let mut story = packed();
    // The edit was answered before the creation was sent.
    story.history.calls[1].invoked = 1;
    story.history.calls[1].returned = 2;
    assert!(story.kinds().contains(&Kind::OutOfOrder));
}

#[test]
fn an_answer_of_500_is_found() {
    let mut story = packed();
    story.call(create("B"), Outcome::Failed { body: "500".to_owned() });
    assert_eq!(story.kinds(), [Kind::InternalError]);
}

fn new_client() -> Op {
    let client = ClientState { name: "Ana".to_owned(), email: "ana@example.com".to_owned(), address: actor(1) };
    Op::CreateClient { client }
}

fn rename(call: u64, name: &str, if_match: Option<u32>) -> Op {
    let change = ClientChange { name: Some(name.to_owned()), email: None, address: actor(call) };
    Op::EditClient { id: "c1".to_owned(), change, if_match: if_match.map(|version| format!("\"{version}\"")) }
}

fn delete_client() -> Op {
    Op::DeleteClient { id: "c1".to_owned(), if_match: None }
}

/// A client that is created and renamed.
fn renamed() -> Story {
    let mut story = Story::default();
    story.call(new_client(), done_client(client(1, "Ana", "ana@example.com", 1)));
    story.call(rename(2, "Bea", Some(1)), done_client(client(2, "Bea", "ana@example.com", 2)));
    story.history.end.clients.push(client(2, "Bea", "ana@example.com", 2));
    story
}

#[test]
fn a_good_history_of_a_client_has_no_violation() {
    assert_eq!(check(&renamed().history), []);
    let mut story = renamed();
    story.history.end.clients.clear();
    story.call(delete_client(), unknown());
    assert_eq!(check(&story.history), []);
}

#[test]
fn what_is_wrong_with_a_client_is_found() {
    let mut gone = renamed();
    gone.history.end.clients.clear();
    assert_eq!(gone.kinds(), [Kind::LostWrite]);

    let mut back = renamed();
    back.call(delete_client(), deleted());
    assert_eq!(back.kinds(), [Kind::LostWrite]);

    let mut stale = renamed();
    stale.call(rename(3, "Eva", Some(1)), done_client(client(3, "Eva", "ana@example.com", 3)));
    stale.history.end.clients = vec![client(3, "Eva", "ana@example.com", 3)];
    assert_eq!(stale.kinds(), [Kind::LostUpdate]);

    let mut refused_edit = renamed();
    refused_edit.call(rename(3, "Eva", None), refused());
    refused_edit.history.end.clients = vec![client(3, "Eva", "ana@example.com", 3)];
    assert_eq!(refused_edit.kinds(), [Kind::RefusedWriteMade]);

    let mut duplicate = renamed();
    let other = Client { id: "c2".to_owned(), ..client(3, "Client", "ANA@example.com", 3) };
    let op = ClientState { name: "Client".to_owned(), email: "ANA@example.com".to_owned(), address: actor(3) };
    duplicate.call(Op::CreateClient { client: op }, done_client(other.clone()));
    duplicate.history.end.clients.push(other);
    assert_eq!(duplicate.kinds(), [Kind::Duplicate]);
}

#[test]
fn an_order_may_name_a_deleted_client_only_after_a_fault() {
    let mut story = renamed();
    story.call(delete_client(), deleted());
    story.history.end.clients.clear();
    let number = state("A", "received", Some("c1"));
    let call = story.call(Op::CreateOrder { order: number.clone() }, done(order(1, 1, number.clone())));
    let kind =
        EventKind::Created { status: "received".to_owned(), client_id: Some("c1".to_owned()), return_info: None };
    story.event("A", 1, call, kind);
    story.row(order(1, 1, number));
    assert_eq!(story.kinds(), [Kind::DanglingOrder]);
    story.history.faults.push(Fault { what: "kill server".to_owned(), from: 30, until: 31 });
    assert_eq!(story.kinds(), []);
}

/// A return whose reason another program replaces, before it is renamed by a call that shows this reason.
fn replaced_reason(shown: &str) -> Story {
    let returned =
        |number: &str, reason: &str| OrderState { reason: Some(reason.to_owned()), ..state(number, "returned", None) };
    let mut story = Story::default();
    let first = returned("A", "call-1");
    let made = story.call(Op::CreateOrder { order: first.clone() }, done(order(1, 1, first)));
    let return_info = Some(ReturnInfo { reason: "call-1".to_owned() });
    story.event("A", 1, made, EventKind::Created { status: "returned".to_owned(), client_id: None, return_info });
    let reason = "elsewhere-7".to_owned();
    let write = WriteElsewhere { reason, invoked: 16, returned: 17, order: Some(1), is_answered: true };
    story.history.elsewhere.push(write);
    let renamed = order(1, 2, returned("B", shown));
    let change = OrderChange { number: Some("B".to_owned()), ..OrderChange::default() };
    let call = story.call(Op::EditOrder { number: "A".to_owned(), change, if_match: None }, done(renamed.clone()));
    story.event("A", 2, call, EventKind::Renumbered { from: "A".to_owned(), to: "B".to_owned() });
    story.history.end.events.get_mut("a").unwrap()[1].order_number = "B".to_owned();
    story.row(renamed);
    story
}

#[test]
fn what_another_program_wrote_has_no_event_and_may_not_be_written_over() {
    let mut kept = replaced_reason("elsewhere-7");
    assert_eq!(kept.kinds(), []);
    assert_eq!(replaced_reason("call-1").kinds(), [Kind::LostWriteElsewhere]);
    // A reason of ours that comes back after it was replaced is lost as well.
    let mut back = replaced_reason("elsewhere-7");
    let mut now = back.history.end.orders[0].clone();
    now.state.reason = Some("call-3".to_owned());
    let change = OrderChange { reason: Some("call-3".to_owned()), ..OrderChange::default() };
    let op = Op::EditOrder { number: "B".to_owned(), change, if_match: None };
    let edit = back.call(op, done(Order { updated_at: instant(3), etag: Some("\"3\"".to_owned()), ..now }));
    back.event("A", 3, edit, EventKind::ReasonChanged { from: Some("elsewhere-7".to_owned()), to: actor(edit) });
    back.history.end.events.get_mut("a").unwrap()[2].order_number = "B".to_owned();
    back.history.end.orders[0].updated_at = instant(4);
    back.history.end.orders[0].etag = Some("\"4\"".to_owned());
    assert_eq!(back.kinds(), [Kind::LostUpdate]);
    // A server noticed it.
    let fields = |reason: &str| OrderFields {
        status: "returned".to_owned(),
        return_info: Some(ReturnInfo { reason: reason.to_owned() }),
    };
    kept.event("A", 3, 0, EventKind::ChangedElsewhere { from: fields("call-1"), to: fields("elsewhere-7") });
    let noticed = kept.history.end.events.get_mut("a").unwrap().last_mut().unwrap();
    (noticed.actor, noticed.order_number) = ("system:elsewhere".to_owned(), "B".to_owned());
    assert_eq!(kept.kinds(), []);
    // Nobody wrote that.
    kept.history.elsewhere.clear();
    assert_eq!(kept.kinds(), [Kind::MissingEvent]);
}
