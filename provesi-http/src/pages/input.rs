//! A field of a form as it is shown: label, value, what is wrong with it, and what the record says now where somebody else
//! changed it meanwhile.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Field, OrderRow, OrderStatus, Refusal};

use super::words;
use crate::error::by_field;
use crate::failure::Failure;

/// What is wrong with the fields of a form, in the order of the fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    fields: Vec<(&'static str, String)>,
    /// Why what was filled in could not be saved although nothing is wrong with it.
    failure: Option<Failure>,
    /// Where to look at what is in the way: text and path.
    way: Option<(&'static str, String)>,
}

impl Faults {
    pub(crate) fn add(&mut self, field: &'static str, text: impl Into<String>) {
        self.fields.push((field, text.into()));
    }

    /// What a use case refuses, each at its field. `own` has the texts of a form's own.
    pub(crate) fn refused(refusals: &[Refusal], own: impl Fn(&Refusal) -> Option<String>) -> Self {
        let mut faults = Self::default();
        for refusal in by_field(refusals) {
            let field = match refusal.field() {
                Field::ClientId => "client",
                field => field.as_str(),
            };
            faults.add(field, own(&refusal).unwrap_or_else(|| words::refusal(&refusal)));
        }
        faults
    }

    pub(crate) fn only(field: &'static str, text: impl Into<String>) -> Self {
        Self { fields: vec![(field, text.into())], ..Self::default() }
    }

    pub(crate) const fn failed(failure: Failure) -> Self {
        Self { fields: Vec::new(), failure: Some(failure), way: None }
    }

    /// These, with a way to what is in the way.
    pub(crate) fn with_way(self, text: &'static str, path: String) -> Self {
        Self { way: Some((text, path)), ..self }
    }

    /// Where to look at what is in the way, if that can be looked at.
    pub(crate) fn way(&self) -> Option<&(&'static str, String)> {
        self.way.as_ref()
    }

    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.failure.is_none()
    }

    /// Field and text of each.
    pub(crate) fn list(&self) -> &[(&'static str, String)] {
        &self.fields
    }

    /// What is told of the failure, if there is one.
    pub(crate) fn failure(&self) -> Option<(&'static str, &'static str)> {
        self.failure.map(Failure::told)
    }

    /// The answer that shows the form again; `page` makes it of a status.
    pub(crate) fn answer(&self, changed: bool, page: impl FnOnce(StatusCode) -> Response) -> Response {
        match self.failure {
            Some(failure) => failure.mark(page(failure.status())),
            None if changed => page(StatusCode::CONFLICT),
            None if self.is_empty() => page(StatusCode::OK),
            None => page(StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
}

/// A field that is typed in.
#[derive(Debug, Default, Template)]
#[template(path = "parts/input.html")]
pub(crate) struct Input<'a> {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// `email` or `tel`; empty for any text.
    pub(crate) kind: &'static str,
    /// How many lines it shows; 0 for a field of one line.
    pub(crate) rows: u8,
    pub(crate) value: &'a str,
    pub(crate) required: bool,
    pub(crate) hint: &'static str,
    pub(crate) fault: Option<&'a str>,
    /// What the record says now, where it says something else.
    pub(crate) now: Option<&'a str>,
    pub(crate) autofocus: bool,
    /// Whether a scanner may type into it; what is scanned into any other field is a scan like all.
    pub(crate) scans: bool,
}

impl HtmlSafe for Input<'_> {}

impl Input<'_> {
    /// The ids of what describes the field.
    fn described_by(&self) -> String {
        let parts = [("fault", self.fault.is_some()), ("now", self.now.is_some()), ("hint", !self.hint.is_empty())];
        let ids = parts.iter().filter(|(_, there)| *there).map(|(part, _)| format!("{}-{part}", self.name));
        ids.collect::<Vec<_>>().join(" ")
    }
}

/// A status: its words, and a colour beside them.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(source = r#"<span class="badge is-{{ class }}">{{ text }}</span>"#, ext = "html")]
pub(crate) struct Badge {
    class: &'static str,
    text: String,
}

impl From<OrderStatus> for Badge {
    fn from(status: OrderStatus) -> Self {
        Self { class: status.as_str(), text: status.label().to_owned() }
    }
}

/// The status of an irregular order stands for itself.
impl From<&OrderRow> for Badge {
    fn from(order: &OrderRow) -> Self {
        order.status().map_or_else(|_| Self { class: "irregular", text: words::in_status(&order.status) }, Self::from)
    }
}

impl HtmlSafe for Badge {}
