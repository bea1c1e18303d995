//! The names by which services know each other.

use core::fmt;
use core::str::FromStr;

use alloc::borrow::ToOwned;
use alloc::sync::Arc;

/// The name of a service: 1 to 64 of `A-Z a-z 0-9 . _ -`. Compared as it is, letter case included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

const MAX_LEN: usize = 64;

impl ServiceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if text.is_empty() || text.len() > MAX_LEN || !text.bytes().all(is_allowed) {
            return Err(ServiceNameError);
        }
        Ok(Self(text.to_owned().into()))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a name that a service can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a service must be 1 to 64 letters (A to Z), digits, dots, underscores and hyphens")]
pub struct ServiceNameError;
