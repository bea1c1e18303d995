//! `GET /api/audit`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Actor, AuditFilter, Caller, PageLimit, PageRequest, Subject, Timestamp};

use crate::answer::{self, Paged};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{AuditList, Problem, Refusal};
use crate::error::ApiError;
use crate::query::Params;
use crate::wire::AuditBody;

/// Quién vio o cambió los datos de quién, lo último primero.
///
/// For services that may see it. Asking leaves a record as well, whether or not it is allowed.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(
        ("subject" = Option<String>, Query, description = "Only what names this client or order: `client:ID`, `order:NUMBER` or `order-id:ID`, in any letter case"),
        ("since" = Option<String>, Query, description = "Only what was done at this instant or later (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Only what was done before this instant (RFC 3339)"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The size of a page, 1 to 1000; 100 where it is left out"),
        ("cursor" = Option<String>, Query, description = "Where the page starts: `next_cursor` of the one before"),
    ),
    responses(
        (status = 200, description = "The records", body = AuditList),
        (status = 400, description = "Not a cursor of this list", body = Problem),
        (status = 401, description = "Nobody said who asks", body = Problem),
        (status = 403, description = "The service may not see it", body = Problem),
        (status = 404, description = "Records are not kept where they could be read", body = Problem),
        (status = 422, description = "A parameter that cannot be", body = Refusal),
        (status = 503, description = "The store of records does not answer", body = Problem),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, By(caller): By, mut params: Params) -> Result<Response, ApiError> {
    let filter = AuditFilter {
        subject: params.value("subject", str::parse::<Subject>),
        since: params.value("since", str::parse::<Timestamp>),
        until: params.value("until", str::parse::<Timestamp>),
    };
    let may_read = may_read(&api, &caller);
    // Who may not read is told that, whatever else is wrong.
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
