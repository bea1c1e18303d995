//! The text of a token, `base64(iv):base64(ciphertext):base64(hmac)`: taken apart and put together, with its lengths.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use base64::Engine;

use crate::cipher::{BLOCK_LEN, Iv, TAG_LEN, Tag};
use crate::encoding::engine;

/// The longest text that is encrypted: 1 MiB.
pub const MAX_PLAINTEXT_LEN: usize = 1024 * 1024;

/// The longest token that is looked at, in characters: that of a text of [`MAX_PLAINTEXT_LEN`] bytes.
pub const MAX_TOKEN_LEN: usize = IV_CHARS + 1 + base64_len(MAX_PLAINTEXT_LEN + BLOCK_LEN) + 1 + TAG_CHARS;

const IV_CHARS: usize = base64_len(BLOCK_LEN);
const TAG_CHARS: usize = base64_len(TAG_LEN);
const CIPHERTEXT_AT: usize = IV_CHARS + 1;

const fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// A token taken apart. Nothing of it is verified yet.
pub(crate) struct Token {
    pub(crate) iv: Iv,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: Tag,
}

impl Token {
    /// `None` for whatever cannot be a token, without a reason: it would be told to nobody.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() > MAX_TOKEN_LEN {
            return None;
        }
        // The first and the last part have one possible length, so the colons have one possible place.
        let (rest, tag) = text.split_last_chunk::<TAG_CHARS>()?;
        let (b':', rest) = rest.split_last()? else { return None };
        let (iv, rest) = rest.split_first_chunk::<IV_CHARS>()?;
        let (b':', ciphertext) = rest.split_first()? else { return None };
        Some(Self { iv: decoded(iv)?, ciphertext: engine().decode(ciphertext).ok()?, tag: decoded(tag)? })
    }

    pub(crate) fn write(iv: &Iv, ciphertext: &[u8], tag: &Tag) -> String {
        let ciphertext_end = CIPHERTEXT_AT + base64_len(ciphertext.len());
        let mut text = vec![b':'; ciphertext_end + 1 + TAG_CHARS];
        encode(iv, &mut text[..IV_CHARS]);
        encode(ciphertext, &mut text[CIPHERTEXT_AT..ciphertext_end]);
        encode(tag, &mut text[ciphertext_end + 1..]);
        String::from_utf8(text).expect("base64 and colons are ASCII")
    }
}

fn decoded<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    // The decoder wants room for what the characters could hold, were there no padding.
    let mut bytes = [0; TAG_LEN + 1];
    let len = engine().decode_slice(text, &mut bytes).ok()?;
    bytes[..len].try_into().ok()
}

fn encode(bytes: &[u8], text: &mut [u8]) {
    engine().encode_slice(bytes, text).expect("the text has the length of these bytes in base64");
}
