//! What is wrong with a request, in the shape of FastAPI's 422: the only place that knows how pydantic spells a rule.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use provesi_core::{EmailFault, Invalid, OrderStatus, Rule};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::json::Json;

/// A part of the way to what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Step {
    Name(&'static str),
    Offset(usize),
}

/// One fault of a request, as pydantic tells it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldFault)]
pub(crate) struct Fault {
    #[serde(rename = "type")]
    #[schema(example = "string_too_long")]
    kind: &'static str,
    /// The way to it: `body` or `query`, then the field, or the place in a text that is no JSON.
    #[schema(value_type = Vec<Value>, example = json!(["body", "name"]))]
    loc: Vec<Step>,
    #[schema(value_type = String, example = "String should have at most 100 characters")]
    msg: Cow<'static, str>,
    /// What was sent; cut where it is longer than 4 KiB.
    #[schema(value_type = Value)]
    input: Json,
    /// What the message speaks of, by names of pydantic's.
    #[schema(value_type = Object, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

/// The most faults in one answer.
const MAX_FAULTS: usize = 100;

/// The most bytes of an input that are sent back.
const MAX_INPUT_LEN: usize = 4_096;

/// All that is wrong with a request.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct Faults {
    /// At most 100.
    detail: Vec<Fault>,
    /// How many further faults were left out; only where there are any.
    #[schema(value_type = usize, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<NonZeroUsize>,
}

impl Faults {
    /// Adds a fault, or counts it where there are enough.
    pub(crate) fn push(&mut self, fault: impl FnOnce() -> Fault) {
        if self.detail.len() < MAX_FAULTS {
            self.detail.push(fault());
        } else {
            self.omitted = Some(self.omitted.map_or(NonZeroUsize::MIN, |omitted| omitted.saturating_add(1)));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.detail.is_empty()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { detail: vec![fault], omitted: None }
    }
}

/// Where a value of a request stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The body itself.
    Body,
    /// A member of the body.
    Member(&'static str),
    /// A parameter of the query string.
    Query(&'static str),
    /// A header.
    Header(&'static str),
}

impl Place {
    fn steps(self) -> Vec<Step> {
        match self {
            Self::Body => vec![Step::Name("body")],
            Self::Member(name) => vec![Step::Name("body"), Step::Name(name)],
            Self::Query(name) => vec![Step::Name("query"), Step::Name(name)],
            Self::Header(name) => vec![Step::Name("header"), Step::Name(name)],
        }
    }
}

impl Fault {
    fn new(kind: &'static str, place: Place, msg: impl Into<Cow<'static, str>>, mut input: Json) -> Self {
        input.shorten(&mut { MAX_INPUT_LEN });
        Self { kind, loc: place.steps(), msg: msg.into(), input, ctx: None }
    }

    fn with(self, ctx: Value) -> Self {
        Self { ctx: Some(ctx), ..self }
    }

    /// Nothing is there; `input` is what it should have been in.
    pub(crate) fn missing(place: Place, input: Json) -> Self {
        Self::new("missing", place, "Field required", input)
    }

    /// The body is no object.
    pub(crate) fn not_an_object(input: Json) -> Self {
        let msg = "Input should be a valid dictionary or object to extract fields from";
        Self::new("model_attributes_type", Place::Body, msg, input)
    }

    /// The body is no JSON; `at` counts characters.
    pub(crate) fn not_json(at: usize, what: &'static str) -> Self {
        let mut fault =
            Self::new("json_invalid", Place::Body, "JSON decode error", Json::Object(crate::json::Object::new()));
        fault.loc.push(Step::Offset(at));
        fault.with(json!({ "error": what }))
    }

    /// The value is no text.
    pub(crate) fn not_a_text(place: Place, input: Json) -> Self {
        match input {
            // Python holds halves of surrogate pairs in its texts; pydantic refuses them with a type of its own.
            Json::BrokenText(_) => {
                let msg = "Input should be a valid string, unable to parse raw data as a unicode string";
                Self::new("string_unicode", place, msg, input)
            }
            _ => Self::new("string_type", place, "Input should be a valid string", input),
        }
    }

    /// The value is no status.
    pub(crate) fn not_a_status(place: Place, input: Json) -> Self {
        let expected = expected_statuses();
        Self::new("enum", place, format!("Input should be {expected}"), input).with(json!({ "expected": expected }))
    }

    /// The text is no whole number.
    pub(crate) fn not_a_number(place: Place, input: Json) -> Self {
        let msg = "Input should be a valid integer, unable to parse string as an integer";
        Self::new("int_parsing", place, msg, input)
    }

    /// The number is smaller than `min`.
    pub(crate) fn too_small(place: Place, input: Json, min: i64) -> Self {
        let msg = format!("Input should be greater than or equal to {min}");
        Self::new("greater_than_equal", place, msg, input).with(json!({ "ge": min }))
    }

    /// The number is greater than `max`.
    pub(crate) fn too_large(place: Place, input: Json, max: i64) -> Self {
        let msg = format!("Input should be less than or equal to {max}");
        Self::new("less_than_equal", place, msg, input).with(json!({ "le": max }))
    }

    /// The value breaks a rule of the domain.
    pub(crate) fn broken_rule(place: Place, input: Json, invalid: Invalid) -> Self {
        match invalid.rule {
            Rule::TooLong { max } => {
                let msg = format!("String should have at most {max} characters");
                Self::new("string_too_long", place, msg, input).with(json!({ "max_length": max }))
            }
            Rule::UnknownStatus => Self::not_a_status(place, input),
            Rule::Email(fault) => {
                let reason = email_reason(fault);
                let msg = format!("value is not a valid email address: {reason}");
                Self::new("value_error", place, msg, input).with(json!({ "reason": reason }))
            }
            rule => {
                let reason = rule.to_string();
                Self::new("value_error", place, format!("Value error, {reason}"), input)
                    .with(json!({ "reason": reason }))
            }
        }
    }
}

/// `'received', 'picking' … or 'cancelled'`.
fn expected_statuses() -> String {
    let quoted: Vec<_> = OrderStatus::ALL.iter().map(|status| format!("'{status}'")).collect();
    quoted.split_last().map_or_else(String::new, |(last, others)| format!("{} or {last}", others.join(", ")))
}

/// What the Python system's e-mail checker (`email-validator`) says.
const fn email_reason(fault: EmailFault) -> &'static str {
    match fault {
        EmailFault::NoAt => "An email address must have an @-sign.",
        EmailFault::NoLocalPart => "There must be something before the @-sign.",
        EmailFault::NoDomain => "There must be something after the @-sign.",
        EmailFault::Quoted => "Quoting the part before the @-sign is not allowed here.",
        EmailFault::DomainLiteral => "A bracketed IP address after the @-sign is not allowed here.",
        EmailFault::NoPeriod => "The part after the @-sign is not valid. It should have a period.",
        EmailFault::TwoPeriods => "An email address cannot have two periods in a row.",
        EmailFault::TooLong => "The email address is too long.",
        _ => "The email address contains invalid characters.",
    }
}
