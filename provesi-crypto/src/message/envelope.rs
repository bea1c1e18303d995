//! The JSON of a message: `{"data":{…},"source","destination","timestamp","nonce"}`.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Message, Seal, SealError};
use crate::clock::Timestamp;
use crate::nonce::Nonce;
use crate::replay::MessageId;

#[derive(Serialize)]
struct Written<'a, T> {
    data: &'a T,
    source: &'a str,
    destination: &'a str,
    timestamp: String,
    nonce: String,
}

/// A part that is there twice is an error; one that is not listed is left out, as the Python system does.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    destination: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    nonce: Cow<'a, str>,
}

pub(super) fn write<T: Serialize>(
    message: &Seal<'_, T>,
    timestamp: Timestamp,
    nonce: Nonce,
) -> Result<String, SealError> {
    let Seal { source, destination, data } = *message;
    let written = Written {
        data,
        source: source.as_str(),
        destination: destination.as_str(),
        timestamp: timestamp.to_string(),
        nonce: nonce.to_string(),
    };
    let text = serde_json::to_string(&written).map_err(SealError::Json)?;
    if text.starts_with(r#"{"data":{"#) { Ok(text) } else { Err(SealError::NotAnObject) }
}

pub(super) fn read(text: &str) -> Option<Message> {
    let read: Read<'_> = serde_json::from_str(text).ok()?;
    if !read.data.get().starts_with('{') {
        return None;
    }
    Some(Message {
        id: MessageId { source: read.source.parse().ok()?, nonce: Nonce::read(&read.nonce)? },
        destination: read.destination.parse().ok()?,
        timestamp: read.timestamp.parse().ok()?,
        data: read.data.to_owned(),
    })
}
