//! The key that signs what browsers keep for us and bring back: form tokens and one-time messages.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

type HmacSha256 = Hmac<Sha256>;

/// How many bytes a signature has.
pub(crate) const SIGNATURE: usize = 32;

/// The key that signs form tokens and one-time messages (HMAC-SHA-256). `Debug` does not show it.
///
/// Processes that serve the same users need the same key, and a key that outlives a restart lets forms that were open
/// meanwhile be sent.
#[derive(Clone)]
pub struct SecretKey(HmacSha256);

/// A key has to have at least [`SecretKey::MIN_BYTES`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakKey;

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret key must have at least {} bytes", SecretKey::MIN_BYTES)
    }
}

impl std::error::Error for WeakKey {}

impl SecretKey {
    /// The fewest bytes that a key may have.
    pub const MIN_BYTES: usize = 32;

    /// A key of these bytes, which should come from a good source of randomness.
    ///
    /// # Errors
    /// [`WeakKey`] for fewer than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(bytes: &[u8]) -> Result<Self, WeakKey> {
        if bytes.len() < Self::MIN_BYTES {
            return Err(WeakKey);
        }
        HmacSha256::new_from_slice(bytes).map(Self).map_err(|_| WeakKey)
    }

    /// A new key from the system's source of randomness.
    #[must_use]
    pub fn random() -> Self {
        Self(HmacSha256::new(&rand::random::<[u8; 64]>().into()))
    }

    /// The signature of these parts for one purpose: no other purpose, and no other cut of the same bytes, has it.
    pub(crate) fn sign(&self, purpose: &'static str, parts: &[&[u8]]) -> [u8; SIGNATURE] {
        self.over(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether this is the signature; takes the same time wherever it differs.
    pub(crate) fn verify(&self, purpose: &'static str, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.over(purpose, parts).verify_slice(signature).is_ok()
    }

    fn over(&self, purpose: &'static str, parts: &[&[u8]]) -> HmacSha256 {
        let mut mac = self.0.clone();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_its_purpose_and_its_parts() {
        let key = SecretKey::new(&[7; 32]).unwrap();
        let signature = key.sign("form", &[b"ab", b"c"]);
        assert!(key.verify("form", &[b"ab", b"c"], &signature));
        assert!(!key.verify("message", &[b"ab", b"c"], &signature));
        assert!(!key.verify("form", &[b"a", b"bc"], &signature));
        assert!(!key.verify("form", &[b"ab", b"c"], &signature[..31]));
        assert!(!SecretKey::random().verify("form", &[b"ab", b"c"], &signature));
    }

    #[test]
    fn a_short_key_is_refused_and_none_is_shown() {
        assert_eq!(SecretKey::new(&[7; 31]).unwrap_err(), WeakKey);
        assert_eq!(format!("{:?}", SecretKey::random()), "SecretKey");
    }
}
