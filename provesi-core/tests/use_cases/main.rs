//! The use cases over the reference store, and over stores that fail in the middle.

#![allow(clippy::unwrap_used, reason = "tests")]

mod audit;
mod chain;
mod clients;
mod elsewhere;
mod idempotency;
mod integrity;
mod irregular;
mod lists;
mod orders;
mod ports;
mod retirements;
mod services;

use std::sync::Arc;

use provesi_core::{
    App, Caller, Client, ClientDraft, ClientName, Expected, OrderDraft, OrderNumber, OrderStatus, OrderView,
};
use provesi_testkit::{CountingIds, FixedClock, MemoryStore};

/// An application over one reference store, with a clock that the test moves.
struct World {
    store: MemoryStore,
    clock: Arc<FixedClock>,
    app: App,
    caller: Caller,
}

impl World {
    fn new() -> Self {
        let store = MemoryStore::new();
        let clock = Arc::new(FixedClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
        let app = App::new(Arc::new(store.clone()), Arc::new(store.clone()))
            .with_clock(Arc::<FixedClock>::clone(&clock))
            .with_ids(Arc::new(CountingIds::default()));
        Self { store, clock, app, caller: Caller::system("test").unwrap() }
    }

    async fn client(&self, email: &str) -> Client {
        self.app.create_client(&self.caller, draft(email)).await.unwrap()
    }

    async fn order(&self, number: &str, client: Option<&Client>) -> OrderView {
        self.app.create_order(&self.caller, &order_draft(number, client)).await.unwrap()
    }
}

fn draft(email: &str) -> ClientDraft {
    ClientDraft::builder().name(ClientName::parse("Ana").unwrap()).email(email.parse().unwrap()).build()
}

fn order_draft(number: &str, client: Option<&Client>) -> OrderDraft {
    OrderDraft::builder()
        .number(number)
        .maybe_client_id(client.map(|client| client.id.to_string()))
        .status(OrderStatus::Received)
        .build()
}

fn number(text: &str) -> OrderNumber {
    text.parse().unwrap()
}

const ANY: Expected = Expected::Any;
