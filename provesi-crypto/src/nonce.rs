//! What makes a message one of its kind.

use core::fmt;

use base64::Engine;

use crate::encoding::engine;
use crate::random::{self, NoRandomness};

/// 16 random bytes that the sender of a message put in, in base64 (24 characters) inside of it. No secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; Self::LEN]);

impl Nonce {
    const LEN: usize = 16;
    const CHARS: usize = 24;

    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; Self::LEN];
        random::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        // The decoder wants room for what the characters could hold, were there no padding.
        let mut bytes = [0; Self::CHARS / 4 * 3];
        let len = engine().decode_slice(text, &mut bytes).ok()?;
        bytes[..len].try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::CHARS];
        let len = engine().encode_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(&text[..len]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}
