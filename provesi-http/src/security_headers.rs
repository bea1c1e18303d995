//! What every HTML answer tells the browser to refuse.

use axum::http::{HeaderMap, HeaderValue, header};

/// Everything comes from here, nothing is inline, and no other page may frame this one.
const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
);

/// The same for Swagger UI, whose style sheet holds its pictures, and whose logo holds a style of its own: the hash is that of
/// version 5.32.
const DOCS_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; \
     style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
);

/// Adds the headers of the pages.
pub(crate) fn add(headers: &mut HeaderMap) {
    add_with(headers, CSP);
}

/// Adds the headers of the page of the API and of its assets.
pub(crate) fn add_for_docs(headers: &mut HeaderMap) {
    add_with(headers, DOCS_CSP);
}

fn add_with(headers: &mut HeaderMap, csp: HeaderValue) {
    headers.insert(header::CONTENT_SECURITY_POLICY, csp);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}
