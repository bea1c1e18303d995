//! Where a form was sent from: browsers say so, and a form of another site is refused whatever it holds.

use axum::extract::Request;
use axum::http::header;

use crate::connection::ConnectionInfo;

/// Whether a form may come from where its browser says. `Origin` counts, else `Referer`; a caller that sends neither is no
/// browser with somebody's cookies in it.
pub(crate) fn is_ours(request: &Request) -> bool {
    let headers = request.headers();
    let Some(source) = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER)) else { return true };
    let connection = request.extensions().get::<ConnectionInfo>();
    connection.is_some_and(|connection| connection.is_same_site(source.as_bytes()))
}
