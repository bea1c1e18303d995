//! The two keys of a pair: read, made, printed, wiped. What is done with them is in `ring`.

use core::fmt;

use alloc::boxed::Box;
use alloc::string::String;

use base64::Engine;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cipher::Cipher;
use crate::encoding::engine;
use crate::random::{self, NoRandomness};

const KEY_LEN: usize = 32;

/// A pair of keys, 32 bytes each: one encrypts (AES-256), the other authenticates (HMAC-SHA-256).
///
/// Both, and what is derived from them, are wiped from memory on drop; what the compiler left on the stack while the pair
/// was made is out of reach. There is no default pair, and `Debug` shows nothing of it.
pub struct Keys {
    // In a box, since a move of the bytes themselves would leave a copy behind that nobody wipes.
    secret: Box<Secret>,
}

struct Secret {
    aes_key: [u8; KEY_LEN],
    hmac_key: [u8; KEY_LEN],
    cipher: Cipher,
}

impl Keys {
    /// The pair whose keys are given in base64 (standard alphabet with padding), 44 characters each.
    ///
    /// # Errors
    /// Where one is no base64 or not 32 bytes long, which the error names, or where both are the same.
    pub fn from_base64(aes_key: &str, hmac_key: &str) -> Result<Self, KeyError> {
        let aes_key = decoded(KeyName::Aes, aes_key)?;
        let hmac_key = decoded(KeyName::Hmac, hmac_key)?;
        if aes_key.ct_eq(&*hmac_key).into() {
            return Err(KeyError::Same);
        }
        Ok(Self::new(&aes_key, &hmac_key))
    }

    /// A new pair, from the operating system's random numbers.
    ///
    /// # Errors
    /// Where the operating system has none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut keys = Zeroizing::new([[0; KEY_LEN]; 2]);
        random::fill(keys.as_flattened_mut())?;
        Ok(Self::new(&keys[0], &keys[1]))
    }

    fn new(aes_key: &[u8; KEY_LEN], hmac_key: &[u8; KEY_LEN]) -> Self {
        let cipher = Cipher::new(aes_key, hmac_key);
        Self { secret: Box::new(Secret { aes_key: *aes_key, hmac_key: *hmac_key, cipher }) }
    }

    /// The AES key as [`from_base64`](Self::from_base64) takes it: to print or to store, and wiped on drop.
    #[must_use]
    pub fn aes_key_base64(&self) -> Zeroizing<String> {
        engine().encode(self.secret.aes_key).into()
    }

    /// The HMAC key as [`from_base64`](Self::from_base64) takes it: to print or to store, and wiped on drop.
    #[must_use]
    pub fn hmac_key_base64(&self) -> Zeroizing<String> {
        engine().encode(self.secret.hmac_key).into()
    }

    pub(crate) fn has_same_hmac_key(&self, other: &Self) -> bool {
        self.secret.hmac_key.ct_eq(&other.secret.hmac_key).into()
    }

    pub(crate) fn cipher(&self) -> &Cipher {
        &self.secret.cipher
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl ZeroizeOnDrop for Keys {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.aes_key.zeroize();
        self.hmac_key.zeroize();
    }
}

fn decoded(key: KeyName, text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let bytes = Zeroizing::new(engine().decode(text).map_err(|_| KeyError::NotBase64 { key })?);
    let mut array = Zeroizing::new([0; KEY_LEN]);
    if bytes.len() != KEY_LEN {
        return Err(KeyError::Length { key, found: bytes.len() });
    }
    array.copy_from_slice(&bytes);
    Ok(array)
}

/// Which key of a pair is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// The one that encrypts.
    Aes,
    /// The one that authenticates.
    Hmac,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes => "AES key",
            Self::Hmac => "HMAC key",
        })
    }
}

/// Why a pair of keys, or one more of them, was refused. Shows nothing of the keys but a wrong length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not base64 of the standard alphabet with padding, or something around it.
    #[error("the {key} is not base64 (standard alphabet, with padding)")]
    NotBase64 {
        /// Which of the two.
        key: KeyName,
    },
    /// Base64 of too few or too many bytes.
    #[error("the {key} has {found} bytes and must have 32")]
    Length {
        /// Which of the two.
        key: KeyName,
        /// How many bytes it has.
        found: usize,
    },
    /// Each has a purpose of its own, and must be a key of its own.
    #[error("the AES key and the HMAC key must not be the same")]
    Same,
    /// By its HMAC a token is known to be a pair's, which two pairs with one HMAC key would leave open.
    #[error("each pair of a key ring must have an HMAC key of its own")]
    HmacKeyInUse,
}

#[cfg(test)]
mod tests;
