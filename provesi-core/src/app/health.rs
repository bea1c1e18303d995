//! Whether the stores answer.

use futures_util::future::join;

use crate::{App, StoreError};

/// Whether a store answers.
#[derive(Debug)]
pub struct Health {
    /// The name of the database, see [`ClientRepository::database`](crate::ClientRepository::database).
    pub database: String,
    /// What it said.
    pub answer: Result<(), StoreError>,
}

impl App {
    /// Whether the store of clients answers.
    pub async fn clients_health(&self) -> Health {
        Health { database: self.clients.database(), answer: self.clients.ping().await }
    }

    /// Whether the store of orders answers.
    pub async fn orders_health(&self) -> Health {
        Health { database: self.orders.database(), answer: self.orders.ping().await }
    }

    /// Whether the stores of clients and of orders answer, both asked at once.
    pub async fn health(&self) -> (Health, Health) {
        join(self.clients_health(), self.orders_health()).await
    }
}
