//! With a store away: what can be shown is shown, marked as incomplete, and the rest says so.

use std::time::Duration;

use provesi_core::StatusFlow;
use provesi_testkit::{Call, Fault, Faults};

use crate::support::Bench;

#[tokio::test]
async fn without_the_clients_orders_are_there_and_say_what_is_missing() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let token = browser.token("/orders/create/").await;
    bench.clients.fail_all();
    for path in ["/", "/orders/"] {
        browser.get(path).await.has("A-1").has("Los clientes no responden").has("No disponible").lacks("Sin cliente");
    }
    browser.get("/orders/A-1/").await.has("No disponible");
    // What does not need them can be done, the client of the order with it.
    let edit = [("order_number", "A-1"), ("client", &*id), ("status", "packing")];
    assert_eq!(browser.fill("/orders/A-1/edit/", &edit).await.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-1").await["client_id"], *id);
    let fields = [("csrfmiddlewaretoken", &*token), ("order_number", "A-2"), ("client", &id)];
    for answer in [
        browser.post("/orders/create/", &fields).await,
        browser.get("/clients/").await,
        browser.get(&format!("/clients/{id}/")).await,
        browser.get(&format!("/clients/{id}/edit/")).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
        answer.has("La base de datos no responde").lacks(Faults::CAUSE).lacks("no encontrado");
    }
    let search = [&fields[..2], &[("client_search", "ana"), ("action", "find-client")]].concat();
    browser.post("/orders/create/", &search).await.has("Los clientes no responden").has("value=\"A-2\"");
    assert_eq!(browser.get("/clients/search/?q=ana").await.status, 503);
}

#[tokio::test]
async fn without_the_orders_clients_are_there_and_say_what_is_missing() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    bench.orders.fail_all();
    browser.get("/clients/").await.has("Ana").has("Las órdenes no responden").has(">?<span class=\"unit\">");
    browser.get(&format!("/clients/{id}/")).await.has("Ana").has("Las órdenes no responden");
    browser.get(&format!("/clients/{id}/delete/")).await.has("No pudimos contar sus órdenes");
    browser.get("/").await.has("Las órdenes no responden").has("Recibido");
    for path in ["/orders/", "/orders/A-1/", "/orders/returns/", "/orders/lookup/?q=A-1", "/orders/A-1/edit/"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        answer.has("La base de datos no responde").lacks(Faults::CAUSE);
    }
}

#[tokio::test]
async fn what_cannot_be_saved_stays_in_its_form() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let order = [("order_number", "B-2"), ("client", ""), ("status", "returned"), ("return_reason", "Llegó mojado")];
    let client = [("name", "Llegó mojado"), ("email", "b@example.com")];
    let status = [("status", "returned"), ("return_reason", "Llegó mojado")];
    for (path, form, fields) in [
        ("/orders/create/", "/orders/create/", &order[..]),
        ("/orders/A-1/edit/", "/orders/A-1/edit/", &order),
        ("/orders/A-1/status/", "/orders/A-1/", &status),
        ("/clients/create/", "/clients/create/", &client),
        (&format!("/clients/{id}/edit/"), &format!("/clients/{id}/edit/"), &client),
    ] {
        let open = browser.get(form).await;
        for faults in [&bench.clients, &bench.orders] {
            faults.arm(Call::Commit, Fault::FailBefore, 1);
            faults.arm(Call::Commit, Fault::FailBefore, 1);
        }
        let failed = browser.refill(path, &open, fields).await;
        assert_eq!((failed.status.as_u16(), failed.header("retry-after")), (503, "5"), "{path}");
        failed.has("La base de datos no responde").has("Llegó mojado").lacks(Faults::CAUSE);
        bench.clients.clear();
        bench.orders.clear();
    }
    assert_eq!((bench.count("/api/orders/").await, bench.count("/api/clients/").await), (1, 1));
}

