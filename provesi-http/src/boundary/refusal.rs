//! What the boundary says no with: `{"error": …}`.

use axum::http::StatusCode;
use axum::response::Response;

use crate::answer;

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not proved who sends it.
    Token,
    /// The message does not open; why is for the log.
    Message,
    /// The message is longer than a body may be.
    TooLarge,
    /// Its body did not arrive in time.
    BodyTimedOut,
    /// Its answer took too long.
    TimedOut,
    /// There are no keys to encrypt the answer with.
    NoKeys,
    /// The answer is longer than a message may be.
    LongAnswer,
    /// The answer is no text.
    NoText,
    /// The answer could not be read or encrypted.
    Failed,
    /// The service that sends it may not.
    Service,
    /// It came in clear.
    InClear,
    /// Its answer would go in clear.
    AnswerInClear,
}

impl Refusal {
    const fn told(self) -> (StatusCode, &'static str) {
        match self {
            Self::Token => (StatusCode::UNAUTHORIZED, "Token de servicio inválido"),
            Self::Message => (StatusCode::BAD_REQUEST, "Error al descifrar mensaje"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "El cuerpo de la solicitud es demasiado grande"),
            Self::BodyTimedOut => (StatusCode::REQUEST_TIMEOUT, "El cuerpo de la solicitud no llegó a tiempo"),
            Self::TimedOut => {
                (StatusCode::SERVICE_UNAVAILABLE, "La solicitud tardó demasiado, intente de nuevo en un momento")
            }
            Self::NoKeys => (StatusCode::NOT_IMPLEMENTED, "El cifrado de respuestas no está configurado"),
            Self::LongAnswer => (
                StatusCode::NOT_ACCEPTABLE,
                "La respuesta es demasiado grande para cifrarla, pida menos (por ejemplo con limit)",
            ),
            Self::NoText => (StatusCode::NOT_ACCEPTABLE, "La respuesta no es texto y no se puede cifrar"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "Error interno del servidor"),
            Self::Service => (StatusCode::FORBIDDEN, "Servicio no autorizado"),
            Self::InClear => (StatusCode::BAD_REQUEST, "Se requiere un mensaje cifrado"),
            Self::AnswerInClear => (StatusCode::BAD_REQUEST, "Se requiere una respuesta cifrada"),
        }
    }

    pub(super) fn answer(self) -> Response {
        let (status, error) = self.told();
        answer::refused(status, error, "1")
    }
}
