//! Who does something, from where and when.

use std::fmt;
use std::net::IpAddr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

use crate::{Field, IdempotencyKey, Invalid, Rule, Timestamp};

/// The name of a user, a service or a part of the system: 1 to 64 characters, not blank, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActorName(Box<str>);

impl ActorName {
    /// The most characters a name may have.
    pub const MAX_CHARS: usize = 64;

    /// Checks a name; surrounding blanks are cut.
    ///
    /// # Errors
    /// [`Rule::Blank`], [`Rule::TooLong`] or [`Rule::ControlCharacter`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let refuse = |rule| Err(Invalid::new(Field::Actor, rule));
        if text.is_empty() {
            return refuse(Rule::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return refuse(Rule::TooLong { max: Self::MAX_CHARS });
        }
        if text.chars().any(char::is_control) {
            return refuse(Rule::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who does something.
///
/// The text form (`anonymous`, `user:NAME`, `service:NAME`, `system:NAME`) is what stores keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, SerializeDisplay, DeserializeFromStr)]
pub enum Actor {
    /// Nobody said who.
    #[default]
    Anonymous,
    /// A person.
    User(ActorName),
    /// Another service.
    Service(ActorName),
    /// A part of Provesi itself: an import, the integrity check.
    System(ActorName),
}

impl Actor {
    /// A part of Provesi itself.
    ///
    /// # Errors
    /// As [`ActorName::parse`].
    pub fn system(name: &str) -> Result<Self, Invalid> {
        ActorName::parse(name).map(Self::System)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(name) => write!(f, "user:{}", name.as_str()),
            Self::Service(name) => write!(f, "service:{}", name.as_str()),
            Self::System(name) => write!(f, "system:{}", name.as_str()),
        }
    }
}

impl std::str::FromStr for Actor {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some(("user", name)) => ActorName::parse(name).map(Self::User),
            Some(("service", name)) => ActorName::parse(name).map(Self::Service),
            Some(("system", name)) => ActorName::parse(name).map(Self::System),
            None if text == "anonymous" => Ok(Self::Anonymous),
            _ => Err(Invalid::new(Field::Actor, Rule::Blank)),
        }
    }
}

/// Who asks for something, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The network address that the request came from, if it came over a network.
    pub address: Option<IpAddr>,
    /// The id of the request, for finding its other traces. At most 128 visible ASCII characters, else unused.
    pub request_id: Option<Box<str>>,
    /// The key under which a write is done once, if the caller chose one. Never part of a record or an event.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl Caller {
    /// A part of Provesi itself, on this machine.
    ///
    /// # Errors
    /// As [`ActorName::parse`].
    pub fn system(name: &str) -> Result<Self, Invalid> {
        Ok(Self { actor: Actor::system(name)?, ..Self::default() })
    }

    /// This caller, for a part of a request that changes several records: with an idempotency key of its own, if there is one.
    #[must_use]
    pub fn for_part(&self, part: &str) -> Self {
        let idempotency_key = self.idempotency_key.map(|key| key.part(part));
        Self { idempotency_key, ..self.clone() }
    }
}

/// Who makes a change, from where and when: what a store keeps in the event of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the change is made; the record's new version, or the base of it, see [`Timestamp::next`].
    pub at: Timestamp,
    /// Who makes it.
    pub actor: Actor,
    /// The network address that it came from.
    pub address: Option<IpAddr>,
}

impl Stamp {
    /// A change by `caller` at `at`.
    #[must_use]
    pub fn new(at: Timestamp, caller: &Caller) -> Self {
        Self { at, actor: caller.actor.clone(), address: caller.address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_round_trip_through_their_text() {
        for text in ["anonymous", "user:Ana Pérez", "service:orders", "system:import", "user:a:b"] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
        for text in ["", "user:", "user: ", "root:x", "nobody", "user:a\nb"] {
            assert!(text.parse::<Actor>().is_err(), "{text:?}");
        }
    }
}
