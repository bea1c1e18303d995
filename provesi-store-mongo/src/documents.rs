//! Documents of the collection `clients`, and the rows that they are. The rules of the domain are not checked here.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::{DateTime, Document, RawDocument, doc};
use provesi_core::{Address, Chain, Client, ClientId, ClientRow, Phone, Source, StoreError, Timestamp};

/// The id as the collection has it.
pub(crate) fn object_id(id: ClientId) -> ObjectId {
    ObjectId::from_bytes(*id.as_bytes())
}

/// The instant as BSON has it, which keeps no more than milliseconds.
pub(crate) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.micros().div_euclid(1_000))
}

/// The document of a client, in the fields that MongoEngine knows and their order. What a client has not is not there:
/// that is how MongoEngine writes `None`.
pub(crate) fn document(client: &Client) -> Document {
    let mut document =
        doc! { "_id": object_id(client.id), "name": client.name.as_str(), "email": client.email.as_str() };
    if let Some(phone) = &client.phone {
        document.insert("phone", phone.as_str());
    }
    if let Some(address) = &client.address {
        document.insert("address", address.as_str());
    }
    document.insert("created_at", date(client.created_at));
    document.insert("updated_at", date(client.updated_at));
    document
}

/// The change that makes the document of a client say what `client` says. `_id` and `created_at` stay, and so does what
/// somebody else may have added.
pub(crate) fn change(client: &Client) -> Document {
    let mut set = doc! { "name": client.name.as_str(), "email": client.email.as_str() };
    let mut unset = Document::new();
    for (field, value) in
        [("phone", client.phone.as_ref().map(Phone::as_str)), ("address", client.address.as_ref().map(Address::as_str))]
    {
        match value {
            Some(value) => set.insert(field, value),
            None => unset.insert(field, ""),
        };
    }
    set.insert("updated_at", date(client.updated_at));
    let mut change = doc! { "$set": set };
    // Servers before 5.0 refuse an empty one.
    if !unset.is_empty() {
        change.insert("$unset", unset);
    }
    change
}

/// A filter that the document of a client passes if every field still has the value that was read. A missing phone or
/// address equals null.
pub(crate) fn as_read(row: &ClientRow) -> Document {
    doc! {
        "_id": object_id(row.id),
        "updated_at": { "$eq": date(row.updated_at) },
        "created_at": { "$eq": date(row.created_at) },
        "name": { "$eq": &row.name },
        "email": { "$eq": &row.email },
        "phone": { "$eq": row.phone.as_deref() },
        "address": { "$eq": row.address.as_deref() },
    }
}

/// Decodes a document.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id and the field, and no value, if a field has another type than it should have.
pub(crate) fn row(document: &RawDocument) -> Result<ClientRow, StoreError> {
    decode(document).map_err(|fault| StoreError::corrupt(format!("client {}: {fault}", id_text(document))))
}

fn decode(document: &RawDocument) -> Result<ClientRow, Source> {
    Ok(ClientRow::builder()
        .id(ClientId::from_bytes(document.get_object_id("_id").map_err(|_| Fault::new("_id"))?.bytes()))
        .name(text(document, "name")?)
        .email(text(document, "email")?)
        .maybe_phone(optional_text(document, "phone")?)
        .maybe_address(optional_text(document, "address")?)
        .created_at(instant(document, "created_at")?)
        .updated_at(instant(document, "updated_at")?)
        .build())
}

/// Says which field it is, and never what is in it.
#[derive(Debug, thiserror::Error)]
#[error("{0} is missing, or of another type than it should be")]
struct Fault(&'static str);

impl Fault {
    const fn new(field: &'static str) -> Self {
        Self(field)
    }
}

fn text(document: &RawDocument, field: &'static str) -> Result<String, Fault> {
    document.get_str(field).map(str::to_owned).map_err(|_| Fault::new(field))
}

/// MongoEngine leaves a field out that is `None`; other programs write null.
fn optional_text(document: &RawDocument, field: &'static str) -> Result<Option<String>, Fault> {
    match document.get(field).map_err(|_| Fault::new(field))? {
        None | Some(RawBsonRef::Null | RawBsonRef::Undefined) => Ok(None),
        Some(RawBsonRef::String(text)) => Ok(Some(text.to_owned())),
        Some(_) => Err(Fault::new(field)),
    }
}

fn instant(document: &RawDocument, field: &'static str) -> Result<Timestamp, Source> {
    let date = document.get_datetime(field).map_err(|_| Fault::new(field))?;
    let micros = date.timestamp_millis().checked_mul(1_000).ok_or(Fault::new(field))?;
    Ok(Timestamp::from_micros(micros)?)
}

/// The id in a form for people. One of another type is shown only as far as it can hold nothing personal.
fn id_text(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        Ok(Some(other)) => format!("with an id of type {:?}", other.element_type()),
        _ => "without an id".to_owned(),
    }
}

/// The row of a document in a list. A document that cannot be decoded or listed is logged and skipped, so that the others
/// are still listed.
pub(crate) fn skip_corrupt(document: &RawDocument) -> Option<ClientRow> {
    let client = row(document).and_then(ClientRow::listed);
    client.inspect_err(|error| tracing::error!(error = %Chain(error), "a corrupt record is skipped")).ok()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;
    use provesi_core::ClientName;

    use super::*;

    fn with_date(field: &str, date: DateTime) -> RawDocumentBuf {
        let now = DateTime::from_millis(1_795_493_050_781);
        let mut document = doc! {
            "_id": ObjectId::from_bytes([7; 12]), "name": "Ana", "email": "a@example.com",
            "created_at": now, "updated_at": now,
        };
        document.insert(field, date);
        RawDocumentBuf::try_from(&document).unwrap()
    }

    #[test]
    fn a_date_that_no_json_reader_holds_makes_a_record_corrupt_and_no_panic() {
        for date in [DateTime::MAX, DateTime::MIN, DateTime::from_millis(253_402_300_800_000)] {
            for field in ["created_at", "updated_at"] {
                let refused = row(&with_date(field, date));
                assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
            }
        }
        let last = DateTime::from_millis(253_402_300_799_999);
        assert_eq!(date(row(&with_date("updated_at", last)).unwrap().updated_at), last);
    }

    #[test]
    fn instants_before_1970_are_cut_as_others_are() {
        let at = Timestamp::from_micros(-1).unwrap();
        assert_eq!(date(at).timestamp_millis() * 1_000, at.to_millis().micros());
    }

    #[test]
    fn bytes_that_are_no_document_are_corrupt() {
        let mut bytes = with_date("created_at", DateTime::from_millis(0)).into_bytes();
        let at = bytes.windows(3).position(|three| three == b"Ana").unwrap();
        for broken in [0xff, 0xc3] {
            bytes[at] = broken;
            let refused = row(&RawDocumentBuf::from_bytes(bytes.clone()).unwrap());
            assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
        }
    }

    #[test]
    fn a_client_comes_back_from_its_document() {
        let at = Timestamp::from_micros(1_795_493_050_781_000).unwrap();
        let given = Client::builder()
            .id(ClientId::from_bytes([7; 12]))
            .name(ClientName::parse("Ñandú 漢 SAS").unwrap())
            .email("muestra@example.com".parse().unwrap())
            .maybe_phone(Phone::parse_optional("(+57) 300 123 4567").unwrap())
            .created_at(at)
            .updated_at(at)
            .build();
        let document = RawDocumentBuf::try_from(&document(&given)).unwrap();
        assert_eq!(row(&document).unwrap(), ClientRow::from(&given));
    }
}
