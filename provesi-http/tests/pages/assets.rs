//! The stylesheet, the script and the icon.

use axum::http::Request;

use crate::support::Bench;

#[tokio::test]
async fn assets_are_kept_for_good_under_the_name_of_what_they_hold() {
    let bench = Bench::new();
    let browser = bench.browser();
    let home = browser.get("/").await;
    let fresh = bench.browser();
    for (before, kind) in [
        ("stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("<script src=\"", "text/javascript; charset=utf-8"),
        ("rel=\"icon\" href=\"", "image/svg+xml"),
    ] {
        let path = home.between(before, "\"").unwrap();
        let asset = fresh.get(path).await;
        assert_eq!((asset.status.as_u16(), asset.header("content-type")), (200, kind));
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(asset.header("set-cookie"), "");
        assert!(path.contains(asset.header("etag").trim_matches('"')) && asset.text.len() > 100);
        let known = Request::get(path)
            .header("host", "bodega.test")
            .header("if-none-match", format!("\"x\", W/{}", asset.header("etag")));
        let known = fresh.send(known, "").await;
        assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    }
    assert_eq!(fresh.get("/assets/provesi-0000000000000000.css").await.status, 404);
}
