//! A scanner in a real browser: over every page and field, and faster than pages.

use fantoccini::key::Key;
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{self, Browser, Screen};
use crate::pages::{at, press, scan, settle};
use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

on_every_arrangement!(a_scanner_alone_moves_orders_on);

async fn a_scanner_alone_moves_orders_on(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Handheld).await;
    browser.goto(&at(&server, "/orders/returns/")).await;
    for (code, label) in [("CMD:NEXT", "Alistamiento"), ("CMD:SHIPPED", "Despachado")] {
        browser.evaluate("document.querySelector('h1').textContent = ''").await;
        scan(&browser, "ord-1").await;
        browser.press(code).await;
        press(&browser, Key::Enter).await;
        browser.wait_until(&format!("document.querySelector('.stand').textContent.includes('{label}')")).await;
        assert_eq!(browser.text(".box.is-moved p").await, format!("Orden 'ORD-1': {label}."));
    }
    let size =
        browser.evaluate("parseFloat(getComputedStyle(document.querySelector('.box.is-moved p')).fontSize)").await;
    assert!(size.as_f64() >= Some(32.0), "it can be read from a step away: {size}");
    browser.picture("order-moved").await;
    // A second command without a number is refused: its own number may be lost.
    browser.press("CMD:NEXT").await;
    press(&browser, Key::Enter).await;
    browser
        .wait_until("document.querySelector('[role=alert]')?.textContent.includes('escanee la orden otra vez')")
        .await;
    assert_eq!(server.get("/api/orders/ORD-1").await["data"]["status"], "shipped");
    browser.picture("scan-refused").await;
    // The next one, from the page of this one.
    scan(&browser, "ord-2").await;
    browser.press("CMD:RETURNED").await;
    press(&browser, Key::Enter).await;
    browser.wait_until("document.activeElement.name === 'return_reason'").await;
    browser.press("Caja rota").await;
    press(&browser, Key::Tab).await;
    press(&browser, Key::Enter).await;
    browser.wait_until("document.querySelector('.stand').textContent.includes('Devuelto')").await;
    for (number, status) in [("ORD-1", "shipped"), ("ORD-2", "returned")] {
        assert_eq!(server.get(&format!("/api/orders/{number}")).await["data"]["status"], status);
    }
    // And what opens nothing says so.
    settle().await;
    browser.press("NOPE-1").await;
    press(&browser, Key::Enter).await;
    browser.wait_until("document.querySelector('.box.is-refused')?.textContent.includes('No se encontró')").await;
    browser.close().await;
}

/// A code and its Enter in one go, as a scanner types them.
async fn scan_over(browser: &Browser, text: &str) {
    settle().await;
    browser.press(&format!("{text}{}", Key::Enter)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_opens_its_order_whatever_has_the_focus_and_changes_nothing() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    let client = server.client("ana@example.com").await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Desk).await;
    let opened = "document.querySelector('h1').textContent.includes('ORD-2')";
    let client_page = format!("/clients/{client}/edit/");
    for (path, field) in [
        ("/orders/ORD-1/edit/", "#order_number"),
        ("/orders/ORD-1/edit/", "#status"),
        ("/orders/ORD-1/edit/", "#client_search"),
        (&client_page, "#name"),
        ("/orders/", "#status"),
        ("/orders/", "#q"),
        ("/orders/returns/", "#from"),
    ] {
        browser.goto(&at(&server, path)).await;
        browser.evaluate(&format!("document.querySelector('{field}').focus()")).await;
        scan_over(&browser, "ORD-2").await;
        browser.wait_until(opened).await;
    }
    // Also into the reason of a return.
    browser.goto(&at(&server, "/orders/lookup/?q=ORD-1")).await;
    scan_over(&browser, "ORD-1").await;
    browser.wait_until("document.querySelector('h1').textContent.includes('ORD-1')").await;
    scan_over(&browser, "CMD:RETURNED").await;
    browser.wait_until("document.activeElement.name === 'return_reason'").await;
    scan_over(&browser, "ORD-2").await;
    browser.wait_until(opened).await;
    let orders = server.get("/api/orders/").await;
    let stored: Vec<_> = orders["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|order| (&order["order_number"], &order["status"]))
        .collect();
    assert_eq!(stored, [(&json!("ORD-2"), &json!("received")), (&json!("ORD-1"), &json!("received"))]);
    // The number of a new order is scanned into its field, and the client is next.
    browser.goto(&at(&server, "/orders/create/")).await;
    scan_over(&browser, "NEW-1").await;
    browser.wait_until("document.activeElement.id === 'client_search'").await;
    assert_eq!(browser.evaluate("document.getElementById('order_number').value").await, "NEW-1");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_that_come_faster_than_pages_are_done_one_after_the_other() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    for number in ["ORD-1", "ORD-2"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&at(&server, "/")).await;
    // All of them before the page of the first is there.
    let at_once = |scans: &[&str]| {
        let scans = json!(scans);
        format!(
            "{scans}.forEach(text => {{ const box = document.getElementById('scan'); box.value = text; box.form.requestSubmit(); }})"
        )
    };
    browser.evaluate(&at_once(&["ORD-1", "CMD:NEXT", "ORD-2", "CMD:SHIPPED"])).await;
    browser.wait_until("document.querySelector('.stand')?.textContent.includes('Despachado')").await;
    for (number, status) in [("ORD-1", "picking"), ("ORD-2", "shipped")] {
        assert_eq!(server.get(&format!("/api/orders/{number}")).await["data"]["status"], status, "{number}");
    }
    // What comes after a refusal is not done, and said.
    browser.evaluate(&at_once(&["NOPE-1", "CMD:NEXT"])).await;
    browser.wait_until("document.querySelector('main [role=alert]')?.textContent.includes('No se procesó')").await;
    assert!(browser.text("main [role=alert]").await.contains("CMD:NEXT"));
    browser.close().await;
}
