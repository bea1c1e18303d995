//! Who a person is, where a proxy in front knows it.

use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::middleware::Next;
use axum::response::Response;
use provesi_core::{Actor, ActorName};

/// Takes the name that the header gives, if it gives one that can be. Several are as none: one of them was not the proxy's.
pub(crate) async fn take(State(header): State<HeaderName>, mut request: Request, next: Next) -> Response {
    let mut values = request.headers().get_all(&header).iter();
    if let (Some(value), None) = (values.next(), values.next())
        && let Ok(name) = std::str::from_utf8(value.as_bytes())
        && let Ok(name) = ActorName::parse(name)
    {
        request.extensions_mut().insert(Actor::User(name));
    }
    next.run(request).await
}
