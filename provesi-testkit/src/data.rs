//! Records to test with.

use provesi_core::{
    Actor, ActorName, Address, Client, ClientId, ClientName, ClientRow, Expected, NewOrder, Order, OrderId, OrderRow,
    OrderState, OrderStatus, Phone, Record, ReturnReason, Stamp, Stored, Timestamp,
};

/// The instant `millis` milliseconds into 2026.
///
/// # Panics
/// Beyond the year 9999.
#[must_use]
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + millis * 1_000).expect("an instant of this era")
}

/// A change at [`at`]`(millis)` by a user, from an address kept for documentation.
#[must_use]
pub fn stamp(millis: i64) -> Stamp {
    let actor = Actor::User(ActorName::parse("Prueba Ñ").expect("a name"));
    Stamp { at: at(millis), actor, address: "192.0.2.1".parse().ok() }
}

/// The record with a change.
#[must_use]
pub fn with<T>(mut record: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut record);
    record
}

/// The id with this number.
#[must_use]
pub fn client_id(number: u64) -> ClientId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ClientId::from_bytes(bytes)
}

/// A client with this number and name, and an e-mail address made of the number.
///
/// # Panics
/// Where `name` is none.
#[must_use]
pub fn client(number: u64, name: &str) -> Client {
    Client::builder()
        .id(client_id(number))
        .name(ClientName::parse(name).expect("a name"))
        .email(format!("cliente-{number}@example.com").parse().expect("an address"))
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

/// [`client`] with a name that another program may have written.
#[must_use]
pub fn client_row(number: u64, name: &str) -> ClientRow {
    with(ClientRow::from(&client(number, "Ana")), |it| it.name = name.to_owned())
}

/// A phone.
///
/// # Panics
/// Where `text` is none.
#[must_use]
pub fn phone(text: &str) -> Option<Phone> {
    Some(Phone::parse(text).expect("a phone"))
}

/// An address.
///
/// # Panics
/// Where `text` is none.
#[must_use]
pub fn address(text: &str) -> Option<Address> {
    Some(Address::parse(text).expect("an address"))
}

/// A received order without a client, made at [`at`]`(0)`.
///
/// # Panics
/// Where `number` is none.
#[must_use]
pub fn new_order(number: &str) -> NewOrder {
    NewOrder::builder()
        .number(number.parse().expect("a number"))
        .state(state(OrderStatus::Received))
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

/// An order as another program may have written it: these texts, no client, made at [`at`]`(0)`.
#[must_use]
pub fn order_row(id: i64, number: &str, status: &str) -> OrderRow {
    OrderRow::builder()
        .id(OrderId::new(id))
        .number(number.to_owned())
        .status(status.to_owned())
        .created_at(at(0))
        .updated_at(at(0))
        .build()
}

/// A state; a return has a reason, and came at [`at`]`(0)`.
///
/// # Panics
/// Never: a return has its reason.
#[must_use]
pub fn state(status: OrderStatus) -> OrderState {
    OrderState::new(status, Some(reason("Llegó roto")), at(0)).expect("with its reason")
}

/// The reason of a return.
///
/// # Panics
/// Where `text` is none.
#[must_use]
pub fn reason(text: &str) -> ReturnReason {
    ReturnReason::parse(text).expect("a reason")
}

/// The order in another status.
#[must_use]
pub fn in_status(order: &Order, status: OrderStatus) -> Order {
    with(order.clone(), |it| it.state = state(status))
}

/// The record, which is valid.
///
/// # Panics
/// Where it is irregular.
#[must_use]
pub fn record<R: Record + Clone>(stored: &Stored<R>) -> R
where
    R::Row: Clone,
{
    stored.clone().valid().expect("a valid record")
}

/// What a write expects that goes by the version of `order`.
#[must_use]
pub fn version_of(order: &Order) -> Expected {
    order.version().into()
}
