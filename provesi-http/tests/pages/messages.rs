//! One-time messages: shown once, where they belong, and made by nobody else.

use axum::Router;
use axum::http::Request;

use crate::support::Bench;

const TOLD: &str = "Orden &#39;A-1&#39; creada exitosamente.";

#[tokio::test]
async fn a_message_is_shown_once_on_the_page_that_its_redirect_leads_to() {
    let bench = Bench::new();
    let browser = bench.browser();
    browser.fill("/orders/create/", &[("order_number", "A-1")]).await;
    // Another tab meanwhile.
    for other in ["/", "/clients/", "/orders/A-1/", "/orders/returns/", "/orders/create/"] {
        browser.get(other).await.lacks(TOLD);
    }
    let prefetch = Request::get("/orders/").header("sec-purpose", "prefetch");
    browser.send(prefetch, "").await.lacks(TOLD);
    browser.get("/orders/").await.has(TOLD).has("href=\"/orders/A-1/\"").has("role=\"status\"");
    browser.get("/orders/").await.lacks(TOLD);
    assert_eq!(browser.cookies().len(), 1);
}

#[tokio::test]
async fn two_tabs_that_save_at_once_are_both_told() {
    let bench = Bench::new();
    let browser = bench.browser();
    browser.fill("/orders/create/", &[("order_number", "A-1")]).await;
    browser.fill("/orders/create/", &[("order_number", "A-2")]).await;
    let page = browser.get("/orders/").await;
    let place = |number: &str| page.text.find(&format!("Orden &#39;{number}&#39; creada")).unwrap();
    assert!(place("A-1") < place("A-2"));
}

#[tokio::test]
async fn a_message_cannot_be_made_by_anybody_else_nor_moved_nor_kept() {
    let bench = Bench::new();
    let browser = bench.browser();
    browser.fill("/orders/create/", &[("order_number", "A-1")]).await;
    let cookies = browser.cookies();
    let (name, value) = cookies.iter().find(|(name, _)| name.starts_with("provesi_message_")).unwrap();
    // Of another session.
    let other = bench.browser();
    other.get("/").await;
    other.set_cookie(name, value);
    other.get("/orders/").await.lacks(TOLD);
    // Under another name, or with other words.
    for (name, value) in [
        ("provesi_message_0000000000000000", value.clone()),
        (name, format!("A{}", &value[1..])),
        (name, value[..value.len() - 4].to_owned()),
        (name, "eyJ0byI6Ii9vcmRlcnMvIn0".to_owned()),
    ] {
        let session = bench.browser();
        session.set_cookie("provesi_session", &cookies["provesi_session"]);
        session.set_cookie(name, &value);
        session.get("/orders/").await.lacks("creada exitosamente");
    }
    // Two minutes later: the clock goes on by a millisecond a look.
    for _ in 0..120_000 {
        let _ = bench.app.now();
    }
    browser.get("/orders/").await.lacks(TOLD);
}

#[tokio::test]
async fn below_a_path_all_of_it_works_as_well() {
    let bench = Bench::new();
    let nested = Bench { router: Router::new().nest("/bodega", bench.router.clone()), ..bench };
    let browser = nested.browser();
    let made = browser.fill("/bodega/orders/create/", &[("order_number", "A-1")]).await;
    assert_eq!(made.led(), (302, "/bodega/orders/"));
    let page = browser.get("/bodega/orders/").await;
    page.has(TOLD).has("href=\"/bodega/orders/A-1/\"").has("href=\"/bodega/assets/provesi-").lacks("href=\"/orders");
    browser.get("/bodega").await.has("<h1>Inicio</h1>").has("href=\"/bodega\"");
    assert!(nested.browser().get("/bodega/orders/").await.header("set-cookie").contains("; Path=/bodega;"));
    assert_eq!(browser.get("/bodega/orders?q=1").await.led(), (301, "/bodega/orders/?q=1"));
    let style = page.between("stylesheet\" href=\"", "\"").unwrap().to_owned();
    assert_eq!(browser.get(&style).await.status, 200);
}
