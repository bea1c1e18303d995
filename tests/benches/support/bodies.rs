//! The answers of the bare handlers, which are those of the server.

use std::collections::HashMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

pub(crate) const STATUSES: [(&str, &str); 7] = [
    ("received", "Recibido"),
    ("picking", "Alistamiento"),
    ("packing", "Empaque"),
    ("shipped", "Despachado"),
    ("delivered", "Entregado"),
    ("returned", "Devuelto"),
    ("cancelled", "Cancelado"),
];

#[derive(sqlx::FromRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) order_number: String,
    pub(crate) client_id: Option<String>,
    pub(crate) status: String,
    pub(crate) return_reason: Option<String>,
    pub(crate) returned_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Envelope<T> {
    status: &'static str,
    data: T,
}

#[derive(Serialize)]
struct Page<T> {
    status: &'static str,
    data: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct OrderBody<'a> {
    id: i64,
    order_number: &'a str,
    client_id: Option<&'a str>,
    status: &'a str,
    status_display: &'static str,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
    next_statuses: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    returned_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientBody<'a>>,
}

#[derive(Serialize)]
pub(crate) struct ClientBody<'a> {
    id: &'a str,
    name: &'a str,
    email: &'a str,
    phone: &'a str,
    address: &'a str,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orders_count: Option<i64>,
}

fn rfc3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let format =
        if at.timestamp_subsec_micros().is_multiple_of(1_000) { SecondsFormat::Millis } else { SecondsFormat::Micros };
    serializer.serialize_str(&at.to_rfc3339_opts(format, true))
}

fn rfc3339_if_any<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

impl<'a> OrderBody<'a> {
    pub(crate) fn of(order: &'a Order, client: Option<&'a Client>) -> Self {
        Self {
            id: order.id,
            order_number: &order.order_number,
            client_id: order.client_id.as_deref(),
            status: &order.status,
            status_display: STATUSES.iter().find(|(name, _)| *name == order.status).map_or("", |(_, label)| label),
            created_at: order.created_at,
            updated_at: order.updated_at,
            next_statuses: STATUSES.iter().map(|(name, _)| *name).filter(|name| *name != order.status).collect(),
            return_reason: order.return_reason.as_deref(),
            returned_at: order.returned_at,
            client: client.map(|client| ClientBody::of(client, None)),
        }
    }
}

impl<'a> ClientBody<'a> {
    pub(crate) fn of(client: &'a Client, orders_count: Option<i64>) -> Self {
        Self {
            id: &client.id,
            name: &client.name,
            email: &client.email,
            phone: client.phone.as_deref().unwrap_or_default(),
            address: client.address.as_deref().unwrap_or_default(),
            created_at: client.created_at,
            updated_at: client.updated_at,
            orders_count,
        }
    }
}

pub(crate) fn failed(_: impl std::error::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// An order, alone in its answer.
pub(crate) fn one(status: StatusCode, order: &Order, client: Option<&Client>) -> Result<Response, StatusCode> {
    json(status, &Envelope { status: "success", data: OrderBody::of(order, client) })
}

/// A page of orders with those of these clients that are theirs; the cursor of the next page is not that of the server.
pub(crate) fn page(orders: &[Order], clients: Vec<Client>, limit: usize) -> Result<Response, StatusCode> {
    let clients: HashMap<String, Client> = clients.into_iter().map(|client| (client.id.clone(), client)).collect();
    let client = |order: &Order| clients.get(order.client_id.as_deref()?);
    let data = orders.iter().take(limit).map(|order| OrderBody::of(order, client(order))).collect();
    let next_cursor = orders.get(limit).map(|order| format!("{}-{}", order.updated_at.timestamp_micros(), order.id));
    list(data, next_cursor)
}

/// A page of any records.
pub(crate) fn list<T: Serialize>(data: Vec<T>, next_cursor: Option<String>) -> Result<Response, StatusCode> {
    json(StatusCode::OK, &Page { status: "success", data, next_cursor })
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, StatusCode> {
    let json = serde_json::to_vec(body).map_err(failed)?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], json).into_response())
}
