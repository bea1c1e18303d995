//! Rows, and how they become what the domain knows. A row that breaks the domain's rules is
//! [`StoreError::Corrupt`], never a panic.

use provesi_core::{
    Address, Client, ClientId, ClientName, EventId, EventKind, Order, OrderEvent, OrderId, OrderState, OrderStatus,
    Phone, ReturnInfo, ReturnReason, Source, StoreError, Timestamp,
};

use crate::instant::Instant;

#[derive(sqlx::FromRow)]
pub(crate) struct OrderRow {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
}

impl TryFrom<OrderRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        let id = row.id;
        order(row).map_err(|fault| corrupt("order", id, fault))
    }
}

fn order(row: OrderRow) -> Result<Order, Source> {
    let status: OrderStatus = row.status.parse()?;
    Ok(Order {
        id: OrderId::new(row.id),
        number: row.order_number.try_into()?,
        // A form of the Python system may leave an empty text where nobody was chosen.
        client_id: row.client_id.filter(|id| !id.is_empty()).map(|id| id.parse()).transpose()?,
        state: OrderState::restore(status, return_info(status, row.return_reason, row.returned_at)?),
        created_at: row.created_at.try_into()?,
        updated_at: row.updated_at.try_into()?,
    })
}

/// What a row says of a return. What is left over from one in a row of another status is not even looked at; a blank
/// reason is none. The expression that lists sort by (`returned_key`) says the same.
fn return_info(
    status: OrderStatus,
    reason: Option<String>,
    returned_at: Option<Instant>,
) -> Result<Option<ReturnInfo>, Source> {
    if status != OrderStatus::Returned {
        return Ok(None);
    }
    match (reason.and_then(ReturnReason::restore), returned_at) {
        (Some(reason), Some(at)) => Ok(Some(ReturnInfo { reason, returned_at: at.try_into()? })),
        _ => Ok(None),
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientRow {
    id: String,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        let id = row.id.clone();
        client(row).map_err(|fault| corrupt("client", id, fault))
    }
}

fn client(row: ClientRow) -> Result<Client, Source> {
    Ok(Client {
        id: row.id.parse()?,
        name: ClientName::parse(row.name)?,
        email: row.email.parse()?,
        phone: row.phone.map(Phone::parse).transpose()?,
        address: row.address.map(Address::parse).transpose()?,
        created_at: row.created_at.try_into()?,
        updated_at: row.updated_at.try_into()?,
    })
}

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    id: i64,
    order_id: i64,
    order_number: String,
    at: Instant,
    actor: String,
    address: Option<String>,
    detail: String,
}

impl TryFrom<EventRow> for OrderEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = row.id;
        event(row).map_err(|fault| corrupt("event", id, fault))
    }
}

fn event(row: EventRow) -> Result<OrderEvent, Source> {
    Ok(OrderEvent {
        id: EventId::new(row.id),
        order_id: OrderId::new(row.order_id),
        number: row.order_number.try_into()?,
        at: Timestamp::try_from(row.at)?,
        actor: row.actor.parse()?,
        address: row.address.map(|address| address.parse()).transpose()?,
        kind: serde_json::from_str::<EventKind>(&row.detail)?,
    })
}

/// Says which row it is, so that whoever reads the log can look at it.
fn corrupt(what: &str, id: impl std::fmt::Display, fault: Source) -> StoreError {
    StoreError::corrupt(format!("{what} {id}: {fault}"))
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientIdRow {
    client_id: String,
}

impl TryFrom<ClientIdRow> for ClientId {
    type Error = StoreError;

    fn try_from(row: ClientIdRow) -> Result<Self, StoreError> {
        row.client_id.parse().map_err(|_| corrupt("client id", &row.client_id, "it is none".into()))
    }
}
