//! Keys by which a request that comes again is recognised, so that it is done once.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{Actor, EntryKey, EntryKind, Field, Invalid, Rule};

/// The key of a request, which its caller chose, and a fingerprint of the request. A write under a key is done once: for 24
/// hours, a call with the same key gets the answer of the first one, on any process, and changes nothing.
///
/// Keeps hashes alone: neither the key nor the request can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    name: [u8; 32],
    request: [u8; 32],
}

impl IdempotencyKey {
    /// The most bytes of a key.
    pub const MAX_BYTES: usize = 255;

    /// The key that `actor` chose for the request with these parts, such as method, path and body. Each actor has keys of
    /// its own.
    ///
    /// # Errors
    /// [`Rule::VisibleAscii`].
    pub fn new(actor: &Actor, key: &str, request: &[&[u8]]) -> Result<Self, Invalid> {
        let is_one = (1..=Self::MAX_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_one {
            return Err(Invalid::new(Field::IdempotencyKey, Rule::VisibleAscii { max: Self::MAX_BYTES }));
        }
        Ok(Self { name: hash(&[actor.to_string().as_bytes(), key.as_bytes()]), request: hash(request) })
    }

    /// The key of a part of the request, for one that changes several records.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        Self { name: hash(&[&self.name, part.as_bytes()]), request: self.request }
    }

    /// Where its answer is kept.
    pub(crate) fn entry(&self) -> EntryKey {
        EntryKey::new(EntryKind::Answer, hex::encode(self.name))
    }

    /// The fingerprint of the request.
    pub(crate) fn request(&self) -> String {
        hex::encode(self.request)
    }
}

/// Each part after its length, so that no two lists of parts have the same bytes.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_up_to_255_bytes() {
        let new = |key: &str| IdempotencyKey::new(&Actor::Anonymous, key, &[]);
        for key in ["a", "b7d0-…".trim_end_matches('…'), &"x".repeat(255)] {
            new(key).unwrap();
        }
        for key in ["", &*"x".repeat(256), "a b", "ñ"] {
            let rule = Rule::VisibleAscii { max: 255 };
            assert_eq!(new(key).unwrap_err(), Invalid::new(Field::IdempotencyKey, rule));
        }
    }

    #[test]
    fn keys_of_other_actors_and_parts_are_others() {
        let user = "user:Ana".parse().unwrap();
        let key = IdempotencyKey::new(&user, "1", &[b"ab", b"c"]).unwrap();
        assert_ne!(key.entry(), IdempotencyKey::new(&Actor::Anonymous, "1", &[b"ab", b"c"]).unwrap().entry());
        assert_ne!(key.entry(), key.part("A-1").entry());
        let other = IdempotencyKey::new(&user, "1", &[b"a", b"bc"]).unwrap();
        assert_eq!(key.entry(), other.entry());
        assert_ne!(key.request(), other.request());
        assert_eq!(format!("{key:?}"), "IdempotencyKey { .. }");
    }
}
