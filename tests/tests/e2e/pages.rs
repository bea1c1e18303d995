//! A clerk's day in a real browser: by keyboard alone, without script, beside a colleague, on a handheld.

use std::time::Duration;

use fantoccini::key::Key;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::browser::{self, Browser, Screen};
use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

on_every_arrangement!(
    a_clerk_does_a_days_work_by_keyboard_alone,
    a_clerk_does_a_days_work_without_script,
    a_double_click_makes_one_order,
    an_edit_over_a_colleagues_change_shows_both,
    orders_that_are_chosen_move_together_with_and_without_script,
);

/// Presses a key that is no character.
pub(crate) async fn press(browser: &Browser, key: Key) {
    browser.press(&key.to_string()).await;
}

async fn follow(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    press(browser, Key::Enter).await;
}

/// Where the server's pages are.
pub(crate) fn at(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

/// Waits until a page takes scans: one that begins while a page is loading is refused, as its beginning may be lost.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// Types a number anywhere on the page, as a scanner does, and waits for the order's page.
pub(crate) async fn scan(browser: &Browser, number: &str) {
    settle().await;
    browser.press(number).await;
    press(browser, Key::Enter).await;
    let shown = format!("document.querySelector('h1').textContent.includes('Orden {}')", number.to_uppercase());
    browser.wait_until(&shown).await;
}

async fn a_clerk_does_a_days_work_by_keyboard_alone(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&at(&server, "/")).await;

    follow(&browser, "a[href='/clients/create/'].button").await;
    browser.wait_until("document.activeElement.id === 'name'").await;
    browser.press("Ñandú Ferretería").await;
    press(&browser, Key::Tab).await;
    browser.press("ventas@nandu.co").await;
    press(&browser, Key::Enter).await;
    browser.wait_until("location.pathname === '/clients/'").await;
    assert_eq!(browser.text(".box.is-done p").await, "Cliente 'Ñandú Ferretería' creado exitosamente.");

    follow(&browser, "nav a[href='/orders/']").await;
    follow(&browser, "a[href='/orders/create/'].button").await;
    browser.wait_until("document.activeElement.id === 'order_number'").await;
    browser.press("ORD-1").await;
    browser.tab_to("#client_search").await;
    browser.press("nandu").await;
    browser.find("[role=option]").await;
    press(&browser, Key::Down).await;
    press(&browser, Key::Enter).await;
    follow(&browser, "main form button.button").await;
    browser.wait_until("location.pathname === '/orders/'").await;
    assert_eq!(browser.text(".box.is-done p").await, "Orden 'ORD-1' creada exitosamente.");
    assert!(browser.text("main table").await.contains("Ñandú Ferretería"));

    scan(&browser, "ord-1").await;
    follow(&browser, ".step.is-shipped").await;
    browser.wait_until("document.querySelector('.stand').textContent.includes('Despachado')").await;
    follow(&browser, ".step.is-returned").await;
    browser.wait_until("document.activeElement.name === 'return_reason'").await;
    browser.press("Caja rota").await;
    press(&browser, Key::Tab).await;
    press(&browser, Key::Enter).await;
    browser.wait_until("document.querySelector('.stand').textContent.includes('Devuelto')").await;

    browser.goto(&at(&server, "/")).await;
    scan(&browser, "ord-1").await;
    let history = browser.text(".history").await;
    for told in ["Creada en Recibido", "De Recibido a Despachado", "De Despachado a Devuelto", "Caja rota", "hoy"] {
        assert!(history.contains(told), "{told}: {history}");
    }
    let order = server.get("/api/orders/ORD-1").await;
    assert_eq!((&order["data"]["status"], &order["data"]["return_reason"]), (&json!("returned"), &json!("Caja rota")));
    browser.close().await;
}

async fn a_clerk_does_a_days_work_without_script(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    let browser = Browser::without_script(Screen::Desk).await;
    browser.goto(&at(&server, "/clients/create/")).await;
    browser.fill("#name", "Ñandú Ferretería").await;
    browser.fill("#email", "sin arroba").await;
    browser.click_through("main form button.button").await;
    // What was typed is there, and what is wrong is told at its field.
    assert!(browser.text("#email-fault").await.contains("arroba"));
    browser.fill("#email", "ventas@nandu.co").await;
    browser.click_through("main form button.button").await;
    browser.find(".box.is-done").await;

    browser.goto(&at(&server, "/orders/create/")).await;
    browser.fill("#order_number", "ORD-1").await;
    browser.fill("#client_search", "nandu").await;
    browser.click_through("button[value='find-client']").await;
    browser.click("input[name=client]:not([value=''])").await;
    browser.click_through("main form button.button").await;
    assert_eq!(browser.text(".box.is-done p").await, "Orden 'ORD-1' creada exitosamente.");
    // A message is shown once.
    browser.goto(&at(&server, "/orders/")).await;
    assert!(!browser.has(".box.is-done").await);

    browser.fill("#scan", "ord-1").await;
    browser.click_through(".scan button").await;
    browser.click_through(".step.is-shipped").await;
    browser.click_through("form.return button").await;
    assert_eq!(browser.text("#summary").await, "Debe ingresar una razón de devolución.");
    browser.fill("form.return textarea", "Caja rota").await;
    browser.click_through("form.return button").await;
    assert!(browser.text(".stand").await.contains("Devuelto"));
    browser.goto(&at(&server, "/orders/returns/")).await;
    assert!(browser.text("main").await.contains("Caja rota"));
    browser.goto(&at(&server, "/orders/ORD-1/delete/")).await;
    browser.click_through("main form button.button").await;
    assert_eq!(browser.text(".box.is-done p").await, "Orden 'ORD-1' eliminada exitosamente.");
    assert_eq!(server.get("/api/orders/").await["data"], json!([]));
    browser.close().await;
}

