//! Whose record was seen or changed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::{ClientId, Field, Invalid, OrderNumber, Rule};

/// Whose record was seen or changed.
///
/// The text form is what stores keep and callers ask by: `client:ID`, `order:NUMBER`, all in lower case, since a number
/// is one number in any letter case. So are `==` and the hash: `ORD-1` and `ord-1` are one subject.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Subject {
    /// A client.
    Client(ClientId),
    /// An order.
    Order(OrderNumber),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Order(number) => write!(f, "order:{}", number.folded()),
        }
    }
}

/// In any letter case.
impl FromStr for Subject {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = Invalid::new(Field::Subject, Rule::Subject);
        let (kind, name) = text.split_once(':').ok_or(refused)?;
        let subject = match kind {
            "client" => name.parse().map(Self::Client),
            "order" => name.parse().map(Self::Order),
            _ => return Err(refused),
        };
        subject.map_err(|_| refused)
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client(a), Self::Client(b)) => a == b,
            (Self::Order(a), Self::Order(b)) => a.matches(b),
            _ => false,
        }
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Client(id) => id.hash(state),
            Self::Order(number) => number.folded().hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_round_trips_and_knows_no_letter_case() {
        for text in ["client:6b050af58b3059b0f61239f2", "order:ord-001"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        let typed: Subject = "order:Ord-001".parse().unwrap();
        assert_eq!(typed, "order:ORD-001".parse().unwrap());
        assert_eq!(typed.to_string(), "order:ord-001");
        for text in ["", "client", "client:", "client:x", "order:", "order:a b", "user:ana", "Order:a", "order:a:b"] {
            assert_eq!(text.parse::<Subject>(), Err(Invalid::new(Field::Subject, Rule::Subject)), "{text:?}");
        }
    }
}
