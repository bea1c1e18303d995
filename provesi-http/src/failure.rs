//! Why a request was not done: for the API and the pages alike, which each say it in their own words.

use axum::http::StatusCode;
use provesi_core::AppError;

use crate::error;
use crate::layers::UserHeaderFault;

/// Why a request was not done, where the use case has no reason of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No such path.
    NoRoute,
    /// The path is there, for other methods.
    NoMethod,
    /// The form is not one of ours for this browser.
    Forged,
    /// The form cannot be read.
    BadForm,
    /// The body is longer than allowed.
    TooLarge,
    /// The host is none that the server answers to.
    UnknownHost,
    /// The request does not say clearly which host it is for.
    BadHost,
    /// The header in which a proxy names the user names nobody.
    UserHeader(UserHeaderFault),
    /// A read, or a write that was not handed to its use case, took too long: nothing was done.
    TimedOut,
    /// The body of a write did not arrive in time: nothing was done.
    BodyTimedOut,
    /// A write was not confirmed in time: it may have been made, or may still be made.
    OutcomeUnknown,
    /// The server waits for its stores.
    Starting,
    /// A store does not answer.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Failure {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::BadForm | Self::BadHost | Self::UserHeader(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::TimedOut | Self::Starting | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A use case that failed, or that has a reason which nobody tells in words of its own.
impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        error::log(&error);
        match error {
            error if error.is_outcome_unknown() => Self::OutcomeUnknown,
            error if error.is_transient() => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}
