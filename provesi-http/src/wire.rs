//! The records as JSON shows them. They borrow: an answer is written once, from what the use case gave.

mod audit;
mod client;
mod event;
mod order;

pub(crate) use audit::AuditBody;
pub(crate) use client::ClientBody;
pub(crate) use event::EventBody;
pub(crate) use order::{OrderBody, OrderOfClient, Status, status_display};

use std::fmt::Display;

use provesi_core::Invalid;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Writes a value as its text.
fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A rule that a record breaks, since another program wrote it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IrregularField)]
pub(crate) struct IrregularField {
    #[schema(example = "status")]
    field: &'static str,
    /// `blank`, `too_long`, `control_character`, `number_charset`, `email`, `object_id` or `unknown_status`.
    #[schema(example = "unknown_status")]
    rule: &'static str,
}

/// The rules that a record breaks; none of a valid one.
fn irregular(faults: &[Invalid]) -> Vec<IrregularField> {
    faults.iter().map(|fault| IrregularField { field: fault.field.as_str(), rule: fault.rule.as_str() }).collect()
}
