//! What is printed.

use crate::support::Bench;

#[tokio::test]
async fn labels_and_pick_lists_say_where_an_order_goes_and_can_be_scanned() {
    let bench = Bench::new();
    let body = serde_json::json!({
        "name": "Ñandú <b>", "email": "a@example.com", "phone": "300 123 4567", "address": "Calle 1\nBogotá",
    });
    let id = bench.made("/api/clients/", body).await["id"].as_str().unwrap().to_owned();
    bench.order("ORD-1", Some(&id)).await;
    bench.order("ORD-2", None).await;
    let browser = bench.browser();
    for path in ["/orders/print/labels/", "/orders/print/picks/"] {
        let page = browser.get(&format!("{path}?order=ord-2&order=ORD-1&order=ORD-1&order=NOPE&order=x%20y")).await;
        assert_eq!(page.status, 200);
        page.has("Ñandú &#60;b&#62;").has("Calle 1\nBogotá").has("Una de las órdenes ya no existe.").has("Sin cliente");
        assert_eq!(page.text.matches("class=\"barcode\"").count(), 2);
        // As they were chosen.
        assert!(page.text.find("Código de barras ORD-2") < page.text.find("Código de barras ORD-1"));
        page.lacks("style=");
        assert_eq!(browser.get(path).await.led(), (302, "/orders/"));
        browser.get("/orders/").await.has("Elija al menos una orden.");
    }
    browser.get("/orders/print/labels/?order=ORD-1").await.has("Tel. 300 123 4567");
    bench.clients.fail_all();
    browser
        .get("/orders/print/labels/?order=ORD-1")
        .await
        .has("Los clientes no responden")
        .has("Cliente no disponible");
}

#[tokio::test]
async fn the_sheet_of_commands_has_each_of_them() {
    let sheet = Bench::new().browser().get("/orders/print/commands/").await;
    let codes = ["NEXT", "RECEIVED", "PICKING", "PACKING", "SHIPPED", "DELIVERED", "RETURNED", "CANCELLED"];
    for code in codes {
        sheet.has(&format!("aria-label=\"Código de barras CMD:{code}\"")).has(&format!(">CMD:{code}</p>"));
    }
    assert_eq!(sheet.text.matches("<svg").count(), codes.len());
}
