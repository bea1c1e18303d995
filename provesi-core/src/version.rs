//! Versions: how a write says that it overwrites nobody.

use std::fmt;

use crate::Timestamp;

/// The version of a record: its `updated_at` exactly as the row has it.
///
/// The text form, microseconds since 1970 in decimal, is what travels in `ETag` and in forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(Timestamp);

impl Version {
    /// The version of a record that was last changed at `updated_at`.
    #[must_use]
    pub const fn new(updated_at: Timestamp) -> Self {
        Self(updated_at)
    }

    /// The `updated_at` that the version stands for.
    #[must_use]
    pub const fn updated_at(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.micros())
    }
}

/// Not the text of a [`Version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version")]
pub struct ParseVersionError;

impl std::str::FromStr for Version {
    type Err = ParseVersionError;
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let micros: i64 = text.parse().map_err(|_| ParseVersionError)?;
        // One text per version: no plus sign, no leading zeros.
        if micros.to_string() != text {
            return Err(ParseVersionError);
        }
        Timestamp::from_micros(micros).map(Self).map_err(|_| ParseVersionError)
    }
}

/// What a write expects of the record that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever version is there.
    Any,
    /// This version and no other.
    Version(Version),
}

impl Expected {
    /// Whether a record of this version may be written.
    #[must_use]
    pub fn allows(self, stored: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Version(version) => version == stored,
        }
    }
}

impl From<Version> for Expected {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_text() {
        let version = Version::new("2026-11-24T03:56:37.613823Z".parse().unwrap());
        assert_eq!(version.to_string().parse(), Ok(version));
        for text in ["", "+1", "01", "1 ", "x", "99999999999999999999", "253402300800000000"] {
            assert_eq!(text.parse::<Version>(), Err(ParseVersionError), "{text:?}");
        }
    }
}
