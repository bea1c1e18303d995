//! What every handler has at hand.

use std::sync::Arc;

use axum::body::Bytes;
use provesi_core::{App, AppError};
use tracing::{Instrument, Span};

use crate::HttpOptions;
use crate::error::ApiError;

/// The application and the options of its HTTP face. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) app: App,
    pub(crate) options: Arc<HttpOptions>,
    /// The OpenAPI document.
    pub(crate) openapi: Bytes,
}

impl Api {
    /// Runs a write to its end, also where the time-out cuts its request or its caller hangs up: a use case of several
    /// steps is not to stop between two of them, such as between a client and its orders, nor before its audit.
    pub(crate) async fn finish<T, F>(&self, write: impl FnOnce(Self) -> F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        match tokio::spawn(write(self.clone()).instrument(Span::current())).await {
            Ok(done) => done.map_err(|error| self.error(error)),
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only the end of the runtime cancels it.
                Err(_) => Err(ApiError::TimedOut),
            },
        }
    }

    /// The answer to a use case that was not done.
    pub(crate) fn error(&self, error: AppError) -> ApiError {
        ApiError::App(error, *self.app.flow())
    }
}