async fn a_double_click_makes_one_order(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    // Without the script, which would keep the second click from being sent.
    let browser = Browser::without_script(Screen::Desk).await;
    browser.goto(&at(&server, "/orders/create/")).await;
    browser.fill("#order_number", "TWICE-1").await;
    browser.double_click("main form button.button").await;
    browser.find(".box.is-done").await;
    assert_eq!(browser.text(".box.is-done p").await, "Orden 'TWICE-1' creada exitosamente.");
    assert_eq!(server.get("/api/orders/").await["data"].as_array().map(Vec::len), Some(1));
    browser.close().await;
}

async fn an_edit_over_a_colleagues_change_shows_both(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    let client = server.client("ana@example.com").await;
    let browser = Browser::open(Screen::Desk).await;
    let path = format!("/clients/{client}/edit/");
    browser.goto(&at(&server, &path)).await;
    browser.fill("#name", "Lo mío").await;
    let theirs = server.put(&format!("/api/clients/{client}"), &json!({"name": "Lo ajeno", "phone": "300"})).await;
    assert_eq!(theirs.0, StatusCode::OK);
    browser.click_through("main form button.button").await;
    assert!(browser.text(".box.is-warned").await.contains("Otra persona cambió este cliente"));
    assert_eq!(browser.text("#name-now .now-value").await, "Lo ajeno");
    assert_eq!(browser.evaluate("document.getElementById('name').value").await, "Lo mío");
    assert_eq!(server.get(&format!("/api/clients/{client}")).await["data"]["name"], "Lo ajeno");
    browser.picture("conflict").await;
    // The colleague's phone is taken over, the name is kept.
    browser.click("[data-take=phone]").await;
    browser.click_through("main form button.button").await;
    browser.find(".box.is-done").await;
    let saved = server.get(&format!("/api/clients/{client}")).await;
    assert_eq!((&saved["data"]["name"], &saved["data"]["phone"]), (&json!("Lo mío"), &json!("300")));
    browser.close().await;
}

async fn orders_that_are_chosen_move_together_with_and_without_script(place: Place) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(place).await;
    for number in ["A-1", "A-2", "A-3"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&at(&server, "/orders/")).await;
    browser.tab_to("[data-all] input").await;
    browser.press(" ").await;
    browser.wait_until("document.querySelector('[data-count]').textContent === '(3)'").await;
    // All but the first of the list, the one that came last.
    press(&browser, Key::Tab).await;
    browser.press(" ").await;
    browser.wait_until("document.querySelector('[data-count]').textContent === '(2)'").await;
    assert_eq!(browser.evaluate("document.querySelector('[data-reason]').hidden").await, true);
    browser.tab_to("#status").await;
    browser.press("Devuelto").await;
    press(&browser, Key::Tab).await;
    browser.wait_until("document.activeElement.name === 'return_reason'").await;
    browser.press("Caja rota").await;
    assert_eq!(browser.evaluate("document.activeElement.value").await, "Caja rota");
    browser.picture("orders-chosen").await;
    follow(&browser, "button[value=move]").await;
    browser.wait_until("document.querySelector('h1').textContent === 'Cambio de estado'").await;
    assert_eq!(browser.text(".box").await, "2 de 2 órdenes en Devuelto.");
    browser.picture("orders-moved").await;
    browser.close().await;

    let browser = Browser::without_script(Screen::Desk).await;
    browser.goto(&at(&server, "/orders/")).await;
    for number in ["A-1", "A-3"] {
        browser.click(&format!("input[value^='{number} ']")).await;
    }
    browser.click("#status option[value=packing]").await;
    browser.click_through("button[value=move]").await;
    assert_eq!(browser.text(".box").await, "2 de 2 órdenes en Empaque.");
    for (number, status) in [("A-1", "packing"), ("A-2", "returned"), ("A-3", "packing")] {
        assert_eq!(server.get(&format!("/api/orders/{number}")).await["data"]["status"], status, "{number}");
    }
    browser.goto(&at(&server, "/orders/")).await;
    browser.click("input[value^='A-2 ']").await;
    browser.click_through("button[value=labels]").await;
    assert!(browser.text(".slip").await.contains("A-2"));
    browser.close().await;
}

