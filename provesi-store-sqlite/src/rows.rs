//! How rows of the tables are decoded. What they say is checked by the domain.

use std::net::IpAddr;

use provesi_core::{
    Actor, ClientId, ClientRow, EventId, EventKind, OrderEvent, OrderId, OrderRow, OrderWithClient, Source, StoreError,
    Timestamp,
};

use crate::lines::{columns, corrupt};

/// The line of [`order`].
macro_rules! order_line {
    () => {
        "json_array(id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at)"
    };
}

/// The line of [`client`].
macro_rules! client_line {
    () => {
        "json_array(id, name, email, phone, address, created_at, updated_at)"
    };
}

/// The line of [`order_with_client`].
macro_rules! order_with_client_line {
    () => {
        concat!(
            order_line!(),
            " || char(9) || coalesce((SELECT ",
            client_line!(),
            " FROM clients WHERE clients.id = lower(orders.client_id)), '')"
        )
    };
}

/// The line of [`event`].
macro_rules! event_line {
    () => {
        "json_array(id, order_id, order_number, at, actor, address, detail)"
    };
}

pub(crate) use {client_line, event_line, order_line, order_with_client_line};

/// # Errors
/// [`StoreError::Corrupt`] if a column has another type, or an instant is none of the years 1 to 9999.
pub(crate) fn order(line: &[u8]) -> Result<OrderRow, StoreError> {
    type Columns = (i64, String, Option<String>, String, Option<String>, Option<i64>, i64, i64);
    let (id, number, client_id, status, reason, returned_at, created_at, updated_at): Columns = columns("order", line)?;
    let decoded = || -> Result<OrderRow, Source> {
        Ok(OrderRow::builder()
            .id(OrderId::new(id))
            .number(number)
            .maybe_client_id(client_id)
            .status(status)
            .maybe_return_reason(reason)
            .maybe_returned_at(returned_at.map(Timestamp::from_micros).transpose()?)
            .created_at(Timestamp::from_micros(created_at)?)
            .updated_at(Timestamp::from_micros(updated_at)?)
            .build())
    };
    decoded().map_err(|fault| corrupt("order", line, &fault))
}

/// # Errors
/// [`StoreError::Corrupt`] if a column has another type, the id is none, or an instant is none of the years 1 to 9999.
pub(crate) fn client(line: &[u8]) -> Result<ClientRow, StoreError> {
    type Columns = (String, String, String, Option<String>, Option<String>, i64, i64);
    let (id, name, email, phone, address, created_at, updated_at): Columns = columns("client", line)?;
    let decoded = || -> Result<ClientRow, Source> {
        Ok(ClientRow::builder()
            .id(id.parse()?)
            .name(name)
            .email(email)
            .maybe_phone(phone)
            .maybe_address(address)
            .created_at(Timestamp::from_micros(created_at)?)
            .updated_at(Timestamp::from_micros(updated_at)?)
            .build())
    };
    decoded().map_err(|fault| corrupt("client", line, &fault))
}

/// An order and, after a tab, its client, if there is one.
///
/// # Errors
/// As [`order`]. Those of the client are its own.
pub(crate) fn order_with_client(line: &[u8]) -> Result<OrderWithClient, StoreError> {
    // A tab within a text is escaped.
    let tab = line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len());
    let (order_line, client_line) = line.split_at(tab);
    let client_line = client_line.trim_ascii_start();
    let client = if client_line.is_empty() { Ok(None) } else { client(client_line).map(Some) };
    Ok(OrderWithClient { order: order(order_line)?, client })
}

/// A client in a list.
pub(crate) fn listed_client(line: &[u8]) -> Result<ClientRow, StoreError> {
    client(line)?.listed()
}

/// # Errors
/// [`StoreError::Corrupt`] if a column has another type or says nothing that the domain knows.
pub(crate) fn event(line: &[u8]) -> Result<OrderEvent, StoreError> {
    type Columns = (i64, i64, String, i64, String, Option<String>, String);
    let (id, order_id, number, at, actor, address, detail): Columns = columns("event", line)?;
    let decoded = || -> Result<OrderEvent, Source> {
        Ok(OrderEvent::builder()
            .id(EventId::new(id))
            .order_id(OrderId::new(order_id))
            .number(number)
            .at(Timestamp::from_micros(at)?)
            .actor(actor.parse::<Actor>()?)
            .maybe_address(address.map(|address| address.parse::<IpAddr>()).transpose()?)
            .kind(serde_json::from_str::<EventKind>(&detail)?)
            .build())
    };
    decoded().map_err(|fault| corrupt("event", line, &fault))
}

/// The id of a client in the only column.
pub(crate) fn client_id(line: &[u8]) -> Result<ClientId, StoreError> {
    let (id,): (String,) = columns("client", line)?;
    id.parse().map_err(|_| StoreError::corrupt(format!("client id {id}: it is none")))
}
