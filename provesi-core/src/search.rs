//! How a search compares texts: without letter case, accents and other marks.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::{ClientRow, Field, Invalid, Rule};

/// `text` as searches compare it: compatibility decomposition (Unicode NFKD) without combining marks, in lower case.
///
/// ```
/// assert_eq!(provesi_core::fold("Ñandú ﬁna"), "nandu fina");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).collect()
}

/// The digits of `text`, without the country code of Colombia where a whole number of ten digits follows it.
#[must_use]
pub fn phone_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("57") {
        Some(number) if number.len() == 10 => number.to_owned(),
        _ => digits,
    }
}

/// A text to look for among the reasons of returns: 1 to 100 characters, not blank, surrounding blanks cut. A reason matches
/// where, [folded](fold), it contains the folded text.
#[derive(Clone, PartialEq, Eq)]
pub struct ReasonQuery {
    text: Box<str>,
    folded: Box<str>,
}

impl ReasonQuery {
    /// Checks a text to look for.
    ///
    /// # Errors
    /// [`Rule::Blank`], [`Rule::TooLong`] or [`Rule::ControlCharacter`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (text, folded) = looked_for(text)?;
        Ok(Self { text: text.into(), folded: folded.into() })
    }

    /// The text as it was typed, without surrounding blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a reason contains the text. One that is written over several lines is one text.
    #[must_use]
    pub fn matches(&self, reason: &str) -> bool {
        fold(reason).contains(&*self.folded)
    }
}

/// What somebody looks for may name a person: it is not for logs.
impl fmt::Debug for ReasonQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasonQuery").field("bytes", &self.text.len()).finish()
    }
}

/// A text to look for without blanks around it, and folded.
fn looked_for(text: &str) -> Result<(&str, String), Invalid> {
    let text = text.trim();
    let refuse = |rule| Err(Invalid::new(Field::Query, rule));
    // A text of marks alone folds to nothing, and nothing is in every text.
    let folded = fold(text);
    if folded.trim().is_empty() {
        return refuse(Rule::Blank);
    }
    if text.chars().count() > ClientQuery::MAX_CHARS {
        return refuse(Rule::TooLong { max: ClientQuery::MAX_CHARS });
    }
    if text.chars().any(char::is_control) {
        return refuse(Rule::ControlCharacter);
    }
    Ok((text, folded))
}

/// How close a client comes to a text that was looked for, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRank {
    /// The name starts with the text.
    NameStart,
    /// The e-mail address starts with the text, and the name does not.
    EmailStart,
    /// The text is further inside one of them, or in the phone.
    Inside,
}

impl MatchRank {
    /// All of them, the closest first.
    pub const ALL: [Self; 3] = [Self::NameStart, Self::EmailStart, Self::Inside];
}

/// A text to look for among clients: 1 to 100 characters, not blank, surrounding blanks cut.
///
/// A client matches where the folded name or the folded e-mail address contains the folded text, or where the text
/// is made of digits, blanks and `+ - ( ) .` alone, and the digits of the phone contain its digits. Whose name or
/// address starts with the text comes before the others, see [`MatchRank`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientQuery {
    text: Box<str>,
    folded: Box<str>,
    digits: Option<Box<str>>,
}

impl ClientQuery {
    /// The most characters a text to look for may have.
    pub const MAX_CHARS: usize = 100;

