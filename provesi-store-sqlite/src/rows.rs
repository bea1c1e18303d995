//! Rows, and how they become what the domain knows. A row that breaks the domain's rules is
//! [`StoreError::Corrupt`], never a panic.

use provesi_core::{
    Address, Client, ClientId, ClientName, EventId, EventKind, Order, OrderEvent, OrderId, OrderState, Phone,
    ReturnInfo, ReturnReason, Source, StoreError, Timestamp,
};

/// The columns of [`OrderRow`].
pub(crate) const ORDER_COLUMNS: &str =
    "id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at";

/// The columns of [`ClientRow`].
pub(crate) const CLIENT_COLUMNS: &str = "id, name, email, phone, address, created_at, updated_at";

#[derive(sqlx::FromRow)]
pub(crate) struct OrderRow {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<OrderRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        let id = row.id;
        order(row).map_err(|fault| corrupt("order", id, fault))
    }
}

fn order(row: OrderRow) -> Result<Order, Source> {
    let return_info = match (row.return_reason, row.returned_at) {
        (Some(reason), Some(at)) => {
            let reason = ReturnReason::restore(reason).ok_or("a return with a blank reason")?;
            Some(ReturnInfo { reason, returned_at: Timestamp::from_micros(at)? })
        }
        (None, None) => None,
        _ => return Err("the reason of a return without its date, or the date without the reason".into()),
    };
    Ok(Order {
        id: OrderId::new(row.id),
        number: row.order_number.try_into()?,
        client_id: row.client_id.map(|id| id.parse()).transpose()?,
        state: OrderState::restore(row.status.parse()?, return_info),
        created_at: Timestamp::from_micros(row.created_at)?,
        updated_at: Timestamp::from_micros(row.updated_at)?,
    })
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientRow {
    id: String,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    created_at: i64,
    updated_at: i64,
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
        created_at: Timestamp::from_micros(row.created_at)?,
        updated_at: Timestamp::from_micros(row.updated_at)?,
    })
}

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    id: i64,
    order_id: i64,
    order_number: String,
    at: i64,
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
        at: Timestamp::from_micros(row.at)?,
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
