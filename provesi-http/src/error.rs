//! The answers of the API to requests that were not done: text and code of each error.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provesi_core::{AppError, Chain, Field, Order, Refusal, Rule, StatusFlow, StoreError};
use serde::Serialize;

use crate::answer;
use crate::etag;
use crate::failure::Failure;
use crate::faults::{Fault, Faults, Place};
use crate::json::Json;
use crate::wire::{ClientBody, OrderBody};

/// Why a request was not done.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The input breaks rules.
    Invalid(Faults),
    /// The body is not text, or nested too deep.
    UnreadableBody,
    /// The path does not hold a client's id.
    ClientId,
    /// The path holds what cannot be an order's number.
    OrderNumber,
    /// Not a cursor of this list.
    Cursor,
    /// The use case says no; the flow is for showing an order that was changed meanwhile.
    App(AppError, StatusFlow),
    /// A write that a web page of another site has a browser send.
    CrossSite,
    /// A write was not confirmed in time: it may have been made, or may still be made. Its record can be looked at here,
    /// relative to the path of the request.
    OutcomeUnknown(Option<String>),
    /// A reason that the API and the pages share.
    Failure(Failure),
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The error envelope: the text that callers of the Python system know, and a name for machines.
#[derive(Debug, Serialize)]
struct Envelope<'a, C> {
    detail: &'a str,
    code: &'static str,
    /// The record as it is, where the caller knew an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<C>,
}

type Told = (StatusCode, &'static str, &'static str);

const CLIENT_NOT_FOUND: Told = (StatusCode::NOT_FOUND, "client.not_found", "Cliente no encontrado");
const ORDER_NOT_FOUND: Told = (StatusCode::NOT_FOUND, "order.not_found", "Orden no encontrada");
const INVALID_CURSOR: Told = (StatusCode::BAD_REQUEST, "cursor.invalid", "Cursor inválido");
const UNREADABLE: &str = "There was an error parsing the body";
const CHANGED: &str = "conflict.version";

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(faults) => refused(&faults),
            Self::UnreadableBody => told((StatusCode::BAD_REQUEST, "request.unreadable", UNREADABLE)),
            Self::ClientId => told((StatusCode::BAD_REQUEST, "client.invalid_id", "ID de cliente inválido")),
            Self::OrderNumber => told(ORDER_NOT_FOUND),
            Self::Cursor => told(INVALID_CURSOR),
            Self::CrossSite => {
                told((StatusCode::FORBIDDEN, "request.cross_site", "Otro sitio web no puede cambiar datos desde aquí"))
            }
            Self::OutcomeUnknown(location) => outcome_unknown(location),
            Self::App(error, flow) => app_error(error, flow),
            Self::Failure(failure) => failed(failure),
        }
    }
}

