//! Documents of the collection `provesi_audit`.

use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, RawDocument, doc};
use provesi_core::{AuditRow, Field, StoreError, StoredAudit};

use crate::documents::date;

/// The document of a record. What a caller has not is not there.
pub(super) fn document(stored: &StoredAudit) -> Document {
    let record = &stored.record;
    let mut document = doc! {
        "_id": stored.sequence,
        "at": date(record.at),
        "actor": record.caller.actor.to_string(),
        "action": record.action.as_str(),
        "outcome": record.outcome.as_str(),
        "fields": record.fields.iter().copied().map(Field::as_str).collect::<Vec<_>>(),
        "subjects": record.subjects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hash": Binary { subtype: BinarySubtype::Generic, bytes: stored.hash.as_bytes().to_vec() },
    };
    if let Some(address) = record.caller.address {
        document.insert("address", address.to_string());
    }
    if let Some(id) = &record.caller.request_id {
        document.insert("request_id", &**id);
    }
    document
}

/// The record that a document is.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is none.
pub(super) fn stored(document: &RawDocument) -> Result<StoredAudit, StoreError> {
    let row = row(document).ok_or_else(|| StoreError::corrupt("a document of the audit is no record"))?;
    row.try_into()
}

pub(super) fn sequence(document: &RawDocument) -> Option<i64> {
    match document.get("_id").ok()?? {
        RawBsonRef::Int64(sequence) => Some(sequence),
        RawBsonRef::Int32(sequence) => Some(sequence.into()),
        _ => None,
    }
}

pub(super) fn hash(document: &RawDocument) -> Option<Vec<u8>> {
    document.get_binary("hash").ok().map(|hash| hash.bytes.to_vec())
}

fn row(document: &RawDocument) -> Option<AuditRow> {
    let text = |field: &str| document.get_str(field).ok().map(str::to_owned);
    let optional = |field: &str| match document.get(field).ok()? {
        None => Some(None),
        Some(RawBsonRef::String(text)) => Some(Some(text.to_owned())),
        Some(_) => None,
    };
    let list = |field: &str| {
        let items = document.get_array(field).ok()?.into_iter();
        items.map(|item| item.ok()?.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    Some(AuditRow {
        sequence: sequence(document)?,
        at: document.get_datetime("at").ok()?.timestamp_millis().checked_mul(1_000)?,
        actor: text("actor")?,
        address: optional("address")?,
        request_id: optional("request_id")?,
        action: text("action")?,
        outcome: text("outcome")?,
        fields: list("fields")?,
        subjects: list("subjects")?,
        hash: hash(document)?,
    })
}