#[tokio::test]
async fn a_save_that_fails_does_not_hide_that_somebody_else_changed_the_client() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let (edit, browser) = (format!("/clients/{id}/edit/"), bench.browser());
    let open = browser.get(&edit).await;
    let theirs = [("name", "Lo ajeno"), ("email", "ana@example.com")];
    assert_eq!(bench.browser().fill(&edit, &theirs).await.status, 302);
    // The page can still read the client, and the save itself cannot.
    bench.clients.arm_after(Call::GetMany, Fault::FailBefore, 1);
    let failed = browser.refill(&edit, &open, &[("name", "Lo mío"), ("email", "ana@example.com")]).await;
    bench.clients.clear();
    assert_eq!(failed.status, 503);
    failed.has("value=\"Lo mío\"").has("Ahora dice:").has("Lo ajeno");
    assert_eq!(bench.stored_client(&id).await["name"], "Lo ajeno");
}

#[tokio::test]
async fn an_order_is_shown_without_its_history() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.orders.arm(Call::Events, Fault::Break, 1);
    bench.browser().get("/orders/A-1/").await.has("El historial no responde").has("Recibido");
}

#[tokio::test]
async fn what_takes_too_long_or_breaks_is_told_as_a_page() {
    let bench = Bench::with(StatusFlow::any(), |options| options.timeout = Duration::from_millis(50));
    bench.clients.arm(Call::Page, Fault::Stall, 1);
    let late = bench.browser().get("/clients/").await;
    assert_eq!(late.status, 503);
    late.has("Se demoró demasiado").has("<html lang=\"es\">");
    bench.clients.clear();
    bench.clients.arm(Call::Page, Fault::Panic, 1);
    let broken = bench.browser().get("/clients/").await;
    assert_eq!((broken.status.as_u16(), broken.header("x-frame-options")), (500, "DENY"));
    broken.has("Algo falló de nuestro lado").lacks(Faults::CAUSE);
}

#[tokio::test]
async fn choosing_a_client_asks_nothing_of_the_orders() {
    let bench = Bench::new();
    bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    browser.get("/clients/search/?q=ana").await.has("\"name\":\"Ana\"");
    assert!(bench.orders.take_calls().is_empty());
}

#[tokio::test]
async fn a_change_that_is_not_confirmed_leads_to_the_record() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let order = [("order_number", "A-2"), ("status", "packing")];
    let client = [("name", "Bea"), ("email", "bea@example.com")];
    let client_path = format!("/clients/{id}/");
    for (path, fields, link) in [
        ("/orders/create/", &order[..], "/orders/"),
        ("/orders/A-1/edit/", &[("order_number", "A-1"), ("status", "packing")], "/orders/A-1/"),
        (&format!("{client_path}edit/"), &client, &client_path),
        ("/clients/create/", &client, "/clients/"),
    ] {
        if path.starts_with("/orders/") {
            bench.orders.arm(Call::Commit, Fault::FailAfter, 1);
            // Else it would tell what became of it.
            bench.orders.arm(Call::Entries, Fault::FailBefore, 1);
        }
        bench.clients.arm(Call::Commit, Fault::FailAfter, 1);
        let answer = browser.fill(path, fields).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (504, ""), "{path}");
        answer.has("No sabemos si quedó guardado").has(&format!("<a class=\"button\" href=\"{link}\">"));
        bench.orders.clear();
        bench.clients.clear();
    }
}

#[tokio::test]
async fn a_form_that_is_sent_again_while_the_first_hangs_is_done_once() {
    let bench = Bench::with(StatusFlow::any(), |options| options.timeout = Duration::from_millis(200));
    let browser = bench.browser();
    let token = browser.token("/orders/create/").await;
    let fields = [("csrfmiddlewaretoken", &*token), ("order_number", "A-1")];
    bench.orders.stall(Call::Commit);
    let (first, second) =
        tokio::join!(browser.post("/orders/create/", &fields), browser.post("/orders/create/", &fields));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (504, 302));
    bench.orders.clear();
    assert_eq!(browser.post("/orders/create/", &fields).await.status, 302);
    assert_eq!(bench.count("/api/orders/").await, 1);
}
