//! The JSON of a message: `{"data":{…},"source","destination","timestamp","nonce"}`, then those of its binding.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::binding::{Binding, StatedBinding};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<String>,
}

const REQUEST: &str = "request";
const RESPONSE: &str = "response";

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
    direction: Option<String>,
    method: Option<String>,
    path: Option<String>,
    in_reply_to: Option<String>,
}

impl Read<'_> {
    /// `None` where it is not of its form.
    fn binding(&mut self) -> Option<StatedBinding> {
        match self.direction.as_deref() {
            None => Some(StatedBinding::None),
            Some(REQUEST) => Some(StatedBinding::Request { method: self.method.take()?, path: self.path.take()? }),
            Some(RESPONSE) => {
                let in_reply_to = match &self.in_reply_to {
                    None => None,
                    Some(nonce) => Some(Nonce::read(nonce)?),
                };
                Some(StatedBinding::Response { in_reply_to })
            }
            Some(_) => None,
        }
    }
}

pub(super) fn write<T: Serialize>(
    message: &Seal<'_, T>,
    binding: Option<&Binding<'_>>,
    timestamp: Timestamp,
    nonce: Nonce,
) -> Result<String, SealError> {
    let Seal { source, destination, data } = *message;
    let (direction, method, path, in_reply_to) = match binding {
        None => (None, None, None, None),
        Some(Binding::Request { method, path }) => (Some(REQUEST), Some(*method), Some(*path), None),
        Some(Binding::Response { in_reply_to }) => (Some(RESPONSE), None, None, in_reply_to.as_ref()),
    };
    let written = Written {
        data,
        source: source.as_str(),
        destination: destination.as_str(),
        timestamp: timestamp.to_string(),
        nonce: nonce.to_string(),
        direction,
        method,
        path,
        in_reply_to: in_reply_to.map(ToString::to_string),
    };
    let text = serde_json::to_string(&written).map_err(SealError::Json)?;
    if text.starts_with(r#"{"data":{"#) { Ok(text) } else { Err(SealError::NotAnObject) }
}

pub(super) fn read(text: &str) -> Option<(Message, StatedBinding)> {
    let mut read: Read<'_> = serde_json::from_str(text).ok()?;
    if !read.data.get().starts_with('{') {
        return None;
    }
    let binding = read.binding()?;
    let message = Message {
        id: MessageId { source: read.source.parse().ok()?, nonce: Nonce::read(&read.nonce)? },
        destination: read.destination.parse().ok()?,
        timestamp: read.timestamp.parse().ok()?,
        data: read.data.to_owned(),
    };
    Some((message, binding))
}
