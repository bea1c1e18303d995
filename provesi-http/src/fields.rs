//! The fields of a body: each is looked at, and all that is wrong is told at once, in the order of the fields.

use provesi_core::{Field, Invalid, OrderStatus};

use crate::error::ApiError;
use crate::faults::{Fault, Faults, Place};
use crate::json::{Json, Object};

/// The members of a body, and what was found wrong with them so far.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    members: &'a Object,
    faults: Faults,
}

/// What a body is read as.
pub(crate) trait FromFields: Sized {
    /// Reads the fields in their order. `None` only where a fault was noted.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

impl<'a> Fields<'a> {
    /// Reads the members of a body as a `T`.
    pub(crate) fn read<T: FromFields>(members: &'a Object) -> Result<T, ApiError> {
        let mut fields = Self { members, faults: Faults::default() };
        match T::read(&mut fields) {
            Some(value) if fields.faults.is_empty() => Ok(value),
            _ => Err(ApiError::Invalid(fields.faults)),
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&mut self, field: Field) -> Option<&'a str> {
        let Some(value) = self.members.get(field.as_str()) else {
            let input = Json::Object(self.members.clone());
            self.faults.push(|| Fault::missing(Place::Member(field.as_str()), input));
            return None;
        };
        self.text(field, value)
    }

    /// A text that may be left out or `null`: `None` then, and `Some(None)` where a fault was noted.
    fn optional(&mut self, field: Field) -> Option<Option<&'a str>> {
        match self.members.get(field.as_str())? {
            Json::Null => None,
            value => Some(self.text(field, value)),
        }
    }

    /// A text that may be left out or `null`, kept as it came.
    pub(crate) fn optional_text(&mut self, field: Field) -> Option<&'a str> {
        self.optional(field).flatten()
    }

    /// A text that must be there and keep to a rule.
    pub(crate) fn required_as<T>(&mut self, field: Field, parse: fn(&'a str) -> Result<T, Invalid>) -> Option<T> {
        let text = self.required(field)?;
        self.parsed(field, text, parse)
    }

    /// A text that must keep to a rule if it is there.
    pub(crate) fn optional_as<T>(&mut self, field: Field, parse: fn(&'a str) -> Result<T, Invalid>) -> Option<T> {
        let text = self.optional_text(field)?;
        self.parsed(field, text, parse)
    }

    /// A status that may be left out or `null`.
    pub(crate) fn optional_status(&mut self) -> Option<OrderStatus> {
        let field = Field::Status.as_str();
        let status = match self.members.get(field)? {
            Json::Null => return None,
            Json::Text(text) => text.parse().ok(),
            _ => None,
        };
        if status.is_none() {
            let input = self.members.get(field).cloned().unwrap_or(Json::Null);
            self.faults.push(|| Fault::not_a_status(Place::Member(field), input));
        }
        status
    }

    /// Notes that a text breaks a rule.
    pub(crate) fn refuse(&mut self, field: Field, text: &str, invalid: Invalid) {
        self.faults.push(|| Fault::broken_rule(Place::Member(field.as_str()), text.into(), invalid));
    }

    fn text(&mut self, field: Field, value: &'a Json) -> Option<&'a str> {
        match value {
            Json::Text(text) => Some(text),
            other => {
                self.faults.push(|| Fault::not_a_text(Place::Member(field.as_str()), other.clone()));
                None
            }
        }
    }

    fn parsed<T>(&mut self, field: Field, text: &'a str, parse: fn(&'a str) -> Result<T, Invalid>) -> Option<T> {
        parse(text).map_err(|invalid| self.refuse(field, text, invalid)).ok()
    }
}
