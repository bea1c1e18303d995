//! What is done with orders that were chosen in the list.

use provesi_core::StatusFlow;
use provesi_testkit::{Call, Fault};

use crate::support::{Answer, Bench};

/// The values of the boxes of these orders.
fn boxes<'a>(list: &'a Answer, numbers: &[&str]) -> Vec<&'a str> {
    let value = |number: &&str| {
        let at = list.text.find(&format!("value=\"{number} ")).unwrap() + "value=\"".len();
        list.text[at..].split('"').next().unwrap()
    };
    numbers.iter().map(value).collect()
}

fn fields<'a>(chosen: &[&'a str], rest: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    chosen.iter().map(|chosen| ("order", *chosen)).chain(rest.iter().copied()).collect()
}

#[tokio::test]
async fn several_orders_go_to_a_status_and_each_says_how_it_went() {
    let bench = Bench::with(StatusFlow::strict(), |_| {});
    for number in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        bench.order(number, None).await;
    }
    let browser = bench.browser();
    browser.press("A-4", "cancelled").await;
    let path = "/orders/?q=a-";
    let list = browser.get(path).await;
    let chosen = boxes(&list, &["A-1", "A-2", "A-3", "A-4"]);
    // Meanwhile.
    browser.press("A-2", "picking").await;
    browser.fill("/orders/A-3/delete/", &[]).await;
    let sent = fields(&chosen, &[("action", "move"), ("status", "picking"), ("return_reason", "")]);
    for _ in 0..2 {
        // Sent again, it tells the same.
        let told = browser.refill(path, &list, &sent).await;
        assert_eq!(told.status, 200);
        told.has("1 de 4 órdenes en Alistamiento.").has("Pasó a Alistamiento.");
        told.has("Cambió mientras tanto; no se tocó.").has("Ya no existe.");
        told.has("Una orden en Cancelado no puede pasar a Alistamiento.").has("href=\"/orders/?q=a-\"");
        for (number, status) in [("A-1", "picking"), ("A-2", "picking"), ("A-4", "cancelled"), ("A-5", "received")] {
            assert_eq!(bench.stored_order(number).await["status"], status, "{number}");
        }
    }
    let history = browser.get("/api/orders/A-1/history").await.json();
    assert_eq!(history["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_return_of_several_needs_a_reason_and_nothing_chosen_is_lost() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.order("A-2", None).await;
    let browser = bench.browser();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-2"]);
    for (status, reason, message) in [
        ("returned", " ", "Debe ingresar una razón de devolución."),
        ("", "Roto", "Elija uno de los estados de la lista."),
        ("lost", "Roto", "Elija uno de los estados de la lista."),
    ] {
        let sent = fields(&chosen, &[("action", "move"), ("status", status), ("return_reason", reason)]);
        let again = browser.refill("/orders/", &list, &sent).await;
        assert_eq!(again.status, 422);
        again
            .has(message)
            .has(&format!("value=\"{}\" checked", chosen[0]))
            .has(&format!("{}</textarea>", reason.trim()));
        assert_eq!(again.text.matches(" checked").count(), 1);
        assert_eq!(bench.stored_order("A-2").await["status"], "received");
    }
    let sent = fields(&chosen, &[("action", "move"), ("status", "returned"), ("return_reason", "Roto")]);
    browser.refill("/orders/", &list, &sent).await.has("1 de 1 orden en Devuelto.");
    assert_eq!(bench.stored_order("A-2").await["return_reason"], "Roto");
    let none = browser.refill("/orders/", &list, &[("action", "move"), ("status", "picking")]).await;
    assert_eq!(none.status, 422);
    none.has("Elija al menos una orden.");
}

#[tokio::test]
async fn chosen_orders_are_printed_and_strange_forms_are_refused() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.order("A-2", None).await;
    let browser = bench.browser();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-1", "A-2"]);
    for (action, path) in
        [("labels", "/orders/print/labels/?order=A-1&order=A-2"), ("picks", "/orders/print/picks/?order=A-1&order=A-2")]
    {
        let led = browser.refill("/orders/", &list, &fields(&chosen, &[("action", action), ("status", "")])).await;
        assert_eq!(led.led(), (302, path));
    }
    let none = browser.refill("/orders/", &list, &[("action", "labels")]).await;
    assert_eq!(none.status, 422);
    for strange in ["A-1", "A 1 2026-11-24T03:56:37Z", "A-1 yesterday", ""] {
        let sent = fields(&[strange], &[("action", "move"), ("status", "picking")]);
        assert_eq!(browser.refill("/orders/", &list, &sent).await.status, 400, "{strange:?}");
    }
    let many = vec![chosen[0]; 51];
    assert_eq!(browser.refill("/orders/", &list, &fields(&many, &[("status", "picking")])).await.status, 400);
    assert_eq!(browser.post("/orders/", &fields(&chosen, &[("status", "picking")])).await.status, 403);
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
}

