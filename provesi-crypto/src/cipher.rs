//! AES-256-CBC with PKCS#7 and HMAC-SHA-256, keyed once. In what order they are used is settled in `ring`.

use aes::Aes256;
use alloc::vec::Vec;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use cbc::{Decryptor, Encryptor};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

pub(crate) const BLOCK_LEN: usize = 16;
pub(crate) const TAG_LEN: usize = 32;

pub(crate) type Iv = [u8; BLOCK_LEN];
pub(crate) type Tag = [u8; TAG_LEN];

/// The expanded AES key and the hash states that the HMAC key makes, so that no message pays for them again. The crates
/// wipe both on drop.
pub(crate) struct Cipher {
    aes: Aes256,
    mac: Hmac<Sha256>,
}

impl Cipher {
    pub(crate) fn new(aes_key: &[u8; 32], hmac_key: &[u8]) -> Self {
        Self {
            aes: Aes256::new(aes_key.into()),
            mac: Hmac::new_from_slice(hmac_key).expect("HMAC takes keys of any length"),
        }
    }

    pub(crate) fn encrypt(&self, iv: &Iv, plaintext: &[u8]) -> Vec<u8> {
        Encryptor::inner_iv_init(&self.aes, iv.into()).encrypt_padded_vec::<Pkcs7>(plaintext)
    }

    /// `None` where the ciphertext is not whole blocks or the padding is wrong. Which of them, and how long it took, tells
    /// about the plaintext: only for ciphertext whose tag holds.
    pub(crate) fn decrypt(&self, iv: &Iv, mut ciphertext: Vec<u8>) -> Option<Vec<u8>> {
        let decryptor = Decryptor::inner_iv_init(&self.aes, iv.into());
        let len = decryptor.decrypt_padded::<Pkcs7>(&mut ciphertext).ok()?.len();
        ciphertext.truncate(len);
        Some(ciphertext)
    }

    /// The HMAC over `iv` and `ciphertext`, one after the other.
    pub(crate) fn tag(&self, iv: &[u8], ciphertext: &[u8]) -> Tag {
        let mut mac = self.mac.clone();
        mac.update(iv);
        mac.update(ciphertext);
        mac.finalize().into_bytes().into()
    }
}

/// Takes the same time wherever the two differ.
pub(crate) fn matches(tag: &Tag, other: &Tag) -> Choice {
    tag.ct_eq(other)
}

#[cfg(test)]
mod tests;
