//! Short ways to valid test data. What a test does not name has a plain value of its own.

use std::net::{IpAddr, Ipv4Addr};

use provesi_core::{
    Actor, ActorName, Address, Client, ClientId, ClientName, Email, NewOrder, Order, OrderNumber, OrderState,
    OrderStatus, Phone, ReturnReason, Stamp, Timestamp, fold,
};

/// The instant `seconds` after 2026-01-01T00:00:00Z.
///
/// # Panics
/// Outside the years 1 to 9999.
#[must_use]
pub fn instant(seconds: i64) -> Timestamp {
    const START: i64 = 1_767_225_600;
    Timestamp::from_micros((START + seconds) * 1_000_000).expect("an instant of a test is within the years 1 to 9999")
}

/// A change at [`instant(seconds)`](instant) by `user:tester` from 192.0.2.7 (an address for documentation).
///
/// # Panics
/// As [`instant`].
#[must_use]
pub fn stamp(seconds: i64) -> Stamp {
    let tester = ActorName::parse("tester").expect("the name is short and plain");
    let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 7));
    Stamp { at: instant(seconds), actor: Actor::User(tester), address: Some(address) }
}

/// The client id whose last bytes count to `n`.
#[must_use]
pub const fn client_id(n: u64) -> ClientId {
    let [a, b, c, d, e, f, g, h] = n.to_be_bytes();
    ClientId::from_bytes([0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

/// An order number.
///
/// # Panics
/// Where `text` is none.
#[must_use]
pub fn number(text: &str) -> OrderNumber {
    OrderNumber::parse(text).unwrap_or_else(|refused| panic!("{text:?}: {refused}"))
}

/// An e-mail address.
///
/// # Panics
/// Where `text` is none.
#[must_use]
pub fn email(text: &str) -> Email {
    Email::parse(text).unwrap_or_else(|refused| panic!("{text:?}: {refused}"))
}

/// A state of an order that is not a return.
///
/// # Panics
/// For [`OrderStatus::Returned`], see [`returned`].
#[must_use]
pub fn state(status: OrderStatus) -> OrderState {
    OrderState::new(status, None, instant(0)).expect("a return is made by `returned`")
}

/// The state of an order that came back for `reason` at [`instant(seconds)`](instant).
///
/// # Panics
/// Where `reason` is no [`ReturnReason`].
#[must_use]
pub fn returned(reason: &str, seconds: i64) -> OrderState {
    let reason = ReturnReason::parse(reason).unwrap_or_else(|refused| panic!("{reason:?}: {refused}"));
    OrderState::new(OrderStatus::Returned, Some(reason), instant(seconds)).expect("there is a reason")
}

/// A client of this name, with an id and an e-mail address made from it (`Ana Pérez`: `ana.perez@example.com`), no
/// phone and no address, made at [`instant(0)`](instant).
///
/// # Panics
/// Where `name` is no [`ClientName`].
#[must_use]
pub fn client(name: &str) -> Client {
    let words: Vec<String> = fold(name)
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let local: String = words.join(".").chars().take(60).collect();
    // FNV-1a: the same on every machine, so that a failure shows the same ids again.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let local = if local.is_empty() { format!("{hash:x}") } else { local.trim_end_matches('.').to_owned() };
    Client {
        id: client_id(hash),
        name: ClientName::parse(name).unwrap_or_else(|refused| panic!("{name:?}: {refused}")),
        email: email(&format!("{local}@example.com")),
        phone: None,
        address: None,
        created_at: instant(0),
        updated_at: instant(0),
    }
}

/// Changes to a client in one expression, for tests.
///
/// ```
/// use provesi_testkit::{EditClient, client};
///
/// let ana = client("Ana").with_phone("300 123 4567");
/// assert_eq!(ana.email.as_str(), "ana@example.com");
/// ```
///
/// Each panics where the text breaks the rules of its field.
pub trait EditClient {
    /// With the id [`client_id(n)`](client_id).
    #[must_use]
    fn with_id(self, n: u64) -> Self;
    /// With this name.
    #[must_use]
    fn with_name(self, text: &str) -> Self;
    /// With this e-mail address.
    #[must_use]
    fn with_email(self, text: &str) -> Self;
    /// With this phone, or none where the text is blank.
    #[must_use]
    fn with_phone(self, text: &str) -> Self;
    /// With this postal address, or none where the text is blank.
    #[must_use]
    fn with_address(self, text: &str) -> Self;
}

impl EditClient for Client {
    fn with_id(self, n: u64) -> Self {
        Self { id: client_id(n), ..self }
    }

    fn with_name(self, text: &str) -> Self {
        Self { name: ClientName::parse(text).unwrap_or_else(|refused| panic!("{text:?}: {refused}")), ..self }
    }

    fn with_email(self, text: &str) -> Self {
        Self { email: email(text), ..self }
    }

    fn with_phone(self, text: &str) -> Self {
        Self { phone: Phone::parse_optional(text).unwrap_or_else(|refused| panic!("{text:?}: {refused}")), ..self }
    }

    fn with_address(self, text: &str) -> Self {
        let address = Address::parse_optional(text).unwrap_or_else(|refused| panic!("{text:?}: {refused}"));
        Self { address, ..self }
    }
}

/// An order with this number, received, of nobody, made at [`instant(0)`](instant).
///
/// # Panics
/// Where `text` is no [`OrderNumber`].
#[must_use]
pub fn order(text: &str) -> NewOrder {
    NewOrder {
        number: number(text),
        client_id: None,
        state: state(OrderStatus::Received),
        created_at: instant(0),
        updated_at: instant(0),
    }
}

/// Changes to an order, kept or not, in one expression, for tests.
///
/// ```
/// use provesi_core::OrderStatus;
/// use provesi_testkit::{EditOrder, client_id, order, returned};
///
/// let back = order("A-1").of(client_id(7)).with_state(returned("roto", 60));
/// assert_eq!(back.state.status(), OrderStatus::Returned);
/// ```
///
/// Each panics where the text breaks the rules of its field.
pub trait EditOrder {
    /// With this number.
    #[must_use]
    fn with_number(self, text: &str) -> Self;
    /// Of this client, or of none.
    #[must_use]
    fn of(self, client: impl Into<Option<ClientId>>) -> Self;
    /// In this state.
    #[must_use]
    fn with_state(self, state: OrderState) -> Self;
    /// In this status, which is not that of a return.
    #[must_use]
    fn with_status(self, status: OrderStatus) -> Self;
}

macro_rules! edit_order {
    ($order:ty) => {
        impl EditOrder for $order {
            fn with_number(self, text: &str) -> Self {
                Self { number: number(text), ..self }
            }

            fn of(self, client: impl Into<Option<ClientId>>) -> Self {
                Self { client_id: client.into(), ..self }
            }

            fn with_state(self, state: OrderState) -> Self {
                Self { state, ..self }
            }

            fn with_status(self, status: OrderStatus) -> Self {
                Self { state: state(status), ..self }
            }
        }
    };
}

edit_order!(NewOrder);
edit_order!(Order);
