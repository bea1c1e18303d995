//! Order numbers.

use std::fmt;

use serde::Serialize;
use serde_with::DeserializeFromStr;

use crate::{Field, Invalid, Rule};

/// An order's number: 1 to 32 characters of `A-Z a-z 0-9 -`.
///
/// Shown as it was typed and unique whatever the letter case: stores keep [`folded`](Self::folded) unique and find
/// by it. `==` compares to the letter, since a change of letter case is a change.
///
/// ```
/// let number: provesi_core::OrderNumber = "Ord-001".parse()?;
/// assert_eq!((number.as_str(), number.folded().as_str()), ("Ord-001", "ord-001"));
/// # Ok::<(), provesi_core::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, DeserializeFromStr)]
pub struct OrderNumber(Box<str>);

impl OrderNumber {
    /// The most characters a number may have.
    pub const MAX_CHARS: usize = 32;

    /// Checks a number.
    ///
    /// # Errors
    /// [`Rule::TooLong`], else [`Rule::NumberCharset`], also for the empty text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check(text, Field::OrderNumber)?;
        Ok(Self(text.into()))
    }

    /// The number as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which numbers are compared: all in lower case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether `other` is this number in any letter case.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

fn check(text: &str, field: Field) -> Result<(), Invalid> {
    if text.len() > OrderNumber::MAX_CHARS && text.chars().count() > OrderNumber::MAX_CHARS {
        return Err(Invalid::new(field, Rule::TooLong { max: OrderNumber::MAX_CHARS }));
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Invalid::new(field, Rule::NumberCharset));
    }
    Ok(())
}

impl std::str::FromStr for OrderNumber {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderNumber({})", self.0)
    }
}

/// Part of an order's number to search for, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct NumberPart(Box<str>);

impl NumberPart {
    /// Checks a part of a number; surrounding blanks are cut.
    ///
    /// # Errors
    /// [`Rule::TooLong`] or [`Rule::NumberCharset`]: no number can hold such a part.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        check(text, Field::Query)?;
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The part in lower case, to be looked for in [`OrderNumber::folded`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_letters_digits_and_hyphens() {
        for text in ["", "A B", "A_B", "Ñ-1", "A\n", "\nA", "A.B", "a/b", "a\0"] {
            let refused = OrderNumber::parse(text).unwrap_err();
            assert_eq!(refused, Invalid::new(Field::OrderNumber, Rule::NumberCharset), "{text:?}");
        }
        assert_eq!(OrderNumber::parse(&"x".repeat(33)).unwrap_err().rule, Rule::TooLong { max: 32 });
        assert!(OrderNumber::parse(&"x".repeat(32)).is_ok());
    }

    proptest! {
        #[test]
        fn a_number_matches_itself_in_any_case(text in "[A-Za-z0-9-]{1,32}") {
            let number = OrderNumber::parse(&text).unwrap();
            prop_assert_eq!(number.as_str(), text.as_str());
            let upper = OrderNumber::parse(&text.to_uppercase()).unwrap();
            prop_assert!(number.matches(&upper));
            prop_assert_eq!(number.folded(), upper.folded());
        }
    }
}
