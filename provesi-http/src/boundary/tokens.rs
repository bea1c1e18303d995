//! The tokens by which services prove who they are.

use std::fmt;

use axum::http::{HeaderMap, HeaderName};
use provesi_crypto::ServiceName;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{SOURCE, TOKEN};

type Hash = [u8; 32];

/// The longest name that is logged before it is proved.
const MAX_LOGGED_NAME: usize = 32;

/// The tokens of services: some of their own, one for all others, or both. Kept as hashes, compared in constant time, and
/// never shown.
///
/// A service may have several, so that a new one can be given out before the old one is dropped. A service that has its
/// own is not known by the one for all others.
#[derive(Clone, Default)]
pub struct ServiceTokens {
    own: Vec<(ServiceName, Hash)>,
    shared: Vec<Hash>,
}

impl ServiceTokens {
    /// The fewest bytes that a token may have.
    pub const MIN_BYTES: usize = 16;

    /// With a token of this service.
    ///
    /// # Errors
    /// [`WeakToken`].
    pub fn with(mut self, service: ServiceName, token: &str) -> Result<Self, WeakToken> {
        self.own.push((service, checked(token)?));
        Ok(self)
    }

    /// With a token of every service that has none of its own.
    ///
    /// # Errors
    /// [`WeakToken`].
    pub fn with_shared(mut self, token: &str) -> Result<Self, WeakToken> {
        self.shared.push(checked(token)?);
        Ok(self)
    }

    /// The tokens in a text such as `orders=TOKEN,clients=TOKEN`. A name may be there several times; blanks around names and
    /// tokens are cut. No token may hold a comma.
    ///
    /// # Errors
    /// The first fault, by the number of its part; nothing of what it says, since that may be a token.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Self::default();
        for (number, part) in (1..).zip(text.split(',')) {
            let (name, token) = part.split_once('=').ok_or(format!("part {number} must be NAME=TOKEN"))?;
            let name = name.trim().parse().map_err(|error| format!("part {number}: {error}"))?;
            tokens = tokens.with(name, token.trim()).map_err(|error| format!("part {number}: {error}"))?;
        }
        Ok(tokens)
    }

    /// Whether there is none, so that every internal request is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.shared.is_empty()
    }

    /// The service that a request is from, if it proves that.
    pub(super) fn service(&self, headers: &HeaderMap) -> Option<ServiceName> {
        let name: ServiceName = only(headers, &SOURCE)?.parse().ok()?;
        let token = only(headers, &TOKEN)?;
        self.accepts(&name, token).then_some(name)
    }

    /// The service that a refused request claims to be from, for the log: `invalid` unless it could be the name of a
    /// service. A token that was sent in its place is one that we know, or long.
    pub(super) fn claimed_name<'a>(&self, headers: &'a HeaderMap) -> &'a str {
        let can_be_shown = |name: &&str| {
            let hash = hashed(name);
            let is_token =
                self.own.iter().map(|(_, known)| known).chain(&self.shared).any(|known| known.ct_eq(&hash).into());
            name.len() <= MAX_LOGGED_NAME && name.parse::<ServiceName>().is_ok() && !is_token
        };
        only(headers, &SOURCE).filter(can_be_shown).unwrap_or("invalid")
    }

    /// Looks at all of them, whichever fits: time tells neither where it is nor how much of it was right.
    fn accepts(&self, service: &ServiceName, token: &str) -> bool {
        let hash = hashed(token);
        let (mut fits, mut is_named) = (Choice::from(0), false);
        for (name, known) in &self.own {
            let is_it = name == service;
            is_named |= is_it;
            fits |= Choice::from(u8::from(is_it)) & known.ct_eq(&hash);
        }
        for known in &self.shared {
            fits |= Choice::from(u8::from(!is_named)) & known.ct_eq(&hash);
        }
        fits.into()
    }
}

/// The value of a header that is there once, as ASCII.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Of one length, so that a comparison does not tell that of the token.
fn hashed(token: &str) -> Hash {
    Sha256::digest(token).into()
}

fn checked(token: &str) -> Result<Hash, WeakToken> {
    let can_be_sent = token.bytes().all(|byte| byte.is_ascii_graphic());
    (token.len() >= ServiceTokens::MIN_BYTES && can_be_sent).then(|| hashed(token)).ok_or(WeakToken)
}

impl fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceTokens")
    }
}

/// A token that is too short to be one, or cannot be in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token must have at least 16 characters of ASCII, without blanks")]
pub struct WeakToken;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const A: &str = "token-of-the-orders";
    const B: &str = "token-of-the-clients";

    fn service(tokens: &ServiceTokens, pairs: &[(HeaderName, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        tokens.service(&headers).map(|name| name.to_string())
    }

    #[test]
    fn a_service_is_known_by_a_token_of_its_own_alone() {
        let tokens =
            ServiceTokens::parse(&format!("orders={A}, clients = {B} ,orders=another-one-of-the-orders")).unwrap();
        let known = |source, token| service(&tokens, &[(SOURCE, source), (TOKEN, token)]);
        assert_eq!(known("orders", A).as_deref(), Some("orders"));
        assert_eq!(known("orders", "another-one-of-the-orders").as_deref(), Some("orders"));
        assert_eq!(known("clients", B).as_deref(), Some("clients"));
        for (source, token) in
            [("orders", B), ("clients", A), ("Orders", A), ("others", A), ("orders", ""), ("orders", &A[1..]), ("", A)]
        {
            assert_eq!(known(source, token), None, "{source} {token}");
        }
        assert_eq!(service(&tokens, &[(SOURCE, "orders")]), None);
        assert_eq!(service(&tokens, &[(SOURCE, "orders"), (TOKEN, A), (TOKEN, A)]), None);
        assert_eq!(service(&tokens, &[(SOURCE, "orders"), (SOURCE, "orders"), (TOKEN, A)]), None);
    }

    #[test]
    fn one_for_all_is_for_those_without_their_own() {
        let tokens = ServiceTokens::parse(&format!("orders={A}")).unwrap().with_shared(B).unwrap();
        let known = |source, token| service(&tokens, &[(SOURCE, source), (TOKEN, token)]);
        assert_eq!(known("anyone", B).as_deref(), Some("anyone"));
        assert_eq!((known("orders", B), known("anyone", A), known("a b", B)), (None, None, None));
        assert_eq!(service(&ServiceTokens::default(), &[(SOURCE, "orders"), (TOKEN, "")]), None);
    }

    #[test]
    fn weak_tokens_are_refused_and_none_is_told() {
        for text in ["orders", "orders=", "orders=hunter2", "a b=0123456789abcdef", "=0123456789abcdef", "", "a=b,"] {
            let why = ServiceTokens::parse(text).unwrap_err();
            assert!(why.starts_with("part 1") && !why.contains("hunter2"), "{text}: {why}");
        }
        assert_eq!(ServiceTokens::default().with_shared("hunter2 and hunter2"), Err(WeakToken));
        let tokens = ServiceTokens::default().with_shared(A).unwrap();
        assert_eq!(format!("{tokens:?}"), "ServiceTokens");
    }

    impl PartialEq for ServiceTokens {
        fn eq(&self, other: &Self) -> bool {
            self.own == other.own && self.shared == other.shared
        }
    }
}
