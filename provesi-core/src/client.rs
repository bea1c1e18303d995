//! Clients and their ids.

use std::fmt;

use serde_with::{DeserializeFromStr, SerializeDisplay};

use crate::{Address, ClientName, Email, Field, Invalid, Phone, Rule, Timestamp, Version};

/// A client's id: the twelve bytes of a MongoDB `ObjectId`.
///
/// Parsed from 24 hex digits in any letter case, shown in lower case always.
///
/// ```
/// let id: provesi_core::ClientId = "6B050AF58B3059B0F61239F2".parse()?;
/// assert_eq!(id.to_string(), "6b050af58b3059b0f61239f2");
/// # Ok::<(), provesi_core::Invalid>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct ClientId([u8; 12]);

impl ClientId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl std::str::FromStr for ClientId {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 12];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Invalid::new(Field::ClientId, Rule::ObjectId))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 24];
        hex::encode_to_slice(self.0, &mut text).expect("two digits for each byte");
        f.write_str(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

/// A client of the warehouse. Each field was checked when it was made, so any combination is a client.
#[derive(bon::Builder, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The id, given when the client was made.
    pub id: ClientId,
    /// The name.
    pub name: ClientName,
    /// The e-mail address, unique among clients in any letter case.
    pub email: Email,
    /// The phone, if there is one.
    pub phone: Option<Phone>,
    /// The postal address, if there is one.
    pub address: Option<Address>,
    /// When the client was made.
    pub created_at: Timestamp,
    /// When the client was last changed: its version.
    pub updated_at: Timestamp,
}

impl Client {
    /// The version of this record, for a write that must not overwrite another writer's change.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::new(
            self.updated_at,
            [
                Some(self.name.as_str().as_bytes()),
                Some(self.email.as_str().as_bytes()),
                self.phone.as_ref().map(|phone| phone.as_str().as_bytes()),
                self.address.as_ref().map(|address| address.as_str().as_bytes()),
                Some(self.created_at.micros().to_be_bytes().as_slice()),
            ],
        )
    }

    /// This client with its instants cut to whole milliseconds, since MongoDB keeps no more.
    #[must_use]
    pub fn in_millis(self) -> Self {
        Self { created_at: self.created_at.to_millis(), updated_at: self.updated_at.to_millis(), ..self }
    }

    /// This client with name, e-mail address, phone and address of `content`, changed at `at`: `updated_at` is
    /// [`Timestamp::next`] in whole milliseconds, `id` and `created_at` stay. `None` if nothing changes
    /// ([`same_content`](Self::same_content)).
    #[must_use]
    pub fn with_content(&self, content: Self, at: Timestamp) -> Option<Self> {
        let updated_at = self.updated_at.next(at.to_millis()).to_millis();
        (!self.same_content(&content)).then_some(Self {
            id: self.id,
            created_at: self.created_at,
            updated_at,
            ..content
        })
    }

    /// Whether `other` says the same of the client, whatever the id and the instants.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.name == other.name
            && self.email == other.email
            && self.phone == other.phone
            && self.address == other.address
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_24_hex_digits_and_nothing_else() {
        for text in ["", "abc", "abcdefghijkl", "zzzzzzzzzzzzzzzzzzzzzzzz", " 6b050af58b3059b0f61239f2", "ñ"] {
            assert_eq!(text.parse::<ClientId>(), Err(Invalid::new(Field::ClientId, Rule::ObjectId)), "{text}");
        }
        assert!("a".repeat(23).parse::<ClientId>().is_err());
        assert!("a".repeat(25).parse::<ClientId>().is_err());
        assert!("ñ".repeat(12).parse::<ClientId>().is_err());
    }

    proptest! {
        #[test]
        fn text_round_trips_in_any_case(bytes in any::<[u8; 12]>()) {
            let id = ClientId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().to_uppercase().parse::<ClientId>().unwrap(), id);
        }
    }
}
