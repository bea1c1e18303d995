//! The order of names that a store declares.

use std::cmp::Ordering;
use std::ops::Deref;
use std::sync::Arc;

use provesi_core::{Client, ClientListing, ClientRepository, ClientRow, name_key};

/// How a store sorts names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOrder {
    /// By CLDR's collation for Spanish, see [`ClientListing::compare`]: what a store has to do if its database can.
    Spanish,
    /// By Unicode code point, where the database has no such collation.
    CodePoint,
}

impl NameOrder {
    /// The sort key of a name: keys are compared byte by byte.
    #[must_use]
    pub fn key(self, name: &str) -> Vec<u8> {
        match self {
            Self::Spanish => name_key(name),
            // UTF-8 sorts as its code points do.
            Self::CodePoint => name.as_bytes().to_vec(),
        }
    }

    /// The order of two clients in a listing.
    #[must_use]
    pub fn compare(self, listing: &ClientListing, a: &ClientRow, b: &ClientRow) -> Ordering {
        let key = |client: &ClientRow| (listing.rank_of(client), self.key(&client.name), client.id);
        listing.direction.apply(key(a).cmp(&key(b)))
    }
}

/// A store of clients under test, and the order in which it lists names. Made of a store alone, it has to list them by
/// [`NameOrder::Spanish`].
#[derive(Clone, Debug)]
pub struct Clients {
    store: Arc<dyn ClientRepository>,
    pub(in crate::conformance) names: NameOrder,
}

impl Clients {
    /// A store that declares the order of its names.
    pub fn new(store: Arc<dyn ClientRepository>, names: NameOrder) -> Self {
        Self { store, names }
    }

    /// The clients of a listing in its order.
    pub(in crate::conformance) fn in_order(&self, mut clients: Vec<Client>, listing: &ClientListing) -> Vec<Client> {
        clients.retain(|client| listing.filter.matches(&client.into()));
        clients.sort_by(|a, b| self.names.compare(listing, &a.into(), &b.into()));
        clients
    }
}

impl Deref for Clients {
    type Target = Arc<dyn ClientRepository>;
    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

impl<S: ClientRepository> From<S> for Clients {
    fn from(store: S) -> Self {
        Self::new(Arc::new(store), NameOrder::Spanish)
    }
}
