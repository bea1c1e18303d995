//! `/openapi.json`, and Swagger UI from assets inside the binary: nothing is fetched from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use crate::answer::JSON;
use crate::api::Api;
use crate::error::ApiError;

/// The paths of this file, for the table of routes.
const PATHS: [&str; 3] = ["/api/docs", "/api/redoc", "/openapi.json"];

/// The routes of the documents; `document` is the OpenAPI document as JSON.
pub(crate) fn routes(document: String) -> (Router<Api>, [&'static str; 3]) {
    let document = Bytes::from(document);
    // Relative to the page, so that it is found wherever the router is mounted.
    let config = Arc::new(Config::new(["../openapi.json"]));
    let openapi = move || {
        let document = document.clone();
        async move { ([(header::CONTENT_TYPE, JSON)], Body::from(document)).into_response() }
    };
    let [docs, redoc, json] = PATHS;
    let router = Router::new()
        .route(docs, get(page))
        .route(redoc, get(page))
        .route("/api/docs/{asset}", get(asset))
        .layer(axum::Extension(config))
        .route(json, get(openapi));
    (router, PATHS)
}

type Assets = axum::Extension<Arc<Config<'static>>>;

async fn page(axum::Extension(config): Assets) -> Response {
    let Some((content_type, page)) = file("index.html", config) else {
        return ApiError::NoRoute.into_response();
    };
    // The page names its assets beside itself, and has no slash at its end: they are one level down.
    let page = String::from_utf8_lossy(&page).replace("\"./", "\"docs/");
    ([(header::CONTENT_TYPE, content_type)], page).into_response()
}

async fn asset(State(_): State<Api>, params: RawPathParams, axum::Extension(config): Assets) -> Response {
    let name = params.iter().next().map(|(_, name)| name.to_owned());
    match name.and_then(|name| file(&name, config)) {
        Some((content_type, bytes)) => ([(header::CONTENT_TYPE, content_type)], bytes).into_response(),
        None => ApiError::NoRoute.into_response(),
    }
}

fn file(name: &str, config: Arc<Config<'static>>) -> Option<(String, Vec<u8>)> {
    let file = utoipa_swagger_ui::serve(name, config).ok().flatten()?;
    Some((file.content_type, file.bytes.into_owned()))
}
