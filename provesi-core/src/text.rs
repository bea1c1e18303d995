//! Short texts that people type: names, phones, addresses, reasons. Each is checked once, when it is made,
//! and kept as it was typed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Field, Invalid, Rule};

/// Which control characters a text may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Controls {
    None,
    /// Line breaks, and the tab that callers of the Python system send in addresses.
    Layout,
}

fn check(text: &str, field: Field, max: usize, controls: Controls) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, Rule::Blank));
    }
    // A text of n characters has at least n bytes, so most never need counting.
    if text.len() > max && text.chars().count() > max {
        return Err(Invalid::new(field, Rule::TooLong { max }));
    }
    let refused = |c: char| c.is_control() && !(controls == Controls::Layout && matches!(c, '\n' | '\r' | '\t'));
    if text.chars().any(refused) {
        return Err(Invalid::new(field, Rule::ControlCharacter));
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $field:expr, $max:literal, $controls:expr, read as $read:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = $read)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters (Unicode scalar values) it may have.
            pub const MAX_CHARS: usize = $max;

            /// Checks a text and keeps it as it was typed.
            ///
            /// # Errors
            /// [`Rule::Blank`], [`Rule::TooLong`] or [`Rule::ControlCharacter`].
            pub fn parse(text: impl AsRef<str> + Into<Box<str>>) -> Result<Self, Invalid> {
                check(text.as_ref(), $field, $max, $controls)?;
                Ok(Self(text.into()))
            }

            /// As [`parse`](Self::parse), with `None` for a text of nothing but blanks.
            ///
            /// # Errors
            /// [`Rule::TooLong`] or [`Rule::ControlCharacter`].
            pub fn parse_optional(text: impl AsRef<str> + Into<Box<str>>) -> Result<Option<Self>, Invalid> {
                if text.as_ref().trim().is_empty() {
                    return Ok(None);
                }
                Self::parse(text).map(Some)
            }

            /// The text as it was typed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// Shows the text.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// Personal data: shows the length, never the text.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }
    };
}

text!(
    /// A client's name: 1 to 100 characters, not blank, no control characters.
    ClientName, Field::Name, 100, Controls::None, read as "String"
);
text!(
    /// A client's phone as it was typed: 1 to 20 characters, not blank, no control characters.
    Phone, Field::Phone, 20, Controls::None, read as "String"
);
text!(
    /// A client's postal address: 1 to 1,000 characters, not blank, no control characters but line breaks and tabs.
    Address, Field::Address, 1_000, Controls::Layout, read as "String"
);
text!(
    /// Why an order came back: 1 to 2,000 characters, not blank, no control characters but line breaks and tabs. One that
    /// was stored before may have more, see [`restore`](Self::restore).
    ReturnReason, Field::ReturnReason, 2_000, Controls::Layout, read as "Stored"
);

impl ReturnReason {
    /// A reason as a store has it, whatever its length and its characters: somebody wrote it, and the Python system let
    /// them. None where it is blank, which says nothing. A reason that is given anew goes through
    /// [`parse`](Self::parse).
    #[must_use]
    pub fn restore(text: impl AsRef<str> + Into<Box<str>>) -> Option<Self> {
        (!text.as_ref().trim().is_empty()).then(|| Self(text.into()))
    }
}

/// Serialized reasons are those of events, which are stored.
#[derive(Deserialize)]
struct Stored(String);

impl TryFrom<Stored> for ReturnReason {
    type Error = Invalid;
    fn try_from(Stored(text): Stored) -> Result<Self, Invalid> {
        Self::restore(text).ok_or_else(|| Invalid::new(Field::ReturnReason, Rule::Blank))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule<T>(parsed: Result<T, Invalid>) -> Option<Rule> {
        parsed.err().map(|invalid| invalid.rule)
    }

    #[test]
    fn a_blank_text_is_refused() {
        for blank in ["", " ", "\u{a0}", "\t\n", "\u{3000}"] {
            assert_eq!(rule(ClientName::parse(blank)), Some(Rule::Blank), "{blank:?}");
            assert_eq!(rule(ReturnReason::parse(blank)), Some(Rule::Blank), "{blank:?}");
        }
    }

    #[test]
    fn limits_count_characters_and_not_bytes() {
        assert_eq!(rule(ClientName::parse("🚚".repeat(100))), None);
        assert_eq!(rule(ClientName::parse("🚚".repeat(101))), Some(Rule::TooLong { max: 100 }));
        assert_eq!(rule(Phone::parse("1".repeat(21))), Some(Rule::TooLong { max: 20 }));
        assert_eq!(rule(Address::parse("ñ".repeat(1_000))), None);
        assert_eq!(rule(ReturnReason::parse("x".repeat(2_001))), Some(Rule::TooLong { max: 2_000 }));
    }

    #[test]
    fn line_breaks_belong_in_addresses_and_reasons_only() {
        for text in ["a\nb", "a\r\nb", "a\tb"] {
            assert_eq!(rule(Address::parse(text)), None);
            assert_eq!(rule(ReturnReason::parse(text)), None);
            assert_eq!(rule(ClientName::parse(text)), Some(Rule::ControlCharacter));
            assert_eq!(rule(Phone::parse(text)), Some(Rule::ControlCharacter));
        }
        for text in ["a\0b", "a\u{1b}b", "a\u{7f}b", "a\u{85}b"] {
            assert_eq!(rule(Address::parse(text)), Some(Rule::ControlCharacter));
        }
    }

    #[test]
    fn a_stored_reason_is_read_whatever_its_length_and_one_that_is_given_is_checked() {
        for text in ["x".repeat(3_000), "a\u{1b}b".to_owned()] {
            assert!(ReturnReason::parse(text.as_str()).is_err());
            let stored = ReturnReason::restore(text.as_str()).unwrap();
            assert_eq!(stored.as_str(), text);
            let json = serde_json::to_string(&stored).unwrap();
            assert_eq!(serde_json::from_str::<ReturnReason>(&json).unwrap(), stored);
        }
        assert_eq!(ReturnReason::restore(" \u{85}"), None);
        assert!(serde_json::from_str::<ReturnReason>("\" \"").is_err());
        assert!(serde_json::from_str::<ClientName>(&format!("\"{}\"", "x".repeat(101))).is_err());
    }

    #[test]
    fn a_blank_phone_is_no_phone() {
        assert_eq!(Phone::parse_optional("").unwrap(), None);
        assert_eq!(Phone::parse_optional(" ").unwrap(), None);
        assert_eq!(rule(Phone::parse_optional("1\n2")), Some(Rule::ControlCharacter));
    }

    #[test]
    fn debug_keeps_the_text_to_itself() {
        assert_eq!(format!("{:?}", ClientName::parse("Ana").unwrap()), "ClientName(3 bytes)");
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_kept_to_the_letter(text in ".{1,120}") {
            if let Ok(name) = ClientName::parse(text.as_str()) {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(text.chars().count() <= 100 && !text.trim().is_empty());
            }
        }
    }
}
