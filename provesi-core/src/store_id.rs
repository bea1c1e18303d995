//! Ids of stores, which show whether two stores belong together.

use std::fmt;
use std::str::FromStr;

use crate::StoreError;

/// The id that a store got when its tables were created: 32 hexadecimal digits, lower case. A copy of the database has the same
/// id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId([u8; 16]);

impl StoreId {
    /// The id of these bytes, which are random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StoreId {
    type Err = StoreError;

    /// # Errors
    /// [`StoreError::Corrupt`] if the text is no id.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        let is_read = hex::decode_to_slice(text, &mut bytes).is_ok() && !text.contains(char::is_uppercase);
        is_read.then_some(Self(bytes)).ok_or_else(|| StoreError::corrupt("the id of a store cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = StoreId::from_bytes([0xa0; 16]);
        assert_eq!(id.to_string(), "a0".repeat(16));
        assert_eq!(id.to_string().parse::<StoreId>().unwrap(), id);
        for text in ["", "a0", &"A0".repeat(16), &"g0".repeat(16), &"a0".repeat(17), &"ñ".repeat(16)] {
            assert!(text.parse::<StoreId>().is_err(), "{text}");
        }
    }
}
