//! `/openapi.json`, and Swagger UI from assets inside the binary: nothing is fetched from elsewhere.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{OriginalUri, RawPathParams, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa_swagger_ui::Config;

use crate::answer;
use crate::api::Api;
use crate::error::ApiError;
use crate::failure::Failure;
use crate::security_headers;

/// Their names do not change with what they hold, so a new version has to get through within the hour.
const CACHED: &str = "public, max-age=3600";

/// The OpenAPI document.
pub(crate) async fn openapi(State(api): State<Api>, OriginalUri(uri): OriginalUri) -> Response {
    let openapi = api.openapi.clone();
    // Where the router is nested under a path, the routes are below that path.
    match uri.path().strip_suffix("/openapi.json").filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => {
            let mut document: Value = serde_json::from_slice(&openapi).unwrap_or_default();
            document["servers"] = json!([{ "url": prefix }]);
            answer::json(StatusCode::OK, &document)
        }
        None => ([(header::CONTENT_TYPE, answer::JSON)], openapi).into_response(),
    }
}

/// The page.
pub(crate) async fn page() -> Response {
    let Some((content_type, page)) = file("index.html") else {
        return ApiError::Failure(Failure::NoRoute).into_response();
    };
    // The page names its assets beside itself, and has no slash at its end: they are one level down.
    let page = String::from_utf8_lossy(&page)
        .replace("\"./", "\"docs/")
        .replace("\"index.css\"", "\"docs/index.css\"")
        .replace("<head>", "<head>\n    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    let mut answer = ([(header::CONTENT_TYPE, content_type)], page).into_response();
    security_headers::add_for_docs(answer.headers_mut());
    answer
}

/// What the page is made of.
pub(crate) async fn asset(params: Result<RawPathParams, RawPathParamsRejection>) -> Response {
    let name = params.ok().and_then(|params| params.iter().next().map(|(_, name)| name.to_owned()));
    match name.and_then(|name| file(&name)) {
        Some((content_type, bytes)) => {
            let fixed = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, CACHED.to_owned())];
            let mut answer = (fixed, bytes).into_response();
            security_headers::add_for_docs(answer.headers_mut());
            answer
        }
        None => ApiError::Failure(Failure::NoRoute).into_response(),
    }
}

fn file(name: &str) -> Option<(String, Vec<u8>)> {
    // Relative to the page, so that it is found wherever the router is mounted.
    let config = Config::new(["../openapi.json"]);
    let file = utoipa_swagger_ui::serve(name, Arc::new(config)).ok().flatten()?;
    Some((file.content_type, file.bytes.into_owned()))
}
