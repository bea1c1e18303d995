//! `GET /api/audit`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Actor, AuditFilter, Caller, PageLimit, PageRequest, Subject, Timestamp};

use crate::answer::{self, Paged};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{AuditList, Faults, Problem};
use crate::error::ApiError;
use crate::query::Params;
use crate::wire::AuditBody;

/// Quién vio o cambió los datos de quién, lo último primero.
///
/// For the services that may read it. Every call is itself recorded, also one that is refused.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(
        ("subject" = Option<String>, Query, description = "Only records of this client or order: `client:ID`, `order:NUMBER` or `order-id:ID`, in any letter case"),
        ("since" = Option<String>, Query, description = "Only records of this instant and later (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Only records before this instant (RFC 3339)"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The size of a page, 1 to 1000; 100 by default"),
        ("cursor" = Option<String>, Query, description = "Where the page starts: `next_cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The records", body = AuditList),
        (status = 400, description = "Not a cursor of this list", body = Problem),
        (status = 401, description = "The caller is anonymous", body = Problem),
        (status = 403, description = "The service may not read it", body = Problem),
        (status = 404, description = "There is no audit store", body = Problem),
        (status = 422, description = "An invalid parameter", body = Faults),
        (status = 503, description = "The audit store does not answer", body = Problem),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, By(caller): By, mut params: Params) -> Result<Response, ApiError> {
    let filter = AuditFilter {
        subject: params.value("subject", str::parse::<Subject>),
        since: params.value("since", str::parse::<Timestamp>),
        until: params.value("until", str::parse::<Timestamp>),
    };
    let may_read = may_read(&api, &caller);
    // A caller that may not read gets that error before any other.
    let request = match params.page() {
        Ok(request) => request,
        Err(refused) if may_read => return Err(refused),
        Err(_) => PageRequest::first(PageLimit::MAX),
    };
    let page = api.app.audit_page(&caller, may_read, &filter, &request).await.map_err(|error| api.error(error))?;
    let items: Vec<_> = page.items.iter().map(AuditBody::of).collect();
    let next = page.next.as_ref().map(ToString::to_string);
    Ok(answer::json(StatusCode::OK, &Paged::new(items, next, Vec::new())))
}

/// A service that is named in the options.
fn may_read(api: &Api, caller: &Caller) -> bool {
    matches!(&caller.actor, Actor::Service(name) if api.options.audit_readers.contains(name))
}
