//! The page that says why another one could not be shown. What a store said goes to the log, never to the page.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use provesi_core::{AppError, ClientId, OrderNumber};

use super::orders::TAKEN;
use super::visit::{self, Layout, Section, Visit};
use crate::error::ApiError;
use crate::failure::Failure;
use crate::security_headers;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    l: Layout,
    status: u16,
    heading: &'static str,
    text: &'static str,
    /// Whether trying again may help.
    again: bool,
    /// Where to see whether a write was made, and what that page is called.
    record: Option<(String, &'static str)>,
}

impl Failure {
    /// What is told: in a few words, and what to do about it.
    pub(crate) const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::NoRoute => ("No encontramos esa página", "Revise la dirección, o siga desde el menú."),
            Self::NoMethod => ("Así no se puede", "Esta página no acepta ese tipo de solicitud."),
            Self::Forged => (
                "El formulario venció",
                "No se guardó nada. Vuelva a la página anterior y envíe el formulario otra vez: lo que escribió suele \
                 seguir ahí. Si vuelve a pasar, recárguela, y revise que el navegador acepte cookies de este sitio.",
            ),
            Self::BadForm => {
                ("No pudimos leer el formulario", "No se guardó nada. Recargue la página e intente de nuevo.")
            }
            Self::TooLarge => {
                ("El formulario es demasiado grande", "No se guardó nada. Acorte los textos e intente de nuevo.")
            }
            Self::UnknownHost => (
                "Este servidor no atiende esa dirección",
                "Revise la dirección. Si es la correcta, pida a quien administra el sistema que agregue su nombre a los que \
                 el servidor conoce (--hosts, PROVESI_HOSTS).",
            ),
            Self::BadHost => (
                "La solicitud no dice a qué servidor va",
                "Debe tener exactamente un encabezado Host válido. Avise a quien administra el sistema.",
            ),
            Self::UserHeader(fault) => ("No sabemos quién es usted", fault.detail()),
            Self::BodyTimedOut => {
                ("El formulario no llegó completo", "No se guardó nada. Revise la conexión e intente de nuevo.")
            }
            Self::TimedOut => ("Se demoró demasiado", "Intente de nuevo en un momento."),
            Self::OutcomeUnknown => (
                "No sabemos si quedó guardado",
                "La base de datos no confirmó el cambio a tiempo. Busque la orden o el cliente y revise cómo está antes de \
                 repetirlo.",
            ),
            Self::Starting | Self::Unavailable => {
                ("La base de datos no responde", "No se guardó nada. Espere un momento e intente de nuevo.")
            }
            Self::Internal => (
                "Algo falló de nuestro lado",
                "Quedó registrado. Si vuelve a pasar, avise a quien administra el sistema.",
            ),
        }
    }

    /// The page that says so.
    pub(crate) fn page(self, visit: &Visit) -> Response {
        let (heading, text) = self.told();
        let status = self.status();
        let l = visit.layout(heading, Section::None);
        let again = self.may_pass();
        let record = (self == Self::OutcomeUnknown).then(|| record(visit.path()));
        self.mark(visit::html(status, &FailurePage { l, status: status.as_u16(), heading, text, again, record }))
    }

    const fn may_pass(self) -> bool {
        matches!(self, Self::TimedOut | Self::Starting | Self::Unavailable)
    }

    /// Says in an answer when to try again, where that may help.
    pub(crate) fn mark(self, mut answer: Response) -> Response {
        if self.may_pass() {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        answer
    }
}

/// The page of the record that a path is about, or the list that shows the latest change first.
fn record(path: &str) -> (String, &'static str) {
    let mut segments = path.trim_start_matches('/').split('/');
    match (segments.next(), segments.next()) {
        (Some("clients"), Some(id)) if id.parse::<ClientId>().is_ok() => (format!("/clients/{id}/"), "Ver el cliente"),
        (Some("clients"), _) => ("/clients/".to_owned(), "Ver los clientes"),
        (_, Some(number)) if !TAKEN.contains(&number) && OrderNumber::parse(number).is_ok() => {
            (format!("/orders/{number}/"), "Ver la orden")
        }
        _ => ("/orders/".to_owned(), "Ver las órdenes"),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = self.status().into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// The record that a page is about; `None` where it does not exist.
pub(crate) fn found<T>(result: Result<T, AppError>) -> Result<Option<T>, Failure> {
    match result {
        Ok(record) => Ok(Some(record)),
        Err(AppError::ClientNotFound | AppError::OrderNotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the layers say, and what [`Api::run_to_completion`](crate::api::Api::run_to_completion) does.
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::App(error, _) => error.into(),
            ApiError::Failure(failure) => failure,
            ApiError::OutcomeUnknown(_) => Self::OutcomeUnknown,
            ApiError::Invalid(_)
            | ApiError::UnreadableBody
            | ApiError::CrossSite
            | ApiError::ClientId
            | ApiError::OrderNumber
            | ApiError::Cursor => Self::BadForm,
        }
    }
}

/// A layer's refusal of a request for a page.
pub(crate) fn refuse(error: ApiError) -> Response {
    Failure::from(error).into_response()
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    status: u16,
    heading: &'static str,
    text: &'static str,
}

/// The page for a request that is refused before it has a [`Visit`]: without session, style and links, which the browser
/// could not fetch either.
pub(crate) fn refuse_early(failure: Failure) -> Response {
    let ((heading, text), status) = (failure.told(), failure.status());
    let mut answer = visit::html(status, &RefusalPage { status: status.as_u16(), heading, text });
    security_headers::add(answer.headers_mut());
    answer
}

pub(crate) async fn no_page() -> Failure {
    Failure::NoRoute
}

/// axum adds `Allow`.
pub(crate) async fn other_method() -> Failure {
    Failure::NoMethod
}