    /// Checks a text to look for.
    ///
    /// # Errors
    /// [`Rule::Blank`], [`Rule::TooLong`] or [`Rule::ControlCharacter`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (text, folded) = looked_for(text)?;
        let is_phone = text.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c));
        let digits = Some(phone_digits(text)).filter(|digits| is_phone && !digits.is_empty());
        Ok(Self { text: text.into(), folded: folded.into(), digits: digits.map(Into::into) })
    }

    /// The text as it was typed, without surrounding blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to look for in the folded name and e-mail address.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// What to look for in the [`phone_digits`] of the phone, if the text may be part of a phone.
    #[must_use]
    pub fn digits(&self) -> Option<&str> {
        self.digits.as_deref()
    }

    /// How close `client` comes, if it matches: the rule that every store's search must agree with.
    #[must_use]
    pub fn rank(&self, client: &ClientRow) -> Option<MatchRank> {
        let (name, email) = (fold(&client.name), fold(&client.email));
        if name.starts_with(&*self.folded) {
            return Some(MatchRank::NameStart);
        }
        if email.starts_with(&*self.folded) {
            return Some(MatchRank::EmailStart);
        }
        let in_phone = |digits: &str| client.phone.as_deref().is_some_and(|phone| phone_digits(phone).contains(digits));
        let is_inside =
            name.contains(&*self.folded) || email.contains(&*self.folded) || self.digits().is_some_and(in_phone);
        is_inside.then_some(MatchRank::Inside)
    }

    /// Whether `client` matches.
    #[must_use]
    pub fn matches(&self, client: &ClientRow) -> bool {
        self.rank(client).is_some()
    }
}

impl fmt::Debug for ClientQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientQuery({} bytes)", self.text.len())
    }
}

impl TryFrom<String> for ClientQuery {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<ClientQuery> for String {
    fn from(query: ClientQuery) -> Self {
        query.text.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ClientId, ClientName, Timestamp};

    fn client(name: &str, email: &str, phone: &str) -> ClientRow {
        let at = Timestamp::from_micros(0).unwrap();
        ClientRow {
            id: ClientId::from_bytes([1; 12]),
            name: name.to_owned(),
            email: email.to_owned(),
            phone: Some(phone.to_owned()),
            address: None,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn names_match_without_accents_and_phones_without_prefix_or_blanks() {
        let client = client("Ñandú Ferretería", "Ventas@ejemplo.co", "(+57) 300 123 4567");
        for text in ["nandu", "FERRETERIA", "ñandú", "ventas@EJ", "3001234567", "+57 300-123", "123 45"] {
            let found = ClientQuery::parse(text).unwrap().matches(&client);
            assert_eq!(found, text != "+57 300-123", "{text}");
        }
        assert!(ClientQuery::parse("+57 300 1234567").unwrap().matches(&client));
        assert!(!ClientQuery::parse("otra").unwrap().matches(&client));
    }

    #[test]
    fn reasons_match_without_accents_and_letter_case() {
        let matches = |text: &str| ReasonQuery::parse(text).unwrap().matches("Llegó ROTO;\nfaltó una pieza");
        assert!(matches("llego roto") && matches(" Faltó ") && matches("PIEZA"));
        assert!(!matches("rotos"));
        for text in ["", "  ", "\u{301}", "a\nb", &"a".repeat(101)] {
            assert!(ReasonQuery::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_starts_with_the_text_is_closer_than_what_contains_it() {
        let rank = |text: &str| {
            ClientQuery::parse(text).unwrap().rank(&client("Ñandú Ferretería", "ventas@nandu.co", "300 123 4567"))
        };
        assert_eq!(rank("nandu f"), Some(MatchRank::NameStart));
        assert_eq!(rank("VENTAS@"), Some(MatchRank::EmailStart));
        for text in ["ferreteria", "andu.co", "3001"] {
            assert_eq!(rank(text), Some(MatchRank::Inside), "{text}");
        }
        assert_eq!(rank("nadie"), None);
        assert!(MatchRank::ALL.is_sorted());
    }

    #[test]
    fn a_text_that_folds_to_nothing_is_refused() {
        for text in ["", "  ", "\u{301}"] {
            assert_eq!(ClientQuery::parse(text).unwrap_err().rule, Rule::Blank, "{text:?}");
        }
        assert_eq!(ClientQuery::parse(&"x".repeat(101)).unwrap_err().rule, Rule::TooLong { max: 100 });
    }

    proptest! {
        #[test]
        fn a_client_is_found_by_any_part_of_its_name(name in "\\PC{1,40}", from in 0..40_usize, take in 1..40_usize) {
            prop_assume!(ClientName::parse(name.as_str()).is_ok());
            let part: String = name.chars().skip(from).take(take).collect();
            if let Ok(query) = ClientQuery::parse(&part) {
                let client = client(&name, "a@example.com", "");
                prop_assert!(query.matches(&client), "{:?} in {:?}", part, name);
            }
        }
    }
}
