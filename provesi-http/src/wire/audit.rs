//! An audit record on the wire.

use std::net::IpAddr;

use provesi_core::{Actor, StoredAudit, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::shown;

/// An access to clients or orders. Holds the names of fields and never what they say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub(crate) struct AuditBody<'a> {
    /// Its place in the chain of all records.
    #[schema(example = 17)]
    sequence: i64,
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T03:56:39.985Z")]
    at: Timestamp,
    /// Who did it: `anonymous`, `user:NAME`, `service:NAME` or `system:NAME`.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "service:billing")]
    actor: &'a Actor,
    /// The network address that it came from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    address: Option<IpAddr>,
    /// The request that it was part of.
    request_id: Option<&'a str>,
    #[schema(example = "client_read")]
    action: &'static str,
    /// `done`, `refused` (not found, a rule, a conflict) or `failed` (a store).
    #[schema(example = "done")]
    outcome: &'static str,
    /// The fields that a write named.
    #[schema(value_type = Vec<String>, example = json!(["phone"]))]
    fields: Vec<&'static str>,
    /// Whose: `client:ID`, `order:NUMBER` in lower case.
    #[schema(value_type = Vec<String>, example = json!(["client:6b050af58b3059b0f61239f2"]))]
    subjects: Vec<String>,
    /// The record's link to all before it: 64 hexadecimal digits.
    hash: String,
}

impl<'a> AuditBody<'a> {
    pub(crate) fn of(StoredAudit { sequence, record, hash, .. }: &'a StoredAudit) -> Self {
        Self {
            sequence: *sequence,
            at: record.at,
            actor: &record.caller.actor,
            address: record.caller.address,
            request_id: record.caller.request_id.as_deref(),
            action: record.action.as_str(),
            outcome: record.outcome.as_str(),
            fields: record.fields.iter().map(|field| field.as_str()).collect(),
            subjects: record.subjects.iter().map(ToString::to_string).collect(),
            hash: hash.to_string(),
        }
    }
}
