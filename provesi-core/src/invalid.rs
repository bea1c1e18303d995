//! What a refused input says: which field, and which rule it breaks. No text of the input itself.

use std::fmt;

use crate::OrderStatus;

/// The field that a rule speaks of, by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// A client's id: 24 hex digits.
    ClientId,
    /// A client's name.
    Name,
    /// A client's e-mail address.
    Email,
    /// A client's phone.
    Phone,
    /// A client's address.
    Address,
    /// An order's number.
    OrderNumber,
    /// An order's status.
    Status,
    /// The reason of a return.
    ReturnReason,
    /// An instant.
    Instant,
    /// The name of an actor.
    Actor,
    /// The size of a page.
    Limit,
    /// A text to search for.
    Query,
    /// The subject of audit records.
    Subject,
    /// The head of the audit chain.
    AuditHead,
    /// A name in an audit record.
    AuditName,
    /// An idempotency key.
    IdempotencyKey,
}

impl Field {
    /// The fields of records, in their order: those that a write may name.
    const OF_RECORDS: [Self; 8] = [
        Self::ClientId,
        Self::Name,
        Self::Email,
        Self::Phone,
        Self::Address,
        Self::OrderNumber,
        Self::Status,
        Self::ReturnReason,
    ];

    /// The field's name as JSON, SQL, BSON and forms spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::OrderNumber => "order_number",
            Self::Status => "status",
            Self::ReturnReason => "return_reason",
            Self::Instant => "instant",
            Self::Actor => "actor",
            Self::Limit => "limit",
            Self::Query => "q",
            Self::Subject => "subject",
            Self::AuditHead => "head",
            Self::AuditName => "audit",
            Self::IdempotencyKey => "Idempotency-Key",
        }
    }
}

/// The names of the fields of records.
impl std::str::FromStr for Field {
    type Err = Invalid;
    fn from_str(name: &str) -> Result<Self, Invalid> {
        let known = Self::OF_RECORDS.into_iter().find(|field| field.as_str() == name);
        known.ok_or(Invalid::new(Self::AuditName, Rule::UnknownName))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule that an input breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Nothing but blanks where something is needed.
    Blank,
    /// More than `max` characters (Unicode scalar values).
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// A control character; line breaks and tabs are allowed in addresses and reasons.
    ControlCharacter,
    /// A character outside `A-Z a-z 0-9 -`.
    NumberCharset,
    /// Not 1 to `max` visible ASCII characters.
    VisibleAscii {
        /// The most characters allowed.
        max: usize,
    },
    /// Not an e-mail address.
    Email(EmailFault),
    /// Not 24 hex digits.
    ObjectId,
    /// Not one of [`OrderStatus::ALL`].
    UnknownStatus,
    /// Not an RFC 3339 instant of the years 1 to 9999.
    Instant,
    /// Not the text of a [`Subject`](crate::Subject).
    Subject,
    /// Not the text of an [`AuditHead`](crate::AuditHead).
    AuditHead,
    /// Not a name of this release's.
    UnknownName,
    /// Outside the allowed numbers.
    Range {
        /// The least allowed.
        min: u32,
        /// The most allowed.
        max: u32,
    },
}

impl Rule {
    /// The rule's name for machines, such as `too_long`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooLong { .. } => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NumberCharset => "number_charset",
            Self::VisibleAscii { .. } => "visible_ascii",
            Self::Email(_) => "email",
            Self::ObjectId => "object_id",
            Self::UnknownStatus => "unknown_status",
            Self::Instant => "instant",
            Self::Subject => "subject",
            Self::AuditHead => "audit_head",
            Self::UnknownName => "unknown_name",
            Self::Range { .. } => "range",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("must not be blank"),
            Self::TooLong { max } => write!(f, "must have at most {max} characters"),
            Self::ControlCharacter => f.write_str("must not contain control characters"),
            Self::NumberCharset => f.write_str("may contain letters A-Z, digits and hyphens only"),
            Self::VisibleAscii { max } => write!(f, "must be 1 to {max} visible ASCII characters, given once"),
            Self::Email(fault) => write!(f, "must be an e-mail address: {fault}"),
            Self::ObjectId => f.write_str("must be 24 hexadecimal digits"),
            Self::UnknownStatus => {
                f.write_str("must be one of ")?;
                for (at, status) in OrderStatus::ALL.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    f.write_str(status.as_str())?;
                }
                Ok(())
            }
            Self::Instant => f.write_str("must be an RFC 3339 instant of the years 1 to 9999"),
            Self::Subject => f.write_str("must be client:ID, order:NUMBER or order-id:ID"),
            Self::AuditHead => f.write_str("must be N:HASH, with a hash of 64 hexadecimal digits"),
            Self::UnknownName => f.write_str("must be a name of this release"),
            Self::Range { min, max } => write!(f, "must be between {min} and {max}"),
        }
    }
}

/// What is wrong with an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmailFault {
    /// No `@`.
    NoAt,
    /// Nothing before the `@`.
    NoLocalPart,
    /// Nothing after the `@`.
    NoDomain,
    /// The part before the `@` is in quotes.
    Quoted,
    /// An IP address in brackets after the `@`.
    DomainLiteral,
    /// No period after the `@`.
    NoPeriod,
    /// Two periods in a row.
    TwoPeriods,
    /// Longer than RFC 5321 allows: 64 bytes before the `@`, 254 bytes in all.
    TooLong,
    /// A character, or its place, that RFC 5322 does not allow.
    Syntax,
}

impl fmt::Display for EmailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAt => "there is no @",
            Self::NoLocalPart => "there is nothing before the @",
            Self::NoDomain => "there is nothing after the @",
            Self::Quoted => "the part before the @ is in quotes",
            Self::DomainLiteral => "there is an IP address after the @",
            Self::NoPeriod => "there is no period after the @",
            Self::TwoPeriods => "there are two periods in a row",
            Self::TooLong => "it is too long",
            Self::Syntax => "a character is not allowed there",
        })
    }
}

/// A refused input: the field and the rule.
///
/// ```
/// use provesi_core::{ClientName, Field, Rule};
///
/// let refused = ClientName::parse("  ").unwrap_err();
/// assert_eq!((refused.field, refused.rule), (Field::Name, Rule::Blank));
/// assert_eq!(refused.to_string(), "name must not be blank");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{field} {rule}")]
#[non_exhaustive]
pub struct Invalid {
    /// The field that was refused.
    pub field: Field,
    /// The rule that it breaks.
    pub rule: Rule,
}

impl Invalid {
    /// Says that `field` breaks `rule`.
    #[must_use]
    pub const fn new(field: Field, rule: Rule) -> Self {
        Self { field, rule }
    }
}
