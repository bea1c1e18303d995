//! The stylesheet, the script and the icon: in the binary, under names that change with what they hold, so that browsers
//! may keep them for good.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// What the pages are made of beside HTML.
#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
}

#[derive(Debug)]
pub(crate) struct Asset {
    /// Below the path that the router is mounted at.
    pub(crate) path: String,
    tag: HeaderValue,
    kind: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new("provesi", "css", "text/css; charset=utf-8", include_bytes!("../../assets/provesi.css")),
    script: Asset::new("provesi", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/provesi.js")),
    icon: Asset::new("provesi", "svg", "image/svg+xml", include_bytes!("../../assets/provesi.svg")),
});

impl Assets {
    pub(crate) fn get() -> &'static Self {
        &ASSETS
    }

    /// Their routes.
    pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
        let Self { style, script, icon } = Self::get();
        [style, script, icon].into_iter().fold(Router::new(), |routes, asset| {
            routes.route(&asset.path, get(move |headers: HeaderMap| async move { asset.answer(&headers) }))
        })
    }
}

impl Asset {
    fn new(name: &str, ending: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { path: format!("/assets/{name}-{digest}.{ending}"), tag, kind, bytes }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let fixed = [
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            (header::ETAG, self.tag.clone()),
        ];
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tag = self.tag.to_str().unwrap_or_default();
        let is_known = known
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag);
        if is_known {
            return (StatusCode::NOT_MODIFIED, fixed).into_response();
        }
        (fixed, [(header::CONTENT_TYPE, self.kind)], Bytes::from_static(self.bytes)).into_response()
    }
}
