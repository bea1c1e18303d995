//! The form of a client: what was filled in, what is wrong with it, and how it is shown again.

use askama::Template;
use axum::response::Response;
use provesi_core::{
    Address, AppError, Client, ClientDraft, ClientName, Email, EmailFault, Invalid, Phone, Refusal, Rule, Stored,
};

use crate::pages::input::{Faults, Input};
use crate::pages::posted::{Posted, same_text};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::words;

/// What was filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) address: String,
}

/// The client that a form is about: none yet, or this one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    New,
    Client(&'a Stored<Client>),
    /// One that somebody else changed while the form was filled in; as it is now.
    Changed(&'a Stored<Client>),
}

#[derive(Template)]
#[template(path = "clients/form.html")]
struct Form<'a> {
    l: Layout,
    inputs: [Input<'a>; 4],
    faults: &'a Faults,
    /// What is wrong with an irregular client.
    irregular: Vec<String>,
    /// Path of the client and the version that the form is filled in over.
    client: Option<(String, String)>,
    changed: bool,
}

impl Filled {
    pub(super) fn of(client: &Stored<Client>) -> Self {
        let client = client.shown();
        Self {
            name: client.name,
            email: client.email,
            phone: client.phone.unwrap_or_default(),
            address: client.address.unwrap_or_default(),
        }
    }

    pub(super) fn read(posted: &Posted) -> Self {
        Self {
            name: posted.line("name"),
            email: posted.line("email"),
            phone: posted.line("phone"),
            address: posted.text("address"),
        }
    }

    /// What was filled in, with what says the same as the record put as the record has it.
    pub(super) fn kept(mut self, client: &Stored<Client>) -> Self {
        let stored = Self::of(client);
        for (filled, stored) in [
            (&mut self.name, stored.name),
            (&mut self.phone, stored.phone),
            (&mut self.email, stored.email),
            (&mut self.address, stored.address),
        ] {
            if same_text(filled, &stored) {
                *filled = stored;
            }
        }
        self
    }

    /// The client that it describes, or all that is wrong.
    pub(super) fn draft(&self) -> Result<ClientDraft, Faults> {
        let mut faults = Faults::default();
        let mut told = |field, invalid: Invalid| {
            let text = match invalid.rule {
                Rule::Email(EmailFault::NoAt) if self.email.is_empty() => words::EMAIL_NEEDED.into(),
                _ => words::refused(invalid),
            };
            faults.add(field, text);
        };
        let name = ClientName::parse(self.name.as_str()).map_err(|invalid| told("name", invalid)).ok();
        let email = Email::parse(&self.email).map_err(|invalid| told("email", invalid)).ok();
        let phone = Phone::parse_optional(self.phone.as_str()).map_err(|invalid| told("phone", invalid)).ok();
        let address = Address::parse_optional(self.address.as_str()).map_err(|invalid| told("address", invalid)).ok();
        match (name, email, phone, address) {
            (Some(name), Some(email), Some(phone), Some(address)) => {
                Ok(ClientDraft::builder().name(name).email(email).maybe_phone(phone).maybe_address(address).build())
            }
            _ => Err(faults),
        }
    }

    /// What the form says of a use case that refuses it.
    pub(super) fn faults(&self, error: AppError) -> Faults {
        match error.refusals() {
            [] => Faults::failed(error.into()),
            refusals => Faults::refused(refusals, |refusal| {
                (*refusal == Refusal::EmailTaken).then(|| words::email_taken(&self.email))
            }),
        }
    }

    /// The form, filled in like this.
    pub(super) fn show(&self, visit: &Visit, of: Of<'_>, faults: &Faults) -> Response {
        let (client, now) = match of {
            Of::New => (None, None),
            Of::Client(client) => (Some(client), None),
            Of::Changed(client) => (Some(client), Some(Self::of(client))),
        };
        let title = client
            .map_or_else(|| "Nuevo cliente".to_owned(), |client| format!("Editar {}", words::named(&client.row.name)));
        let now = now.as_ref();
        let input = |name, label, value: fn(&Self) -> &String| Input {
            name,
            label,
            value: value(self),
            fault: faults.of(name),
            now: now.map(value).filter(|theirs| *theirs != value(self)).map(String::as_str),
            ..Input::default()
        };
        let inputs = [
            Input {
                required: true,
                // On a page that is there already, a scan without script is not to land in the name.
                autofocus: faults.is_empty() && client.is_none(),
                ..input("name", "Nombre", |filled| &filled.name)
            },
            Input {
                kind: "email",
                required: true,
                hint: "Cada cliente tiene el suyo.",
                ..input("email", "Email", |filled| &filled.email)
            },
            Input { kind: "tel", ..input("phone", "Teléfono", |filled| &filled.phone) },
            Input { rows: 3, ..input("address", "Dirección", |filled| &filled.address) },
        ];
        let form = Form {
            l: visit.layout(title, Section::Clients),
            inputs,
            faults,
            irregular: client.map(words::irregular_client).unwrap_or_default(),
            client: client.map(|client| (format!("/clients/{}/", client.row.id), client.version().to_string())),
            changed: now.is_some(),
        };
        faults.answer(form.changed, |status| visit::html(status, &form))
    }
}
