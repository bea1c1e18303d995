//! What every handler has at hand.

use std::sync::Arc;

use axum::body::Bytes;
use provesi_core::{App, AppError};

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
    /// The answer to a use case that was not done.
    pub(crate) fn error(&self, error: AppError) -> ApiError {
        ApiError::App(error, *self.app.flow())
    }
}
