//! E-mail addresses: checked by the `email_address` crate, unique whatever the letter case.

use std::fmt;

use email_address::{EmailAddress, Options};
use serde::Serialize;
use serde_with::DeserializeFromStr;

use crate::{EmailFault, Field, Invalid, Rule};

/// A client's e-mail address.
///
/// Surrounding blanks are cut and the domain is put in lower case; the part before the `@` is kept as it was
/// typed. Two addresses that differ in letter case only are one: stores keep [`folded`](Self::folded) unique.
///
/// ```
/// let email: provesi_core::Email = " Ana.Perez@Example.COM ".parse()?;
/// assert_eq!(email.as_str(), "Ana.Perez@example.com");
/// assert_eq!(email.folded(), "ana.perez@example.com");
/// # Ok::<(), provesi_core::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, DeserializeFromStr)]
pub struct Email(Box<str>);

impl Email {
    /// The most bytes an address may have (RFC 5321, 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Checks an address and brings it into the form that is kept.
    ///
    /// # Errors
    /// [`Rule::Email`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let refuse = |fault| Err(Invalid::new(Field::Email, Rule::Email(fault)));
        let Some((local, domain)) = text.rsplit_once('@') else {
            return refuse(EmailFault::NoAt);
        };
        // What is checked is what is kept: some letters are longer, or none any more, in lower case.
        let domain = lower(domain);
        let kept = format!("{local}@{domain}");
        match fault(&kept, local, &domain) {
            Some(fault) => refuse(fault),
            None => Ok(Self(kept.into())),
        }
    }

    /// The address as it is shown: the part before the `@` as typed, the domain in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which addresses are compared: every letter in lower case by itself, whatever stands around it.
    #[must_use]
    pub fn folded(&self) -> String {
        lower(&self.0)
    }
}

/// `str::to_lowercase` looks at where a sigma stands, so that two spellings of one word would differ.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn fault(text: &str, local: &str, domain: &str) -> Option<EmailFault> {
    if local.is_empty() {
        return Some(EmailFault::NoLocalPart);
    }
    if domain.is_empty() {
        return Some(EmailFault::NoDomain);
    }
    if local.starts_with('"') {
        return Some(EmailFault::Quoted);
    }
    if domain.starts_with('[') {
        return Some(EmailFault::DomainLiteral);
    }
    if local.contains("..") || domain.contains("..") {
        return Some(EmailFault::TwoPeriods);
    }
    if !domain.contains('.') {
        return Some(EmailFault::NoPeriod);
    }
    if text.len() > Email::MAX_BYTES {
        return Some(EmailFault::TooLong);
    }
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    match EmailAddress::parse_with_options(text, options) {
        // The crate allows what RFC 6531 allows; a blank or a control character is of no use in an address.
        Ok(_) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => Some(EmailFault::Syntax),
        Ok(_) => None,
        Err(
            email_address::Error::LocalPartTooLong
            | email_address::Error::DomainTooLong
            | email_address::Error::SubDomainTooLong,
        ) => Some(EmailFault::TooLong),
        Err(_) => Some(EmailFault::Syntax),
    }
}

impl std::str::FromStr for Email {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// Shows the address.
impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Personal data: shows the length, never the address.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> EmailFault {
        match Email::parse(text) {
            Err(Invalid { field: Field::Email, rule: Rule::Email(fault) }) => fault,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        assert_eq!(refused("ana"), EmailFault::NoAt);
        assert_eq!(refused(""), EmailFault::NoAt);
        assert_eq!(refused("@example.com"), EmailFault::NoLocalPart);
        assert_eq!(refused("ana@"), EmailFault::NoDomain);
        assert_eq!(refused("ana@localhost"), EmailFault::NoPeriod);
        assert_eq!(refused("\"a b\"@example.com"), EmailFault::Quoted);
        assert_eq!(refused("a@[127.0.0.1]"), EmailFault::DomainLiteral);
        assert_eq!(refused("a..b@example.com"), EmailFault::TwoPeriods);
        assert_eq!(refused("a b@example.com"), EmailFault::Syntax);
        assert_eq!(refused("a\0b@example.com"), EmailFault::Syntax);
        assert_eq!(refused("Ana <ana@example.com>"), EmailFault::Syntax);
        assert_eq!(refused(&format!("{}@example.com", "a".repeat(65))), EmailFault::TooLong);
        assert_eq!(refused(&format!("a@{}.com", "b.".repeat(130))), EmailFault::TwoPeriods);
        assert_eq!(refused(&format!("a@{}com", "b.".repeat(130))), EmailFault::TooLong);
    }

    #[test]
    fn what_callers_send_today_is_accepted() {
        for text in ["a+b.c_d@sub.example.co", "o'neil@example.com", "ñandú@ejemplo.com.co"] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_lower_case_makes_of_a_domain_is_checked_too() {
        for text in ["a@İ.com".to_owned(), format!("a@{}.com", "Ⱥ".repeat(31)), format!("a@{}com", "ȺȺȺȺ.".repeat(24))]
        {
            match Email::parse(&text) {
                Ok(email) => assert_eq!(Email::parse(email.as_str()).unwrap(), email, "{text}"),
                Err(invalid) => assert!(matches!(invalid.rule, Rule::Email(_))),
            }
        }
    }

    #[test]
    fn a_sigma_is_a_sigma_wherever_it_stands() {
        let folded = |text: &str| Email::parse(text).unwrap().folded();
        assert_eq!(folded("ΑΣ@example.com"), folded("ασ@example.com"));
    }

    proptest! {
        #[test]
        fn letters_that_grow_in_lower_case_do_no_harm(text in "[aİȺΣẞ.-]{1,70}@[aİȺΣẞ.-]{1,130}\\.(com|İ|Ⱥo)") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().len() <= Email::MAX_BYTES);
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
            }
        }

        #[test]
        fn parsing_is_idempotent_and_never_panics(text in ".{0,40}@.{0,40}|.{0,60}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email.clone());
                prop_assert_eq!(lower(&email.folded()), email.folded());
            }
        }
    }
}
