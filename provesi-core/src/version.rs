//! Versions: how a write says that it overwrites nobody.

use std::fmt;

use crate::Timestamp;
use crate::paging::Fnv;

/// The version of a record: its `updated_at` exactly as the row has it, and a checksum of its content, since other programs
/// change rows without a new `updated_at`.
///
/// The text form, microseconds since 1970 in decimal, a hyphen and eight hexadecimal digits, is what travels in `ETag` and in
/// forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    updated_at: Timestamp,
    checksum: u32,
}

impl Version {
    /// The version of a record with these fields. It finds mistakes, not attacks: the checksum is the 64-bit FNV-1a, folded.
    pub(crate) fn new<'f>(updated_at: Timestamp, fields: impl IntoIterator<Item = Option<&'f [u8]>>) -> Self {
        let mut hash = Fnv::new();
        for field in fields {
            // The length keeps two fields apart, and an empty one from a missing one.
            let length = field.map_or(u64::MAX, |field| field.len() as u64);
            hash.write(&length.to_be_bytes());
            hash.write(field.unwrap_or_default());
        }
        Self { updated_at, checksum: hash.folded() }
    }

    /// A version that no record has.
    #[must_use]
    pub const fn of_none() -> Self {
        Self { updated_at: Timestamp::MIN, checksum: 0 }
    }

    /// The `updated_at` of the record.
    #[must_use]
    pub const fn updated_at(self) -> Timestamp {
        self.updated_at
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.updated_at.micros(), self.checksum)
    }
}

/// Not the text of a [`Version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version")]
pub struct ParseVersionError;

impl std::str::FromStr for Version {
    type Err = ParseVersionError;
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let version = || {
            // The micros may be negative.
            let (micros, checksum) = text.rsplit_once('-')?;
            let updated_at = Timestamp::from_micros(micros.parse().ok()?).ok()?;
            Some(Self { updated_at, checksum: u32::from_str_radix(checksum, 16).ok()? })
        };
        // One text per version: no plus sign, no leading zeros, no capitals.
        version().filter(|version| version.to_string() == text).ok_or(ParseVersionError)
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

    fn version(updated_at: &str, fields: &[Option<&str>]) -> Version {
        Version::new(updated_at.parse().unwrap(), fields.iter().map(|field| field.map(str::as_bytes)))
    }

    #[test]
    fn a_version_has_one_text() {
        let version = version("2026-11-24T03:56:37.613823Z", &[Some("a"), None]);
        assert_eq!(version.to_string(), "1795492597613823-c9ca2b11");
        assert_eq!(version.to_string().parse(), Ok(version));
        assert_eq!("-1-00000000".parse::<Version>().unwrap().to_string(), "-1-00000000");
        for text in ["", "1", "+1-00000000", "01-00000000", "1-0", "1-0000000A", "1 -00000000", "x-00000000", "1-"] {
            assert_eq!(text.parse::<Version>(), Err(ParseVersionError), "{text:?}");
        }
        assert_eq!("99999999999999999999-00000000".parse::<Version>(), Err(ParseVersionError));
        assert_eq!("253402300800000000-00000000".parse::<Version>(), Err(ParseVersionError));
    }

    #[test]
    fn every_field_counts() {
        let at = "2026-11-24T03:56:37.613823Z";
        let contents: [&[Option<&str>]; 5] = [
            &[Some("a"), Some("b")],
            &[Some("ab"), Some("")],
            &[Some("ab"), None],
            &[None, Some("ab")],
            &[Some("b"), Some("a")],
        ];
        for (n, one) in contents.iter().enumerate() {
            for other in &contents[..n] {
                assert_ne!(version(at, one), version(at, other), "{one:?} {other:?}");
            }
        }
    }
}
