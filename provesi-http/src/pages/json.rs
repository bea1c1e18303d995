//! The JSON that other services read beside the pages. Errors are `{"error": …}`.

use axum::extract::State;
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use provesi_core::{AppError, OrderStatus, OrderView};
use serde::Serialize;

use crate::answer;
use crate::api::Api;
use crate::boundary;
use crate::caller::By;
use crate::error;
use crate::error::ApiError;
use crate::path::{PathClient, PathNumber};
use crate::wire::status_display;

/// What nobody who is not known is shown.
const HIDDEN: &str = "***";

/// Why there is no record.
#[derive(Debug)]
pub(crate) enum NoRecord {
    ClientId,
    Client,
    Order,
    Unavailable,
    Failed,
}

impl IntoResponse for NoRecord {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::ClientId => (StatusCode::BAD_REQUEST, "ID de cliente inválido"),
            Self::Client => (StatusCode::NOT_FOUND, "Cliente no encontrado"),
            Self::Order => (StatusCode::NOT_FOUND, "Orden no encontrada"),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "Servicio no disponible, intente de nuevo en un momento")
            }
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "Error interno del servidor"),
        };
        answer::refused(status, error, "5")
    }
}

impl From<AppError> for NoRecord {
    fn from(error: AppError) -> Self {
        match error {
            AppError::ClientNotFound => Self::Client,
            AppError::OrderNotFound => Self::Order,
            error => {
                error::log(&error);
                if error.is_transient() { Self::Unavailable } else { Self::Failed }
            }
        }
    }
}

/// `/clients/api/v1/{id}/`: a client; what is personal only to a service.
pub(crate) async fn client(
    State(api): State<Api>,
    extensions: Extensions,
    By(caller): By,
    id: Result<PathClient, ApiError>,
) -> Result<Response, NoRecord> {
    #[derive(Serialize)]
    struct Told<'a> {
        id: String,
        name: &'a str,
        email: &'a str,
        phone: &'a str,
        created_at: String,
    }
    let id = id.and_then(PathClient::get).map_err(|_| NoRecord::ClientId)?;
    let client = api.app.client(&caller, id).await?.shown();
    let is_known = boundary::service(&extensions).is_some();
    let told = Told {
        id: client.id.to_string(),
        name: &client.name,
        email: if is_known { &client.email } else { HIDDEN },
        phone: if is_known { client.phone.as_deref().unwrap_or_default() } else { HIDDEN },
        created_at: client.created_at.to_string(),
    };
    Ok(answer::json(StatusCode::OK, &told))
}

/// `/orders/api/v1/orders/{number}/status`: where an order stands.
pub(crate) async fn order_status(
    State(api): State<Api>,
    By(caller): By,
    number: Result<PathNumber, ApiError>,
) -> Result<Response, NoRecord> {
    #[derive(Serialize)]
    struct Told<'a> {
        order_number: &'a str,
        status: &'a str,
        status_display: &'a str,
        /// The client's name, where there is a client and it is known.
        client: Option<&'a str>,
        client_id: Option<String>,
        last_updated: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        return_reason: Option<Option<&'a str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        returned_at: Option<Option<String>>,
    }
    let number = number.and_then(PathNumber::get).map_err(|_| NoRecord::Order)?;
    let OrderView { order, client, .. } = api.app.order(&caller, &number).await?;
    let row = &order.row;
    let returned = row.status == OrderStatus::Returned.as_str();
    let info = row.return_info();
    let told = Told {
        order_number: &row.number,
        status: &row.status,
        status_display: status_display(&row.status),
        client: client.client().map(|client| &*client.row.name),
        client_id: order.shown_client_id(),
        last_updated: row.updated_at.to_string(),
        return_reason: returned.then(|| info.as_ref().map(|info| info.reason.as_str())),
        returned_at: returned.then(|| info.as_ref().map(|info| info.returned_at.to_string())),
    };
    Ok(answer::json(StatusCode::OK, &told))
}
