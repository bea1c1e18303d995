//! What the clients do, and the record of it.
//!
//! So that the checker can tell who did what: a call's actor goes along in a header, from which the server takes the
//! user of its events, and into the address of each client that the call writes. A number is given to one call only, apart
//! from a few that are fought for. Those are never deleted, but renamed: so the history of every order can be asked for.

mod record;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(super) use self::record::Recorder;
use super::history::{Call, ClientChange, ClientState, Op, OrderChange, OrderState, Outcome, actor};
use super::round::RoundOptions;

const STATUSES: [&str; 6] = ["received", "picking", "packing", "shipped", "delivered", "cancelled"];

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many numbers are fought for.
const FOUGHT: u32 = 4;

/// How many records the clients know, and so may choose from.
const KNOWN: usize = 48;

/// The running clients.
pub(super) struct Workload {
    tasks: JoinSet<()>,
    known: Arc<Mutex<Known>>,
}

impl Workload {
    /// `servers` are called by turns: each client keeps to one.
    pub(super) fn start(
        servers: &[SocketAddr],
        client: &reqwest::Client,
        options: &RoundOptions,
        recorder: &Arc<Recorder>,
        stop: &watch::Receiver<bool>,
    ) -> Self {
        let known = Arc::new(Mutex::new(Known::default()));
        let mut tasks = JoinSet::new();
        for (number, server) in (0..options.clients).zip(servers.iter().cycle()) {
            let mut user = User {
                rng: StdRng::seed_from_u64(options.seed.wrapping_add(number)),
                recorder: Arc::clone(recorder),
                known: Arc::clone(&known),
                client: client.clone(),
                base: format!("http://{server}"),
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                while !*stop.borrow() {
                    user.act().await;
                }
            });
        }
        Self { tasks, known }
    }

    /// The orders that another program may choose from.
    pub(super) fn numbers(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let known = Arc::clone(&self.known);
        move || known.lock().unwrap_or_else(PoisonError::into_inner).numbers.clone()
    }

    pub(super) async fn join(self) {
        self.tasks.join_all().await;
    }
}

/// The latest numbers and ids that calls were given; some are gone meanwhile.
#[derive(Default)]
struct Known {
    numbers: Vec<String>,
    clients: Vec<String>,
}

fn remember(list: &mut Vec<String>, value: String, rng: &mut StdRng) {
    if list.len() < KNOWN {
        list.push(value);
    } else {
        let at = rng.random_range(0..list.len());
        list[at] = value;
    }
}

/// One client: a call after the other.
struct User {
    rng: StdRng,
    recorder: Arc<Recorder>,
    known: Arc<Mutex<Known>>,
    client: reqwest::Client,
    base: String,
}

impl User {
    async fn act(&mut self) {
        let pause = Duration::from_millis(self.rng.random_range(0..20));
        tokio::time::sleep(pause).await;
        let dice = self.rng.random_range(0..100);
        match dice {
            0..18 => self.create_order().await,
            18..25 => self.fight().await,
            25..46 => self.edit_order(true).await,
            46..64 => self.edit_order(false).await,
            64..69 => self.delete_order().await,
            69..76 => self.create_client().await,
            76..86 => self.edit_client().await,
            86..89 => self.delete_client().await,
            89..94 => drop(self.read_order().await),
            94..96 => drop(self.read_client().await),
            96..98 => drop(self.call(|_| Op::ListOrders).await),
            _ => drop(self.call(|_| Op::ListClients).await),
        }
    }