/// The browser puts ticks back by their place in the page, and the list has another order by then.
#[tokio::test(flavor = "multi_thread")]
async fn going_back_chooses_nothing_else() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    for number in ["A-1", "A-2", "A-3", "A-4"] {
        assert_eq!(server.post("/api/orders/", &json!({"order_number": number})).await.0, StatusCode::CREATED);
    }
    for browser in [Browser::open(Screen::Desk).await, Browser::without_script(Screen::Desk).await] {
        browser.goto(&at(&server, "/orders/?status=received")).await;
        browser.click("input[value^='A-4 '], input[value^='A-2 ']").await;
        browser.click("#status option[value=picking]").await;
        browser.click_through("button[value=move]").await;
        browser.back().await;
        browser.find("#orders").await;
        assert_eq!(browser.evaluate("document.querySelectorAll('input[name=order]:checked').length").await, 0);
        assert_eq!(browser.evaluate("document.getElementById('status').value").await, "");
        browser.close().await;
    }
}

/// A list of fifty rows with everything, and then another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_one_request_after_the_first_and_is_light() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    for n in 0..55 {
        let order = json!({"order_number": format!("ORD-2026-{n:06}")});
        assert_eq!(server.post("/api/orders/", &order).await.0, StatusCode::CREATED);
    }
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&at(&server, "/orders/")).await;
    let (first, requests) = browser.wire().await;
    assert!(first > 0 && first < 60_000, "{first} bytes in {requests} requests");
    browser.click_through("[rel=next]").await;
    let (next, requests) = browser.wire().await;
    assert!(next < 20_000, "{next} bytes");
    assert_eq!(requests, 1);
    println!("the first list of orders: {first} bytes over the wire, the next: {next}");
    browser.close().await;
}

/// What a page looks like does not depend on where the records are.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_desk_and_is_accessible() {
    every_page_fits_and_is_accessible(Screen::Desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_handheld_and_is_accessible() {
    every_page_fits_and_is_accessible(Screen::Handheld).await;
}

async fn every_page_fits_and_is_accessible(screen: Screen) {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    let long = "Distribuidora y Comercializadora de Repuestos Agrícolas del Magdalena Medio y Santander S. A. S.";
    let client =
        json!({"name": long, "email": "repuestos@comercializadora-magdalena.example.com", "phone": "+57 300 123 4567"});
    let (_, client) = server.post("/api/clients/", &client).await;
    let client = client["data"]["id"].as_str().expect("an id").to_owned();
    for (number, status) in [("A-1", "received"), ("A-2", "packing"), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ-12345", "shipped")] {
        let order = json!({"order_number": number, "client_id": client, "status": status});
        assert_eq!(server.post("/api/orders/", &order).await.0, StatusCode::CREATED);
    }
    let back = json!({"order_number": "DEV-1", "client_id": client, "status": "returned", "return_reason": "La caja llegó rota y\nfaltan dos piezas."});
    assert_eq!(server.post("/api/orders/", &back).await.0, StatusCode::CREATED);
    let pages = [
        ("home", "/".to_owned()),
        ("clients", "/clients/".into()),
        ("clients-nothing", "/clients/?q=nadie".into()),
        ("client", format!("/clients/{client}/")),
        ("client-create", "/clients/create/".into()),
        ("client-edit", format!("/clients/{client}/edit/")),
        ("client-delete", format!("/clients/{client}/delete/")),
        ("orders", "/orders/".into()),
        ("orders-search", "/orders/?q=zz".into()),
        ("order", "/orders/DEV-1/".into()),
        ("order-long", "/orders/ABCDEFGHIJKLMNOPQRSTUVWXYZ-12345/".into()),
        ("order-create", "/orders/create/".into()),
        ("order-edit", "/orders/DEV-1/edit/".into()),
        ("order-delete", "/orders/A-1/delete/".into()),
        ("returns", "/orders/returns/".into()),
        ("returns-search", "/orders/returns/?from=2026-01-01&q=nada".into()),
        ("returns-faults", "/orders/returns/?from=mal".into()),
        ("commands", "/orders/print/commands/".into()),
        ("labels", "/orders/print/labels/?order=A-1&order=ABCDEFGHIJKLMNOPQRSTUVWXYZ-12345".into()),
        ("picks", "/orders/print/picks/?order=A-1&order=ABCDEFGHIJKLMNOPQRSTUVWXYZ-12345".into()),
        ("no-page", "/orders/A-1/nothing/here/".into()),
    ];
    let browser = Browser::open(screen).await;
    // Nothing is to move either while style and script are on their way.
    browser.forget_what_was_seen().await;
    for (name, path) in &pages {
        browser.goto(&at(&server, path)).await;
        browser.assert_stays_put().await;
        browser.assert_keeps_to_itself().await;
        browser.assert_accessible().await;
        browser.picture(name).await;
    }
    // A form with faults.
    browser.goto(&at(&server, "/orders/create/")).await;
    browser.click_through("main form button.button").await;
    browser.find("#summary").await;
    browser.assert_keeps_to_itself().await;
    browser.assert_accessible().await;
    browser.picture("order-create-faults").await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
    browser.close().await;
}
