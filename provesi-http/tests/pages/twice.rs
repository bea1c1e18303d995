//! A form that comes twice is done once.

use provesi_testkit::{Call, Fault};

use crate::support::Bench;

#[tokio::test]
async fn a_form_that_is_sent_again_lands_where_it_landed_before() {
    let bench = Bench::new();
    let browser = bench.browser();
    for (path, api, fields) in [
        (
            "/orders/create/",
            "/api/orders/",
            vec![("order_number", "A-1"), ("status", "returned"), ("return_reason", "x")],
        ),
        ("/clients/create/", "/api/clients/", vec![("name", "Ana"), ("email", "ana@example.com")]),
    ] {
        let form = browser.get(path).await;
        let first = browser.refill(path, &form, &fields).await;
        let again = browser.refill(path, &form, &fields).await;
        assert_eq!((first.status.as_u16(), first.led()), (302, again.led()));
        assert_eq!(bench.count(api).await, 1);
        // Another form with the same content is a mistake all the same.
        assert_eq!(browser.fill(path, &fields).await.status, 422);
    }
}

#[tokio::test]
async fn two_clicks_at_once_make_one_order_and_both_are_told_so() {
    let bench = Bench::new();
    let browser = bench.browser();
    let form = browser.get("/orders/create/").await;
    bench.orders.stall(Call::Commit);
    let click = || browser.refill("/orders/create/", &form, &[("order_number", "A-1")]);
    let release = async {
        bench.orders.stalled().await;
        tokio::task::yield_now().await;
        bench.orders.clear();
    };
    let (one, two, ()) = tokio::join!(click(), click(), release);
    assert_eq!((one.led(), two.led()), ((302, "/orders/"), (302, "/orders/")));
    assert_eq!(bench.count("/api/orders/").await, 1);
}

#[tokio::test]
async fn a_browser_that_gave_up_on_the_first_click_hears_of_it_by_the_second() {
    let bench = Bench::new();
    let browser = bench.browser();
    let form = browser.get("/orders/create/").await;
    let fields = [("order_number", "A-1")];
    bench.orders.stall(Call::Commit);
    tokio::select! {
        _ = browser.refill("/orders/create/", &form, &fields) => panic!(),
        () = bench.orders.stalled() => {}
    }
    bench.orders.clear();
    assert_eq!(browser.refill("/orders/create/", &form, &fields).await.led(), (302, "/orders/"));
    assert_eq!(bench.count("/api/orders/").await, 1);
}

#[tokio::test]
async fn edits_and_deletions_that_are_sent_again_are_no_conflict() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    for (path, fields) in [
        ("/orders/A-1/status/", vec![("status", "packing")]),
        ("/orders/A-1/edit/", vec![("order_number", "B-1"), ("status", "shipped")]),
        ("/orders/B-1/delete/", vec![]),
    ] {
        let number = if path.contains("B-1") { "B-1" } else { "A-1" };
        let form = browser.get(&format!("/orders/{number}/")).await;
        let first = browser.refill(path, &form, &fields).await;
        let again = browser.refill(path, &form, &fields).await;
        assert_eq!((first.status.as_u16(), first.led()), (302, again.led()), "{path}");
    }
    browser.get("/orders/").await.lacks("No se encontró");
}

#[tokio::test]
async fn a_form_that_was_filled_in_anew_is_another_one() {
    let bench = Bench::new();
    let browser = bench.browser();
    let form = browser.get("/orders/create/").await;
    for number in ["A-1", "A-2"] {
        assert_eq!(browser.refill("/orders/create/", &form, &[("order_number", number)]).await.status, 302);
    }
    assert_eq!(bench.count("/api/orders/").await, 2);
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let bench = Bench::new();
    let browser = bench.browser();
    let form = browser.get("/orders/create/").await;
    bench.orders.arm(Call::Commit, Fault::FailBefore, 1);
    assert_eq!(browser.refill("/orders/create/", &form, &[("order_number", "A-1")]).await.status, 503);
    assert_eq!(browser.refill("/orders/create/", &form, &[("order_number", "A-1")]).await.status, 302);
}

#[tokio::test]
async fn clients_that_are_changed_and_deleted_twice_are_no_conflict() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    for (path, fields) in [
        (format!("/clients/{id}/edit/"), vec![("name", "Bea"), ("email", "bea@example.com")]),
        (format!("/clients/{id}/delete/"), vec![]),
    ] {
        let form = browser.get(&path).await;
        let first = browser.refill(&path, &form, &fields).await;
        let again = browser.refill(&path, &form, &fields).await;
        assert_eq!((first.status.as_u16(), first.led()), (302, again.led()), "{path}");
    }
    let list = browser.get("/clients/").await;
    list.has("eliminado exitosamente").lacks("No se encontró");
}

#[tokio::test]
async fn a_move_to_the_next_step_that_is_sent_again_moves_one_step() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let form = browser.get("/orders/A-1/").await;
    for _ in 0..2 {
        let moved = browser.refill("/orders/A-1/scan/", &form, &[("q", "CMD:NEXT"), ("scanned", "A-1")]).await;
        assert_eq!(moved.led(), (302, "/orders/A-1/"));
    }
    assert_eq!(bench.stored_order("A-1").await["status"], "picking");
}
