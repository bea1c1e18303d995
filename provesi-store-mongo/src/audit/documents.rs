//! Documents of the collection `provesi_audit`.

use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, RawDocument, doc};
use provesi_core::{AuditRow, StoreError, StoredAudit, Timestamp};

use crate::documents::date;

/// The document of a record. Optional values that are missing have no field.
pub(super) fn document(stored: StoredAudit) -> Document {
    let row = AuditRow::from(stored);
    let mut document = doc! {
        "_id": row.sequence,
        "at": date(row.at),
        "actor": row.actor,
        "action": row.action,
        "outcome": row.outcome,
        "fields": row.fields,
        "subjects": row.subjects,
        "hash": Binary { subtype: BinarySubtype::Generic, bytes: row.hash },
    };
    let optional = [("address", row.address), ("request_id", row.request_id)];
    document.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    document
}

/// The record of a document.
///
/// # Errors
/// [`StoreError::Corrupt`] if it cannot be decoded.
pub(super) fn stored(document: &RawDocument) -> Result<StoredAudit, StoreError> {
    let row = row(document).ok_or_else(|| StoreError::corrupt("a document of the audit is not a record"))?;
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
        at: Timestamp::from_micros(document.get_datetime("at").ok()?.timestamp_millis().checked_mul(1_000)?).ok()?,
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
