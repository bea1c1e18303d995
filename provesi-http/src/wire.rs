//! The records as JSON shows them. They borrow: an answer is written once, from what the use case gave.

mod audit;
mod client;
mod event;
mod order;

pub(crate) use audit::AuditBody;
pub(crate) use client::ClientBody;
pub(crate) use event::EventBody;
pub(crate) use order::{OrderBody, OrderOfClient, Status};

use std::fmt::Display;

use serde::Serializer;

/// Writes a value as its text.
fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes a value as its text, or `null`.
fn shown_if_any<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
