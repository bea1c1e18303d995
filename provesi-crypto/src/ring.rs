//! Encrypt-then-MAC over one or several pairs of keys.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use subtle::{Choice, ConditionallySelectable};

use crate::cipher::{Iv, matches};
use crate::keys::{KeyError, Keys};
use crate::random::{self, NoRandomness};
use crate::token::{MAX_PLAINTEXT_LEN, Token};

/// The pair of keys that encrypts, and the pairs that may still, or may already, be used by others.
///
/// To change keys without a stop, wait after each step until all services have taken it:
/// 1. make a new pair; each service encrypts with the old one and accepts the new one;
/// 2. each service encrypts with the new one and accepts the old one;
/// 3. after [`MAX_AGE`](crate::MAX_AGE) and [`MAX_AHEAD`](crate::MAX_AHEAD) have passed, each service drops the old one.
///
/// ```
/// # use provesi_crypto::{KeyRing, Keys};
/// # let (old, new) = (Keys::generate()?, Keys::generate()?);
/// let ring = KeyRing::new(new).accepting(old)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KeyRing {
    current: Keys,
    accepted: Vec<Keys>,
}

impl From<Keys> for KeyRing {
    fn from(keys: Keys) -> Self {
        Self::new(keys)
    }
}

impl KeyRing {
    /// A ring of this pair alone, which encrypts and decrypts.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self { current: keys, accepted: vec![] }
    }

    /// The ring, with a pair more that decrypts and never encrypts. Each pair costs every message that is decrypted one
    /// HMAC, whichever pair it is for.
    ///
    /// # Errors
    /// Where a pair of the ring has the same HMAC key: keys are changed both at once.
    pub fn accepting(mut self, keys: Keys) -> Result<Self, KeyError> {
        if self.pairs().any(|pair| pair.has_same_hmac_key(&keys)) {
            return Err(KeyError::HmacKeyInUse);
        }
        self.accepted.push(keys);
        Ok(self)
    }

    /// The text, encrypted under the current pair and an IV of its own: `base64(iv):base64(ciphertext):base64(hmac)`.
    ///
    /// # Errors
    /// Where the text is longer than [`MAX_PLAINTEXT_LEN`] bytes, or there are no random numbers for the IV.
    pub fn encrypt(&self, plaintext: &str) -> Result<String, EncryptError> {
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return Err(EncryptError::TooLong { len: plaintext.len() });
        }
        let mut iv = Iv::default();
        random::fill(&mut iv)?;
        Ok(self.encrypt_with(&iv, plaintext))
    }

    fn encrypt_with(&self, iv: &Iv, plaintext: &str) -> String {
        let cipher = self.current.cipher();
        let ciphertext = cipher.encrypt(iv, plaintext.as_bytes());
        Token::write(iv, &ciphertext, &cipher.tag(iv, &ciphertext))
    }

    /// The text that a holder of one of the pairs has encrypted.
    ///
    /// The HMAC is compared first, in constant time and with all pairs, whichever fits. Only what passes is decrypted.
    ///
    /// # Errors
    /// [`Unreadable`], whatever is wrong.
    pub fn decrypt(&self, token: &str) -> Result<String, Unreadable> {
        let Token { iv, ciphertext, tag } = Token::read(token).ok_or(Unreadable)?;
        let (mut fitting, mut found) = (0, Choice::from(0));
        for (index, keys) in (0_u32..).zip(self.pairs()) {
            let fits = matches(&keys.cipher().tag(&iv, &ciphertext), &tag);
            fitting.conditional_assign(&index, fits);
            found |= fits;
        }
        if !bool::from(found) {
            return Err(Unreadable);
        }
        let keys = self.pairs().nth(fitting as usize).ok_or(Unreadable)?;
        let plaintext = keys.cipher().decrypt(&iv, ciphertext).ok_or(Unreadable)?;
        String::from_utf8(plaintext).map_err(|_| Unreadable)
    }

    fn pairs(&self) -> impl Iterator<Item = &Keys> {
        [&self.current].into_iter().chain(&self.accepted)
    }
}

/// The token opens under none of the keys. Why is not said, since the difference would be of use to who made it: too long,
/// no token, changed, another's keys, or with the keys and yet no text inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token cannot be read")]
pub struct Unreadable;

/// Why a text was not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// No receiver would look at it.
    #[error("the text has {len} bytes and may have {MAX_PLAINTEXT_LEN}")]
    TooLong {
        /// How many bytes it has.
        len: usize,
    },
    /// There is nothing to make an IV from.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

#[cfg(test)]
mod tests;
