//! Random bytes, straight from the operating system: for keys, IVs and nonces alike.

use rand::TryRng;
use rand::rngs::SysRng;

/// The operating system gave no random bytes, so nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    SysRng.try_fill_bytes(bytes).map_err(|_| NoRandomness)
}
