//! Listings of clients: by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::paging::{decode_cursor, encode_cursor, fingerprint};
use crate::{ClientId, ClientQuery, ClientRow, MatchRank, StoreError};
#[cfg(feature = "collation")]
use crate::{Page, PageRequest, name_key, paging::page_of, records::skip_corrupt};

/// Which clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ClientFilter {
    /// Only clients that match this text.
    pub query: Option<ClientQuery>,
}

impl ClientFilter {
    /// Whether `client` passes: the rule that every store's filter must agree with.
    #[must_use]
    pub fn matches(&self, client: &ClientRow) -> bool {
        self.query.as_ref().is_none_or(|query| query.matches(client))
    }
}

/// A list of clients, sorted by name as Spanish readers expect (CLDR's collation for `es` at its default strength,
/// feature `collation`), then by id. A search comes in the order of its [`MatchRank`] before that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientListing {
    /// Which clients.
    pub filter: ClientFilter,
    /// Which end of the alphabet comes first.
    pub direction: Direction,
}

impl ClientListing {
    /// The list of the clients that pass `filter`.
    #[must_use]
    pub const fn new(filter: ClientFilter, direction: Direction) -> Self {
        Self { filter, direction }
    }

    /// The same clients from the other end. Its cursors are the same.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { direction: self.direction.reversed(), ..self.clone() }
    }

    /// The order of two clients in this listing: the rule that every store's sort must agree with.
    #[cfg(feature = "collation")]
    #[must_use]
    pub fn compare(&self, a: &ClientRow, b: &ClientRow) -> std::cmp::Ordering {
        self.direction.apply(self.sort_key(a).cmp(&self.sort_key(b)))
    }

    #[cfg(feature = "collation")]
    fn sort_key(&self, client: &ClientRow) -> SortKey {
        (self.rank_of(client), name_key(&client.name), client.id)
    }

    /// The cursor that stands at `client`.
    #[must_use]
    pub fn cursor_at(&self, client: &ClientRow) -> ClientCursor {
        self.cursor(ClientPosition { rank: self.rank_of(client), name: client.name.clone(), id: client.id })
    }

    /// The cursor that stands at `position`, which need not be that of a client.
    #[must_use]
    pub fn cursor(&self, position: ClientPosition) -> ClientCursor {
        ClientCursor { listing: self.fingerprint(), position }
    }

    /// In a search, how close `client` comes. One that does not match would stand among the last.
    #[must_use]
    pub fn rank_of(&self, client: &ClientRow) -> Option<MatchRank> {
        self.filter.query.as_ref().map(|query| query.rank(client).unwrap_or(MatchRank::Inside))
    }

    /// A page of this listing out of all clients of a store: for stores that read everything.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] if the cursor was made by another listing.
    #[cfg(feature = "collation")]
    pub fn page_of(
        &self,
        clients: impl IntoIterator<Item = ClientRow>,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        let after =
            request.after.as_ref().map(|cursor| self.position(cursor).map(ClientPosition::sort_key)).transpose()?;
        let clients = clients.into_iter().filter(|client| self.filter.matches(client));
        let clients = skip_corrupt(clients.map(ClientRow::listed))?;
        let key = |client: &ClientRow| self.sort_key(client);
        Ok(page_of(clients, key, self.direction, after.as_ref(), request.limit, |last| self.cursor_at(last)))
    }

    /// The page, if it ends after the place where it starts. A store may sort by a key that it keeps beside the name; if
    /// another program changed the name alone, a reader would get the same page again and again.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the id of the last client if the page does not.
    #[cfg(feature = "collation")]
    pub fn onward(
        &self,
        page: Page<ClientRow, ClientCursor>,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        let key = |cursor: &ClientCursor| cursor.position.sort_key();
        match (&request.after, &page.next) {
            (Some(after), Some(next)) if !self.direction.apply(key(next).cmp(&key(after))).is_gt() => {
                let id = next.position.id;
                Err(StoreError::corrupt(format!(
                    "client {id}: the key that names are sorted by is not that of its name"
                )))
            }
            _ => Ok(page),
        }
    }

    /// The place of a cursor of this listing, in either direction.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] where the cursor was made by another listing.
    pub fn position<'c>(&self, cursor: &'c ClientCursor) -> Result<&'c ClientPosition, StoreError> {
        let is_of_search = cursor.position.rank.is_some();
        if cursor.listing != self.fingerprint() || is_of_search != self.filter.query.is_some() {
            return Err(StoreError::InvalidCursor);
        }
        Ok(&cursor.position)
    }

    fn fingerprint(&self) -> u64 {
        fingerprint(&("clients", &self.filter))
    }
}

/// What a list is sorted by: rank, sort key of the name, id.
#[cfg(feature = "collation")]
type SortKey = (Option<MatchRank>, Vec<u8>, ClientId);

#[cfg(feature = "collation")]
impl ClientPosition {
    fn sort_key(&self) -> SortKey {
        (self.rank, name_key(&self.name), self.id)
    }
}

/// A place in a list of clients.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientPosition {
    /// In a search, how close the client comes.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<MatchRank>,
    /// The client's name.
    #[serde(rename = "n")]
    pub name: String,
    /// The client's id.
    #[serde(rename = "i")]
    pub id: ClientId,
}

/// Holds a name, personal data: shows the id alone.
impl fmt::Debug for ClientPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientPosition({})", self.id)
    }
}

/// A place in one list of clients. The text form is opaque to callers and fit for a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientCursor {
    #[serde(rename = "l")]
    listing: u64,
    #[serde(rename = "p")]
    position: ClientPosition,
}

impl fmt::Display for ClientCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_cursor(self))
    }
}

impl std::str::FromStr for ClientCursor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        decode_cursor(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn client(name: &str) -> ClientRow {
        let at = Timestamp::from_micros(0).unwrap();
        ClientRow {
            id: ClientId::from_bytes([3; 12]),
            name: name.to_owned(),
            email: "a@example.com".to_owned(),
            phone: None,
            address: None,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn a_cursor_round_trips_and_belongs_to_its_listing() {
        let client = client(&"漢".repeat(100));
        let listing = ClientListing::default();
        let cursor: ClientCursor = listing.cursor_at(&client).to_string().parse().unwrap();
        assert_eq!(listing.position(&cursor).unwrap().name, client.name);
        let mut search = ClientListing::default();
        search.filter.query = ClientQuery::parse("漢").ok();
        assert!(matches!(search.position(&cursor), Err(StoreError::InvalidCursor)));
        let without_rank = search.cursor(listing.position(&cursor).unwrap().clone());
        assert!(matches!(search.position(&without_rank), Err(StoreError::InvalidCursor)));
        assert_eq!(search.position(&search.cursor_at(&client)).unwrap().rank, Some(MatchRank::NameStart));
        assert!(matches!("e30".parse::<ClientCursor>(), Err(StoreError::InvalidCursor)));
    }

    #[cfg(feature = "collation")]
    #[test]
    fn names_sort_as_spanish_readers_expect() {
        let listing = ClientListing::default();
        let names = ["ana", "Ana", "Ána", "Nube", "Nz", "Ñandú", "Oso", "zapato"];
        for pair in names.windows(2) {
            let (a, b) = (client(pair[0]), client(pair[1]));
            assert_eq!(listing.compare(&a, &b), std::cmp::Ordering::Less, "{pair:?}");
            assert_eq!(listing.reversed().compare(&a, &b), std::cmp::Ordering::Greater, "{pair:?}");
        }
    }
}