fn outcome_unknown(location: Option<String>) -> Response {
    let mut answer = failed(Failure::OutcomeUnknown);
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

fn app_error(error: AppError, flow: StatusFlow) -> Response {
    match error {
        AppError::Refused(refusals) => refused_input(&refusals),
        AppError::ClientNotFound => told(CLIENT_NOT_FOUND),
        AppError::OrderNotFound => told(ORDER_NOT_FOUND),
        AppError::ClientChanged { current } => {
            let detail = "El cliente cambió mientras tanto";
            let mut answer = envelope(StatusCode::PRECONDITION_FAILED, CHANGED, detail, Some(ClientBody::of(&current)));
            etag::tag(&mut answer, current.version());
            answer
        }
        AppError::OrderChanged { current } => {
            let status = current.record.as_ref().map(Order::status);
            let next: Vec<_> = status.into_iter().flat_map(|status| flow.next(status)).collect();
            let detail = "La orden cambió mientras tanto";
            let mut answer =
                envelope(StatusCode::PRECONDITION_FAILED, CHANGED, detail, Some(OrderBody::of(&current, &next)));
            etag::tag(&mut answer, current.version());
            answer
        }
        AppError::KeyReused => told((
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key.reused",
            "La clave Idempotency-Key ya se usó para otra solicitud",
        )),
        AppError::Contended => told((
            StatusCode::SERVICE_UNAVAILABLE,
            "conflict.contended",
            "El registro está siendo modificado, intente de nuevo en un momento",
        )),
        AppError::Clients(StoreError::InvalidCursor)
        | AppError::Orders(StoreError::InvalidCursor)
        | AppError::Audit(StoreError::InvalidCursor) => told(INVALID_CURSOR),
        AppError::AuditAnonymous => told((
            StatusCode::UNAUTHORIZED,
            "audit.unauthenticated",
            "Solo un servicio autenticado puede ver la auditoría",
        )),
        AppError::AuditForbidden => {
            told((StatusCode::FORBIDDEN, "audit.forbidden", "Este servicio no puede ver la auditoría"))
        }
        AppError::AuditNotKept => {
            told((StatusCode::NOT_FOUND, "audit.not_kept", "La auditoría no se guarda donde se pueda consultar"))
        }
        error => failed(error.into()),
    }
}

fn failed(failure: Failure) -> Response {
    let (code, detail) = match failure {
        Failure::NoRoute => ("route.not_found", "Not Found"),
        Failure::NoMethod => ("route.method_not_allowed", "Method Not Allowed"),
        Failure::Forged | Failure::BadForm => ("request.unreadable", UNREADABLE),
        Failure::TooLarge => ("request.too_large", "El cuerpo de la solicitud es demasiado grande"),
        Failure::UnknownHost => {
            ("request.unknown_host", "Este servidor no atiende solicitudes para ese nombre de host")
        }
        Failure::BadHost => ("request.invalid_host", "La solicitud debe tener exactamente un encabezado Host válido"),
        Failure::UserHeader(fault) => ("request.invalid_user", fault.detail()),
        Failure::TimedOut => ("request.timed_out", "La solicitud tardó demasiado, intente de nuevo en un momento"),
        Failure::BodyTimedOut => {
            ("request.body_timed_out", "El cuerpo de la solicitud no llegó a tiempo; no se guardó nada")
        }
        Failure::OutcomeUnknown => {
            ("outcome_unknown", "No se sabe si el cambio se guardó: consulte el registro antes de repetir la solicitud")
        }
        Failure::Starting => ("server.starting", "El servicio está iniciando, intente de nuevo en un momento"),
        Failure::Unavailable => ("store.unavailable", "Servicio no disponible, intente de nuevo en un momento"),
        Failure::Internal => ("internal", "Error interno del servidor"),
    };
    told((failure.status(), code, detail))
}

/// The refusals in the order of the fields of a body or form.
pub(crate) fn by_field(refusals: &[Refusal]) -> Vec<Refusal> {
    const FIELDS: [Field; 4] = [Field::OrderNumber, Field::ClientId, Field::Status, Field::ReturnReason];
    let mut refusals = refusals.to_vec();
    refusals.sort_by_key(|refusal| FIELDS.iter().position(|field| *field == refusal.field()));
    refusals
}

/// Which of several 400s the contract answers with: that of the number, of the status, of the reason, or of the client.
fn rank(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::Invalid(_) => 0,
        Refusal::TransitionRefused { .. } => 2,
        Refusal::ReasonRequired => 3,
        Refusal::UnknownClient => 4,
        // A number or an e-mail address that is taken.
        _ => 1,
    }
}

/// If a field breaks a rule of its own: 422 with every such field. The characters of a number are the exception, which alone are a
/// 400 like all other refusals.
fn refused_input(refusals: &[Refusal]) -> Response {
    let is_422 = |refusal: &Refusal| matches!(refusal, Refusal::Invalid(it) if it.rule != Rule::NumberCharset);
    if refusals.iter().any(is_422) {
        // What a body may break was looked for when it was read, so these are rules that only the use case knows.
        let mut faults = Faults::default();
        for refusal in by_field(refusals) {
            if let Refusal::Invalid(invalid) = refusal {
                faults.push(|| Fault::broken_rule(Place::Member(invalid.field.as_str()), Json::Null, invalid));
            }
        }
        return refused(&faults);
    }
    let (code, detail) = match refusals.iter().min_by_key(|refusal| rank(refusal)) {
        Some(Refusal::Invalid(_)) => {
            ("order.invalid_number", "El código solo puede contener letras, números y guiones".into())
        }
        Some(Refusal::NumberTaken) => ("order.number_taken", "El número de orden ya existe".into()),
        Some(Refusal::EmailTaken) => ("client.email_taken", "El email ya existe".into()),
        Some(Refusal::TransitionRefused { from, to }) => (
            "order.transition_refused",
            format!("Una orden en estado {} no puede pasar a {}", from.label(), to.label()).into(),
        ),
        Some(Refusal::ReasonRequired) => {
            ("order.reason_required", "return_reason es requerido para estado devuelto".into())
        }
        Some(Refusal::UnknownClient) => ("order.client_not_found", "Cliente no encontrado".into()),
        refusal => ("input.refused", refusal.map(ToString::to_string).unwrap_or_default().into()),
    };
    let detail: Cow<'static, str> = detail;
    envelope(StatusCode::BAD_REQUEST, code, &detail, None::<()>)
}

/// Logs a fault of ours with all that led to it, once, in the span of its request, which holds the request id.
pub(crate) fn log(error: &AppError) {
    tracing::error!(error = %Chain(error), transient = error.is_transient(), "a request failed");
}

fn told((status, code, detail): Told) -> Response {
    envelope(status, code, detail, None::<()>)
}

fn envelope(status: StatusCode, code: &'static str, detail: &str, current: Option<impl Serialize>) -> Response {
    let mut answer = answer::json(status, &Envelope { detail, code, current });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

fn refused(faults: &Faults) -> Response {
    answer::json(StatusCode::UNPROCESSABLE_ENTITY, faults)
}
