//! Forms that are sent: read, and taken only where they are ours, or a service's.
//!
//! A service that proved who it is needs no page of ours first, and may send the fields as a JSON object as well: a secure
//! message holds nothing else.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use provesi_core::{Actor, AppError, Caller, Expected, IdempotencyKey, OrderId};

use super::visit::Visit;
use super::{Pages, once, origin, token};
use crate::api::Api;
use crate::body::unread;
use crate::boundary;
use crate::error::ApiError;
use crate::failure::Failure;
use crate::json::{self, Json};

/// A form that comes from a page that we gave to this browser, or from a service.
#[derive(Debug)]
pub(crate) struct Posted {
    fields: Vec<(String, String)>,
    /// The key under which it is done once; `None` of a service, whose form has no number.
    key: Option<IdempotencyKey>,
}

impl FromRequest<Pages> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Failure> {
        let visit = request.extensions().get::<Visit>().cloned().ok_or(Failure::Internal)?;
        if boundary::service(request.extensions()).is_some() {
            return Self::of_service(request).await;
        }
        let session = visit.session().ok_or(Failure::Forged)?;
        if !is_urlencoded(&request) || !origin::is_ours(&request) {
            return Err(Failure::Forged);
        }
        let actor = request.extensions().get::<Actor>().cloned().unwrap_or_default();
        // The limit is the body limit layer's.
        let bytes = to_bytes(request.into_body(), usize::MAX).await.map_err(unread)?;
        let mut fields = urlencoded(&bytes);
        let given = fields.iter().position(|(name, _)| name == token::FIELD).ok_or(Failure::Forged)?;
        let (_, given) = fields.swap_remove(given);
        let form = token::accept(&pages.key, session, &given).ok_or(Failure::Forged)?;
        let key = once::key(&actor, form, visit.path(), &fields);
        Ok(Self { fields, key })
    }
}

fn urlencoded(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect()
}

/// The members of a JSON object as fields: a list is a field that is there several times, `null` is none.
fn json_fields(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = |value: Json| match value {
        Json::Text(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let Json::Object(members) = json::parse(bytes).ok()? else { return None };
    let mut fields = Vec::with_capacity(members.len());
    for (name, value) in members {
        match value {
            Json::Null => {}
            Json::Array(items) => {
                for item in items {
                    fields.push((name.clone(), text(item)?));
                }
            }
            value => fields.push((name, text(value)?)),
        }
    }
    Some(fields)
}

fn is_urlencoded(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl Posted {
    async fn of_service(request: Request) -> Result<Self, Failure> {
        let is_form = is_urlencoded(&request);
        let bytes = to_bytes(request.into_body(), usize::MAX).await.map_err(unread)?;
        let fields = if is_form { urlencoded(&bytes) } else { json_fields(&bytes).ok_or(Failure::BadForm)? };
        Ok(Self { fields, key: None })
    }

    /// A field as it was filled in; browsers' line ends are `\n` here.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All values of a field that may be there several times, as they were filled in.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A field of one line, without blanks around it; empty where it is not there.
    pub(crate) fn line(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().trim().to_owned()
    }

    /// A field of several lines; empty where it is not there.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().trim_end().to_owned()
    }

    /// The order that the form was filled in for, if it says: its number may have become that of another one meanwhile.
    pub(crate) fn order_id(&self) -> Option<OrderId> {
        self.get("id")?.parse().ok().map(OrderId::new)
    }

    /// Which version of the record the form was filled in over. A form that does not say takes any.
    pub(crate) fn expected(&self) -> Result<Expected, Failure> {
        match self.get("version") {
            None => Ok(Expected::Any),
            Some(version) => version.parse().map(Expected::Version).map_err(|_| Failure::BadForm),
        }
    }
}

impl Posted {
    /// The caller, with the key of this form.
    pub(crate) fn by(&self, caller: &Caller) -> Caller {
        Caller { idempotency_key: self.key, ..caller.clone() }
    }
}

impl Pages {
    /// Runs the write of a form to its end. `write` has to give its use cases the caller of [`Posted::by`].
    ///
    /// The inner error is one of the use case, the outer one of the layers around it.
    pub(crate) async fn write<T, F>(
        &self,
        write: impl FnOnce(Api) -> F + Send + 'static,
    ) -> Result<Result<T, AppError>, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        match self.api.run_to_completion(None, write).await {
            Ok(done) => Ok(Ok(done)),
            Err(ApiError::App(error, _)) => Ok(Err(error)),
            Err(other) => Err(other.into()),
        }
    }
}

/// Whether two texts say the same, whatever their line ends and the blanks around them: a form that nobody touched is not
/// to change a record that was written otherwise.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a == b || a.replace("\r\n", "\n").trim() == b.replace("\r\n", "\n").trim()
}
