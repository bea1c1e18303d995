//! A JSON value as a caller sent it, and how it is read from bytes: as Python's `json.loads` reads them, because the
//! callers of the Python system were written against that.

use std::collections::BTreeMap;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::encoding::{self, Encoding};
use crate::json_scan;

/// The members of an object; of several with one name the last one counts.
pub(crate) type Object = BTreeMap<String, Json>;

/// A JSON value, with what Python takes for JSON besides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// `NaN`, `Infinity`, or a number too large to hold. Written as `null`.
    NotFinite,
    Text(String),
    /// A text with a half of a surrogate pair, which is no Unicode text; the half is replaced by U+FFFD.
    BrokenText(String),
    Array(Vec<Self>),
    Object(Object),
}

/// Why bytes are no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A fault of syntax, with its place in characters and in the words of Python's decoder.
    Syntax { at: usize, what: &'static str },
    /// Not text in the encoding that it seems to be in, or nested too deep, or a number with too many digits.
    Unreadable,
}

/// Reads a JSON text in UTF-8, UTF-16 or UTF-32.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Unread> {
    // Nearly every body is sound UTF-8, which serde_json reads fast. Whatever it refuses is read again by a scanner
    // that takes what Python takes and names the place of a fault as Python does.
    if let Encoding::Utf8 { text } = encoding::detect(bytes)
        && let Ok(json) = serde_json::from_slice::<Value>(text)
    {
        return Ok(json.into());
    }
    let characters = encoding::decode(bytes).ok_or(Unread::Unreadable)?;
    json_scan::scan(&characters)
}

impl Json {
    /// Cuts texts and leaves out members so that about `left` bytes remain, and takes these off `left`.
    pub(crate) fn shorten(&mut self, left: &mut usize) {
        match self {
            Self::Text(text) | Self::BrokenText(text) => {
                if text.len() > *left {
                    text.truncate(text.floor_char_boundary(*left));
                    text.push('…');
                }
                *left = left.saturating_sub(text.len());
            }
            Self::Array(items) => items.retain_mut(|item| {
                let is_kept = take(left, 1);
                if is_kept {
                    item.shorten(left);
                }
                is_kept
            }),
            Self::Object(members) => members.retain(|name, value| {
                let is_kept = take(left, name.len() + 1);
                if is_kept {
                    value.shorten(left);
                }
                is_kept
            }),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::NotFinite => *left = left.saturating_sub(8),
        }
    }
}

/// Takes so many bytes off what is left; false, with nothing left, where there are fewer.
const fn take(left: &mut usize, bytes: usize) -> bool {
    let fits = bytes <= *left;
    *left = left.saturating_sub(bytes);
    fits
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null | Self::NotFinite => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) | Self::BrokenText(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