#[tokio::test]
async fn with_the_orders_away_what_was_not_done_is_said() {
    let bench = Bench::new();
    for number in ["A-1", "A-2", "A-3"] {
        bench.order(number, None).await;
    }
    let browser = bench.browser();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-1", "A-2", "A-3"]);
    let sent = fields(&chosen, &[("action", "move"), ("status", "picking")]);
    bench.orders.arm(Call::Commit, Fault::FailBefore, 99);
    let failed = browser.refill("/orders/", &list, &sent).await;
    assert_eq!((failed.status.as_u16(), failed.header("retry-after")), (503, "5"));
    failed.has("La base de datos no responde").has(" checked");
    bench.orders.clear();
    bench.orders.arm_after(Call::Commit, Fault::FailBefore, 1);
    let told = browser.refill("/orders/", &list, &sent).await;
    told.has("1 de 3 órdenes en Alistamiento.")
        .has("No se guardó: la base de datos no respondió.")
        .has("No se intentó");
    bench.orders.clear();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-1", "A-2", "A-3"]);
    let sent = fields(&chosen, &[("action", "move"), ("status", "packing")]);
    bench.orders.arm_after(Call::Commit, Fault::FailAfter, 1);
    bench.orders.arm(Call::Entries, Fault::FailBefore, 9);
    let told = browser.refill("/orders/", &list, &sent).await;
    told.has("1 de 3 órdenes en Empaque.").has("No se sabe si quedó guardada").has("No se intentó");
}

#[tokio::test]
async fn a_choice_that_is_refused_stays_as_it_stood_and_is_lost_nowhere() {
    let bench = Bench::new();
    for n in 1..=51 {
        bench.order(&format!("A-{n:02}"), None).await;
    }
    let browser = bench.browser();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-51", "A-02"]);
    // The last of the page slides off it, and the first is moved by somebody else.
    browser.press("A-51", "delivered").await;
    browser.press("A-01", "picking").await;
    let sent = fields(&chosen, &[("action", "move"), ("status", "returned"), ("return_reason", " ")]);
    let again = browser.refill("/orders/", &list, &sent).await;
    assert_eq!(again.status, 422);
    assert_eq!(again.text.matches(" checked").count(), 2);
    again.has("Elegidas también, y ya no en esta página");
    assert_eq!(boxes(&again, &["A-51", "A-02"]), chosen);
    let sent = fields(&chosen, &[("action", "move"), ("status", "returned"), ("return_reason", "Roto")]);
    let told = browser.refill("/orders/", &again, &sent).await;
    told.has("1 de 2 órdenes en Devuelto.").has("Cambió mientras tanto; no se tocó.");
    assert_eq!(bench.stored_order("A-51").await["status"], "delivered");
}

#[tokio::test]
async fn a_choice_that_is_sent_again_moves_the_rest_and_tells_the_whole() {
    let bench = Bench::new();
    for number in ["A-1", "A-2", "A-3"] {
        bench.order(number, None).await;
    }
    let browser = bench.browser();
    let list = browser.get("/orders/").await;
    let chosen = boxes(&list, &["A-1", "A-2", "A-3"]);
    let sent = fields(&chosen, &[("action", "move"), ("status", "picking")]);
    bench.orders.arm_after(Call::Commit, Fault::FailBefore, 1);
    browser.refill("/orders/", &list, &sent).await.has("1 de 3 órdenes en Alistamiento.");
    bench.orders.clear();
    let told = browser.refill("/orders/", &list, &sent).await;
    told.has("3 de 3 órdenes en Alistamiento.").lacks("Cambió mientras tanto");
    assert_eq!(bench.stored_order("A-3").await["status"], "picking");
}
