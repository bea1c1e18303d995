//! Documents of the collection `clients`, and how they become what the domain knows. A document that breaks the
//! domain's rules is [`StoreError::Corrupt`], never a panic.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::{Bson, DateTime, Document, RawDocument, doc};
use provesi_core::{Address, Chain, Client, ClientId, ClientName, Email, Phone, Source, StoreError, Timestamp};

/// The id as the collection has it.
pub(crate) fn object_id(id: ClientId) -> ObjectId {
    ObjectId::from_bytes(*id.as_bytes())
}

/// The instant as BSON has it, which keeps no more than milliseconds.
pub(crate) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.micros().div_euclid(1_000))
}

/// The client as it comes back: what is finer than a millisecond is cut off.
pub(crate) fn as_kept(client: &Client) -> Client {
    Client { created_at: client.created_at.to_millis(), updated_at: client.updated_at.to_millis(), ..client.clone() }
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

/// The client that a document is.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id and the fault, and nothing else of what is in it.
pub(crate) fn client(document: &RawDocument) -> Result<Client, StoreError> {
    read(document).map_err(|fault| StoreError::corrupt(format!("client {}: {fault}", id_text(document))))
}

fn read(document: &RawDocument) -> Result<Client, Source> {
    Ok(Client {
        id: ClientId::from_bytes(document.get_object_id("_id").map_err(|_| Fault::new("_id"))?.bytes()),
        name: ClientName::parse(text(document, "name")?)?,
        email: Email::parse(text(document, "email")?)?,
        phone: optional_text(document, "phone")?.map(Phone::parse_optional).transpose()?.flatten(),
        address: optional_text(document, "address")?.map(Address::parse_optional).transpose()?.flatten(),
        created_at: instant(document, "created_at")?,
        updated_at: instant(document, "updated_at")?,
    })
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

fn text<'d>(document: &'d RawDocument, field: &'static str) -> Result<&'d str, Fault> {
    document.get_str(field).map_err(|_| Fault::new(field))
}

/// Nobody's phone is missing, null or blank, according to who wrote it.
fn optional_text<'d>(document: &'d RawDocument, field: &'static str) -> Result<Option<&'d str>, Fault> {
    match document.get(field).map_err(|_| Fault::new(field))? {
        None | Some(RawBsonRef::Null | RawBsonRef::Undefined) => Ok(None),
        Some(RawBsonRef::String(text)) => Ok(Some(text)),
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

/// The client that a document is, among others that are read: one that breaks the rules is left out and logged, so that
/// it does not take the others with it.
pub(crate) fn readable(document: &RawDocument) -> Option<Client> {
    client(document).inspect_err(|error| tracing::error!(error = %Chain(error), "a record is left out")).ok()
}

/// The ids as values of a `$in`.
pub(crate) fn object_ids(ids: &[ClientId]) -> Vec<Bson> {
    ids.iter().map(|id| object_id(*id).into()).collect()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;

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
                let refused = client(&with_date(field, date));
                assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
            }
        }
        let last = DateTime::from_millis(253_402_300_799_999);
        assert_eq!(date(client(&with_date("updated_at", last)).unwrap().updated_at), last);
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
            let refused = client(&RawDocumentBuf::from_bytes(bytes.clone()).unwrap());
            assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
        }
    }

    #[test]
    fn a_client_comes_back_from_its_document() {
        let at = Timestamp::from_micros(1_795_493_050_781_999).unwrap();
        let given = Client {
            id: ClientId::from_bytes([7; 12]),
            name: ClientName::parse("Ñandú 漢 SAS").unwrap(),
            email: "muestra@example.com".parse().unwrap(),
            phone: Phone::parse_optional("(+57) 300 123 4567").unwrap(),
            address: None,
            created_at: at,
            updated_at: at,
        };
        let kept = as_kept(&given);
        assert_eq!(kept.updated_at, at.to_millis());
        assert_eq!(client(&RawDocumentBuf::try_from(&document(&given)).unwrap()).unwrap(), kept);
    }
}
