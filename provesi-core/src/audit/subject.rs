//! Whose record was seen or changed.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::{ClientId, Field, Invalid, OrderId, OrderNumber, Rule};

/// Whose record was seen or changed.
///
/// The text form is what stores keep and callers ask by: `client:ID`, `order:NUMBER`, `order-id:ID`, all in lower case, since
/// a number is one number in any letter case. `==`, the hash and the order go by it: `ORD-1` and `ord-1` are one subject.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Subject {
    /// A client.
    Client(ClientId),
    /// An order.
    Order(OrderNumber),
    /// An order whose number breaks the rules, or is not known.
    OrderId(OrderId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Order(number) => write!(f, "order:{}", number.folded()),
            Self::OrderId(id) => write!(f, "order-id:{id}"),
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
            "order-id" => name.parse().map(|id| Self::OrderId(OrderId::new(id))).map_err(|_| refused),
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
            (Self::OrderId(a), Self::OrderId(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Subject {}

/// The order of the texts.
impl Ord for Subject {
    fn cmp(&self, other: &Self) -> Ordering {
        fn folded(number: &OrderNumber) -> impl Iterator<Item = u8> {
            number.as_str().bytes().map(|byte| byte.to_ascii_lowercase())
        }
        // `order-` comes before `order:`.
        let kind = |subject: &Self| match subject {
            Self::Client(_) => 0,
            Self::OrderId(_) => 1,
            Self::Order(_) => 2,
        };
        match (self, other) {
            (Self::Client(a), Self::Client(b)) => a.cmp(b),
            (Self::OrderId(a), Self::OrderId(b)) => a.to_string().cmp(&b.to_string()),
            (Self::Order(a), Self::Order(b)) => folded(a).cmp(folded(b)),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

impl PartialOrd for Subject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Client(id) => id.hash(state),
            Self::Order(number) => number.folded().hash(state),
            Self::OrderId(id) => id.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_in_the_order_of_their_texts() {
        let mut texts = vec![
            "order:ord-001",
            "client:6b050af58b3059b0f61239f2",
            "order:ORD-0010",
            "order:a",
            "client:0a050af58b3059b0f61239f2",
            "order:A-",
            "order:0",
            "order-id:10",
            "order-id:9",
            "order:ord-0",
            "client:9b050af58b3059b0f61239f2",
            "order:Z",
        ];
        let mut subjects: Vec<Subject> = texts.iter().map(|text| text.parse().unwrap()).collect();
        subjects.sort();
        texts.sort_unstable_by_key(|text| text.to_ascii_lowercase());
        let sorted: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, texts.iter().map(|text| text.to_ascii_lowercase()).collect::<Vec<_>>());
    }

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
