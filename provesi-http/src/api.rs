//! What every handler has at hand.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;
use provesi_core::{App, AppError};
use tracing::{Instrument, Span};

use crate::HttpOptions;
use crate::error::{self, ApiError};
use crate::failure::Failure;
use crate::health::Probes;
use crate::layers::WriteProgress;
use crate::sealed::CursorSeal;

/// The application and the options of its HTTP face. Every route has a clone, and every request clones that of its route.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) app: App,
    pub(crate) options: Arc<HttpOptions>,
    pub(crate) probes: Probes,
    pub(crate) cursors: CursorSeal,
    /// The OpenAPI document.
    pub(crate) openapi: Bytes,
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Api {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Runs a write to its end, even if its request times out or its caller hangs up: a use case of several steps must not
    /// stop between two of them, nor before its audit. If the caller is gone before it starts, it is never run.
    ///
    /// `location` is where its record can be looked at, relative to the path of the request, for a caller that does not
    /// learn the outcome.
    pub(crate) async fn run_to_completion<T, F>(
        &self,
        location: Option<String>,
        write: impl FnOnce(Self) -> F,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        let (write, progress, to) = (write(self.clone()), WriteProgress::current(), location.clone());
        let task = async move {
            let is_wanted = progress.is_none_or(|progress| progress.start(to.as_deref()));
            if is_wanted { Some(write.await) } else { None }
        };
        match self.options.lifecycle.writes().spawn(task.instrument(Span::current())).await {
            Ok(Some(Err(error))) if error.is_outcome_unknown() => {
                error::log(&error);
                Err(ApiError::OutcomeUnknown(location))
            }
            Ok(Some(done)) => done.map_err(|error| self.error(error)),
            // Nobody reads this.
            Ok(None) => Err(Failure::TimedOut.into()),
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only the end of the runtime cancels it.
                Err(_) => Err(ApiError::OutcomeUnknown(location)),
            },
        }
    }

    /// The answer to a use case that was not done.
    pub(crate) fn error(&self, error: AppError) -> ApiError {
        ApiError::App(error, *self.app.flow())
    }
}
