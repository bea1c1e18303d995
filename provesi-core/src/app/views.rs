//! What the use cases answer: records with what belongs to them from the other store.

use std::sync::Arc;

use crate::app::tell;
use crate::{Client, ClientId, Order, OrderStatus, StoreError, Stored};

/// The client of an order, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientLink {
    /// The order has no client.
    Nobody,
    /// The client.
    Known(Arc<Stored<Client>>),
    /// The order names a client that does not exist; the integrity check reports it.
    Gone(ClientId),
    /// The store of clients could not be asked, or could not read the client.
    Unavailable(ClientId),
    /// What the order names is no client id: the order is irregular.
    Irregular,
}

impl ClientLink {
    /// The link to the client with this id, by what its lookup returned.
    pub(super) fn found(id: ClientId, client: Result<Option<Stored<Client>>, StoreError>) -> Self {
        match client {
            Ok(Some(client)) => Self::Known(Arc::new(client)),
            Ok(None) => Self::Gone(id),
            Err(error) => {
                tell("an order is shown without its client", &error);
                Self::Unavailable(id)
            }
        }
    }

    /// The client, where it is known.
    #[must_use]
    pub fn client(&self) -> Option<&Stored<Client>> {
        match self {
            Self::Known(client) => Some(client),
            _ => None,
        }
    }

    /// Whether the store of clients could not be asked.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// An order with its client and the statuses that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderView {
    /// The order.
    pub order: Stored<Order>,
    /// Its client.
    pub client: ClientLink,
    /// What the flow lets follow, without the status that the order is in. None of an irregular order, which is repaired
    /// first.
    pub next_statuses: Vec<OrderStatus>,
}

/// A client with the number of its orders.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientView {
    /// The client.
    pub client: Stored<Client>,
    /// How many orders it has; `None` where the store of orders could not be asked.
    pub orders_count: Option<u64>,
}

/// A client that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientDeletion {
    /// The client as it was; `None` if an earlier call with the same idempotency key deleted it.
    pub client: Option<Stored<Client>>,
    /// How many orders stay behind without a client; `None` where the store of orders failed meanwhile. Orders then still
    /// name the client, which the integrity check reports.
    pub detached: Option<u64>,
}

/// Clients that were looked up by their ids. An id that is in neither list is that of no client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientsById {
    /// The clients that exist.
    pub clients: Vec<Stored<Client>>,
    /// The ids of those that exist and cannot be decoded.
    pub unreadable: Vec<ClientId>,
}
