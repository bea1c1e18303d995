//! Versions of records on the wire: `ETag` on what is read, `If-Match` on what is written (RFC 9110, 13.1.1).
//!
//! A tag stands for the record and not for the bytes of one answer: it is the same with and without compression.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use provesi_core::{Expected, Version};

/// Marks an answer with the version of its record.
pub(crate) fn tag(answer: &mut Response, version: Version) {
    if let Ok(value) = HeaderValue::try_from(format!("\"{version}\"")) {
        answer.headers_mut().insert(header::ETAG, value);
    }
}

/// Which versions a write expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// The header is not there, or is `*`.
    Any,
    /// One of these. What is not a strong tag of ours matches nothing and is left out.
    OneOf(Vec<Version>),
}

impl IfMatch {
    fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Self::Any;
        }
        let mut versions = Vec::new();
        for value in values {
            match value.as_bytes().trim_ascii() {
                b"*" => return Self::Any,
                // A tag of ours has no comma, so one inside another tag cannot make it ours: what is cut there lacks a
                // quote.
                list => versions.extend(list.split(|&byte| byte == b',').filter_map(strong_tag)),
            }
        }
        Self::OneOf(versions)
    }

    /// What a store can check by itself; `None` where the record has to be looked at first.
    pub(crate) fn simple(&self) -> Option<Expected> {
        match self {
            Self::Any => Some(Expected::Any),
            Self::OneOf(versions) => match versions[..] {
                [version] => Some(version.into()),
                _ => None,
            },
        }
    }

    /// What to expect of a record that is in this version, if it is there: the version where it is among the expected
    /// ones, else one that it is not in.
    pub(crate) fn among(&self, current: Option<Version>) -> Expected {
        let Self::OneOf(versions) = self else { return Expected::Any };
        let found = versions.iter().find(|version| Some(**version) == current).or(versions.first());
        found.copied().unwrap_or(Version::of_none()).into()
    }
}

fn strong_tag(tag: &[u8]) -> Option<Version> {
    let text = tag.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn read(values: &[&str]) -> IfMatch {
        let headers = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_str(value).unwrap())).collect();
        IfMatch::read(&headers)
    }

    #[test]
    fn of_several_versions_the_one_that_is_there_is_expected_else_one_that_is_not() {
        let two = read(&["\"1-0000000a\", \"2-0000000b\""]);
        let [one, other, third] = ["1-0000000a", "2-0000000b", "2-0000000c"].map(version);
        assert_eq!(two.among(Some(other)), other.into());
        assert_eq!(two.among(Some(third)), one.into());
        assert_eq!(two.among(None), one.into());
        assert!(!read(&["\"x\""]).among(Some(one)).allows(one));
    }

    #[test]
    fn only_strong_tags_of_ours_match() {
        let [one, two, three] = ["1-0000000a", "2-0000000b", "3-0000000c"].map(version);
        assert_eq!(read(&[]), IfMatch::Any);
        assert_eq!(read(&[" * "]), IfMatch::Any);
        assert_eq!(read(&["\"1-0000000a\""]), IfMatch::OneOf(vec![one]));
        let three_tags = read(&["\"1-0000000a\" , \"2-0000000b\"", "\"3-0000000c\""]);
        assert_eq!(three_tags, IfMatch::OneOf(vec![one, two, three]));
        let tag = "1-0000000a";
        for value in [
            format!("W/\"{tag}\""),
            tag.to_owned(),
            format!("\"{tag}"),
            format!("\"0{tag}\""),
            "\"1\"".to_owned(),
            "\"\"".to_owned(),
            String::new(),
            format!("\"x,{tag}\""),
            format!("\"\"{tag}\"\""),
            format!("\"+{tag}\""),
        ] {
            assert_eq!(read(&[&value]), IfMatch::OneOf(Vec::new()), "{value}");
        }
    }
}