    /// Makes a call, which learns its id first. The caller loses patience now and then.
    async fn call(&mut self, op: impl FnOnce(u64) -> Op) -> Call {
        let id = self.recorder.next_id();
        let impatient = self.rng.random_bool(0.02);
        let patience = if impatient { Duration::from_millis(self.rng.random_range(1..100)) } else { PATIENCE };
        let call = record::send(&self.client, &self.base, &self.recorder, id, op(id), patience).await;
        self.recorder.add(call.clone());
        if call.outcome == Outcome::NotSent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        call
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember_number(&mut self, number: String) {
        let known = Arc::clone(&self.known);
        remember(&mut known.lock().unwrap_or_else(PoisonError::into_inner).numbers, number, &mut self.rng);
    }

    /// Mostly one of a few, so that calls meet.
    fn some_number(&mut self) -> Option<String> {
        let numbers = self.known(|known| known.numbers.clone());
        let hot = if self.rng.random_bool(0.5) { &numbers[..numbers.len().min(6)] } else { &numbers };
        hot.choose(&mut self.rng).cloned()
    }

    fn some_client(&mut self) -> Option<String> {
        let clients = self.known(|known| known.clients.clone());
        clients.choose(&mut self.rng).cloned()
    }

    fn fought_number(&mut self) -> String {
        let number = format!("fought-{}", self.rng.random_range(0..FOUGHT));
        if self.rng.random() { number } else { number.to_uppercase() }
    }

    async fn create_order(&mut self) {
        let client_id = if self.rng.random() { self.some_client() } else { None };
        let returned = self.rng.random_bool(0.2);
        let status = if returned { "returned" } else { self.status() };
        let call = self.call(|id| {
            let reason = returned.then(|| actor(id));
            Op::CreateOrder {
                order: OrderState { number: own_number(id), client_id, status: status.to_owned(), reason },
            }
        });
        let call = call.await;
        if call.is_done() {
            self.remember_number(own_number(call.id));
        }
    }

    /// Creates an order of a number that others want too, renames one to such a number, or away from it.
    async fn fight(&mut self) {
        let fought = self.fought_number();
        match self.rng.random_range(0..5) {
            0..3 => {
                let order = OrderState { number: fought, client_id: None, status: "received".to_owned(), reason: None };
                self.call(|_| Op::CreateOrder { order }).await;
            }
            3 => {
                let Some(number) = self.some_number() else { return };
                let change = OrderChange { number: Some(fought), ..OrderChange::default() };
                self.call(|_| Op::EditOrder { number, change, if_match: None }).await;
            }
            _ => {
                let call = self.call(|id| {
                    let change = OrderChange { number: Some(own_number(id)), ..OrderChange::default() };
                    Op::EditOrder { number: fought, change, if_match: None }
                });
                let call = call.await;
                if call.is_done() {
                    self.remember_number(own_number(call.id));
                }
            }
        }
    }

    fn status(&mut self) -> &'static str {
        STATUSES.choose(&mut self.rng).expect("there are statuses")
    }

    async fn edit_order(&mut self, checked: bool) {
        let Some(number) = self.some_number() else { return };
        let mut if_match = None;
        if checked {
            let read = self.call(|_| Op::ReadOrder { number: number.clone() }).await;
            let Some(order) = read.orders().first() else { return };
            if_match.clone_from(&order.etag);
        }
        let client = self.some_client().unwrap_or_default();
        let (part, status) = (self.rng.random_range(0..10), self.status());
        let call = self.call(|id| {
            let change = OrderChange {
                number: (part == 0).then(|| own_number(id)),
                client_id: (part == 1 || part == 2).then_some(client).or((part == 3).then(String::new)),
                status: Some(if part < 7 { "returned" } else { status }.to_owned()).filter(|_| part > 2),
                reason: (3..7).contains(&part).then(|| actor(id)),
            };
            Op::EditOrder { number, change, if_match }
        });
        let call = call.await;
        if call.is_done() && part == 0 {
            self.remember_number(own_number(call.id));
        }
    }

    async fn delete_order(&mut self) {
        let Some(number) = self.some_number() else { return };
        let mut if_match = None;
        if self.rng.random() {
            let read = self.call(|_| Op::ReadOrder { number: number.clone() }).await;
            let Some(order) = read.orders().first() else { return };
            if_match.clone_from(&order.etag);
        }
        self.call(|_| Op::DeleteOrder { number, if_match }).await;
    }

    async fn read_order(&mut self) -> Option<Call> {
        let number = self.some_number()?;
        Some(self.call(|_| Op::ReadOrder { number }).await)
    }

    async fn create_client(&mut self) {
        let fought = self.rng.random_bool(0.15).then(|| format!("{}@example.com", self.fought_number()));
        let call = self.call(|id| {
            let email = fought.unwrap_or_else(|| format!("c{id}@example.com"));
            Op::CreateClient { client: ClientState { name: format!("Client {id}"), email, address: actor(id) } }
        });
        let call = call.await;
        if let Some(client) = call.clients().first() {
            let (id, known) = (client.id.clone(), Arc::clone(&self.known));
            remember(&mut known.lock().unwrap_or_else(PoisonError::into_inner).clients, id, &mut self.rng);
        }
    }

    async fn edit_client(&mut self) {
        let Some(client) = self.some_client() else { return };
        let mut if_match = None;
        if self.rng.random() {
            let read = self.call(|_| Op::ReadClient { id: client.clone() }).await;
            let Some(shown) = read.clients().first() else { return };
            if_match.clone_from(&shown.etag);
        }
        let part = self.rng.random_range(0..3);
        let call = self.call(|id| {
            let name = (part == 0).then(|| format!("Client {id}"));
            let email = (part == 1).then(|| format!("c{id}@example.com"));
            Op::EditClient { id: client, change: ClientChange { name, email, address: actor(id) }, if_match }
        });
        call.await;
    }

    async fn delete_client(&mut self) {
        let Some(id) = self.some_client() else { return };
        self.call(|_| Op::DeleteClient { id, if_match: None }).await;
    }

    async fn read_client(&mut self) -> Option<Call> {
        let id = self.some_client()?;
        Some(self.call(|_| Op::ReadClient { id }).await)
    }
}

/// A number that only this call gives.
fn own_number(call: u64) -> String {
    format!("Own-{call}")
}
