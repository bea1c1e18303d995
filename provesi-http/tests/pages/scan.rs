//! What is scanned while an order's page is open.

use provesi_core::StatusFlow;

use crate::support::{Answer, Bench, Browser};

async fn scan(browser: &Browser, page: &Answer, number: &str, text: &str) -> Answer {
    let scanned = page.text.contains("name=\"scanned\"").then(|| page.hidden("scanned"));
    let fields = [Some(("q", text)), scanned.as_deref().map(|scanned| ("scanned", scanned))];
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    browser.refill(&format!("/orders/{number}/scan/"), page, &fields).await
}

/// The page that scanning the number opens.
async fn opened(browser: &Browser, number: &str) -> Answer {
    browser.get(&format!("/orders/lookup/?q={number}")).await
}

#[tokio::test]
async fn a_command_whose_number_was_lost_moves_no_order_and_says_so() {
    let bench = Bench::new();
    bench.order("ORD-1", None).await;
    bench.order("ORD-2", None).await;
    let browser = bench.browser();
    let first = opened(&browser, "ORD-1").await;
    assert_eq!(scan(&browser, &first, "ORD-1", "CMD:NEXT").await.led(), (302, "/orders/ORD-1/"));
    // The number of the next order is lost while this page loads. Its command arrives here.
    let moved = browser.get("/orders/ORD-1/").await;
    assert_eq!(scan(&browser, &moved, "ORD-1", "CMD:NEXT").await.led(), (302, "/orders/ORD-1/"));
    let refused = browser.get("/orders/ORD-1/").await;
    refused.has("is-refused is-moved\" role=\"alert\"").has("pudo perderse una lectura");
    // A page of one order cannot move another one.
    let other = opened(&browser, "ORD-1").await;
    assert_eq!(scan(&browser, &other, "ORD-2", "CMD:NEXT").await.led(), (302, "/orders/ORD-2/"));
    browser.get("/orders/ORD-2/").await.has("No se movió la orden &#39;ORD-2&#39;");
    for (number, status) in [("ORD-1", "picking"), ("ORD-2", "received")] {
        assert_eq!(bench.stored_order(number).await["status"], status, "{number}");
    }
    // The number again, then the command.
    let again = opened(&browser, "ORD-1").await;
    assert_eq!(scan(&browser, &again, "ORD-1", "CMD:NEXT").await.led(), (302, "/orders/ORD-1/"));
    assert_eq!(bench.stored_order("ORD-1").await["status"], "packing");
}

#[tokio::test]
async fn commands_move_the_order_whose_page_is_open_and_say_so_in_large_type() {
    let bench = Bench::new();
    bench.order("ORD-1", None).await;
    let browser = bench.browser();
    let steps = [
        ("CMD:NEXT", "picking", "Alistamiento"),
        ("cmd:next", "packing", "Empaque"),
        ("CMDÑSHIPPED", "shipped", "Despachado"),
        ("CMD:NEXT", "delivered", "Entregado"),
        ("CMD:CANCELLED", "cancelled", "Cancelado"),
    ];
    for (code, status, label) in steps {
        let page = opened(&browser, "ord-1").await;
        assert_eq!(scan(&browser, &page, "ORD-1", code).await.led(), (302, "/orders/ORD-1/"), "{code}");
        assert_eq!(bench.stored_order("ORD-1").await["status"], status, "{code}");
        let page = browser.get("/orders/ORD-1/").await;
        page.has(&format!("<div class=\"box is-done is-moved\" role=\"status\">\n<p>Orden &#39;ORD-1&#39;: {label}."));
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_changes_nothing_and_says_why() {
    let bench = Bench::with(StatusFlow::strict(), |_| {});
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = opened(&browser, "A-1").await;
    let refused = scan(&browser, &page, "A-1", "CMD:DELIVERED").await;
    assert_eq!(refused.status, 422);
    refused.has("Una orden en Recibido no puede pasar a Entregado.");
    // The same again is no change.
    assert_eq!(scan(&browser, &page, "A-1", "CMD:RECEIVED").await.led(), (302, "/orders/A-1/"));
    browser.get("/orders/A-1/").await.has("La orden &#39;A-1&#39; ya estaba en Recibido.");
    let unknown = scan(&browser, &page, "A-1", "CMD:LOST").await;
    assert_eq!(unknown.led(), (302, "/orders/A-1/"));
    let told = browser.get("/orders/A-1/").await;
    told.has("is-refused is-moved\" role=\"alert\"").has("Ese comando no existe.").has("/orders/print/commands/");
    assert_eq!(scan(&browser, &page, "A-1", " ").await.led(), (302, "/orders/A-1/"));
    let gone = [("q", "CMD:NEXT"), ("scanned", "NOPE-1")];
    assert_eq!(browser.refill("/orders/NOPE-1/scan/", &page, &gone).await.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
    browser.press("A-1", "cancelled").await;
    let page = opened(&browser, "A-1").await;
    let refused = scan(&browser, &page, "A-1", "CMD:NEXT").await;
    assert_eq!(refused.status, 422);
    refused.has("Una orden en Cancelado no tiene un paso siguiente");
}

#[tokio::test]
async fn a_return_asks_for_its_reason() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = opened(&browser, "A-1").await;
    let asked = scan(&browser, &page, "A-1", "CMD:RETURNED").await;
    assert_eq!(asked.status, 422);
    asked.has("Debe ingresar una razón de devolución.").has("data-open=\"true\"");
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
}

#[tokio::test]
async fn a_command_for_an_order_that_somebody_else_moved_is_not_done() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = opened(&browser, "A-1").await;
    browser.press("A-1", "picking").await;
    let refused = scan(&browser, &page, "A-1", "CMD:NEXT").await;
    assert_eq!(refused.status, 409);
    refused.has("La orden cambió mientras tanto");
    assert_eq!(bench.stored_order("A-1").await["status"], "picking");
}

#[tokio::test]
async fn a_code_that_is_read_twice_at_once_moves_one_step() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = opened(&browser, "A-1").await;
    for _ in 0..3 {
        assert_eq!(scan(&browser, &page, "A-1", "CMD:NEXT").await.led(), (302, "/orders/A-1/"));
    }
    assert_eq!(bench.stored_order("A-1").await["status"], "picking");
}

#[tokio::test]
async fn a_number_opens_its_order_and_a_command_without_an_order_asks_for_one() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.order("B-2", None).await;
    let browser = bench.browser();
    let page = opened(&browser, "A-1").await;
    let other = scan(&browser, &page, "A-1", "B'2").await;
    assert_eq!(other.led(), (302, "/orders/lookup/?q=B-2"));
    browser.get("/orders/lookup/?q=B'2").await.has("action=\"/orders/B-2/scan/\"");
    assert_eq!(browser.get("/orders/lookup/?q=CMD:NEXT").await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("Primero escanee una orden").has("action=\"/orders/lookup/\"");
    let forged = browser.post("/orders/A-1/scan/", &[("q", "CMD:NEXT")]).await;
    assert_eq!(forged.status, 403);
    assert_eq!(browser.get("/orders/A-1/scan/").await.led(), (302, "/orders/A-1/"));
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
}
