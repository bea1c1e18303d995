//! Pages of orders.

use provesi_core::{
    Actor, NewOrder, OrderRepositoryExt, OrderState, OrderStatus, ReturnInfo, ReturnReason, Stamp, StatusFlow,
    Timestamp,
};

use crate::support::Bench;

#[tokio::test]
async fn an_order_is_made_moved_edited_and_deleted() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    let fields = [("order_number", " ORD-1 "), ("client", &*id), ("status", "received"), ("return_reason", "")];
    assert_eq!(browser.fill("/orders/create/", &fields).await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("Orden &#39;ORD-1&#39; creada exitosamente.").has(">Ana</a>");

    let moved = browser.get("/orders/ORD-1/").await;
    assert_eq!(moved.text.matches("class=\"step is-").count(), 5);
    let moved = browser.refill("/orders/ord-1/status/", &moved, &[("status", "shipped")]).await;
    assert_eq!(moved.led(), (302, "/orders/ORD-1/"));
    let page = browser.get("/orders/ORD-1/").await;
    page.has("Orden &#39;ORD-1&#39;: Despachado.").has("De Recibido a Despachado").has("Sin identificar");

    let back = browser.refill("/orders/ORD-1/status/", &page, &[("status", "returned"), ("return_reason", " ")]).await;
    assert_eq!(back.status, 422);
    back.has("Debe ingresar una razón de devolución.");
    let back = browser.refill("/orders/ORD-1/status/", &back, &[("status", "returned"), ("return_reason", "Roto")]);
    assert_eq!(back.await.led(), (302, "/orders/ORD-1/"));
    browser.get("/orders/returns/").await.has("ORD-1").has(">Roto</p>").has("Devuelta <time");

    let edit = [("order_number", "ord-1"), ("client", ""), ("status", "returned"), ("return_reason", "Mojado")];
    assert_eq!(browser.fill("/orders/ORD-1/edit/", &edit).await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("Orden &#39;ord-1&#39; actualizada exitosamente.").has("Sin cliente");
    browser.get("/orders/ord-1/").await.has("Razón: Mojado (antes: Roto)").has("Quedó sin cliente");

    assert_eq!(browser.fill("/orders/ord-1/delete/", &[]).await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("Orden &#39;ord-1&#39; eliminada exitosamente.").has("Todavía no hay órdenes.");
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let gone = "6b050af58b3059b0f61239f2";
    for (number, client, status, reason, message) in [
        ("", "", "received", "", "El código del pedido es requerido."),
        ("A B", "", "received", "", "El código solo puede contener letras, números y guiones."),
        ("a-1", "", "received", "", "Ya existe una orden con el código &#39;a-1&#39;."),
        ("A-2", gone, "received", "", "El cliente seleccionado no existe."),
        ("A-2", "abc", "received", "", "El cliente seleccionado no existe."),
        ("A-2", "", "returned", " ", "Debe ingresar una razón de devolución."),
        ("A-2", "", "lost", "", "Elija uno de los estados de la lista."),
    ] {
        let fields = [("order_number", number), ("client", client), ("status", status), ("return_reason", reason)];
        let form = browser.fill("/orders/create/", &fields).await;
        assert_eq!(form.status, 422, "{message}");
        form.has(message).has("role=\"alert\"").has(&format!("value=\"{number}\""));
        assert!(form.text.contains("aria-invalid=\"true\"") || message.contains("cliente"), "{message}");
    }
    let fields = [("order_number", "A B"), ("status", "returned"), ("return_reason", "")];
    let both = browser.fill("/orders/create/", &fields).await;
    both.has("href=\"#order_number\"").has("href=\"#return_reason\"");
    let fields = [("order_number", "A B"), ("client", gone), ("status", "received")];
    browser.fill("/orders/create/", &fields).await.has("href=\"#order_number\"").has("href=\"#client\"");
    let fields = [("order_number", ""), ("client", "abc"), ("status", "lost"), ("return_reason", "")];
    let all = browser.fill("/orders/create/", &fields).await;
    let at = |field: &str| all.text.find(&format!("href=\"#{field}\"")).unwrap();
    assert!(at("order_number") < at("client") && at("client") < at("status"));
    // What only the stores know, beside what the form breaks.
    bench.order("B-1", None).await;
    let fields = [("order_number", "a-1"), ("client", gone), ("status", "returned"), ("return_reason", " ")];
    for path in ["/orders/create/", "/orders/B-1/edit/"] {
        let all = browser.fill(path, &fields).await;
        all.has("Ya existe una orden con el código &#39;a-1&#39;.").has("href=\"/orders/a-1/\"");
        all.has("El cliente seleccionado no existe.").has("Debe ingresar una razón de devolución.");
    }
    assert_eq!(bench.count("/api/orders/").await, 2);
}

#[tokio::test]
async fn an_edit_over_anothers_change_shows_both_and_loses_neither() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", None).await;
    let (one, two) = (bench.browser(), bench.browser());
    let open = one.get("/orders/A-1/edit/").await;
    let theirs = [("order_number", "A-1"), ("client", &*id), ("status", "packing")];
    assert_eq!(two.fill("/orders/A-1/edit/", &theirs).await.status, 302);

    let mine = [("order_number", "A-1"), ("client", ""), ("status", "returned"), ("return_reason", "Roto")];
    let conflict = one.refill("/orders/A-1/edit/", &open, &mine).await;
    assert_eq!(conflict.status, 409);
    conflict
        .has("value=\"returned\" selected")
        .has("\nRoto</textarea>")
        .has("Ahora dice:")
        .has("Empaque")
        .has(">Ana</a>");
    assert_eq!(bench.stored_order("A-1").await["status"], "packing");
    assert_eq!(one.refill("/orders/A-1/edit/", &conflict, &mine).await.led(), (302, "/orders/"));
    let stored = bench.stored_order("A-1").await;
    assert_eq!((&stored["status"], &stored["client_id"]), (&"returned".into(), &serde_json::Value::Null));
}

/// The Python system let reasons of any length pass.
#[tokio::test]
async fn an_edit_of_something_else_keeps_a_reason_that_is_longer_than_one_may_be_given() {
    let bench = Bench::new();
    let at = Timestamp::from_micros(0).unwrap();
    let long = "Llegó roto. ".repeat(400);
    let info = ReturnInfo { reason: ReturnReason::restore(long.as_str()).unwrap(), returned_at: at };
    let state = OrderState::restore(OrderStatus::Returned, Some(info));
    let order = NewOrder::builder().number("A-1".parse().unwrap()).state(state).created_at(at).updated_at(at).build();
    let stamp = Stamp { at, actor: Actor::Anonymous, address: None };
    bench.app.orders().insert(&order, &stamp).await.unwrap();
    let browser = bench.browser();
    let edit =
        |number, reason| [("order_number", number), ("client", ""), ("status", "returned"), ("return_reason", reason)];
    assert_eq!(browser.fill("/orders/A-1/edit/", &edit("A-2", &long)).await.led(), (302, "/orders/"));
    let stored = bench.stored_order("A-2").await;
    assert_eq!(stored["return_reason"], long);
    let longer = format!("{long}Y mojado.");
    let refused = browser.fill("/orders/A-2/edit/", &edit("A-2", &longer)).await;
    assert_eq!(refused.status, 422);
    refused.has("Use máximo 2.000 caracteres.");
}

#[tokio::test]
async fn a_button_of_a_page_that_is_out_of_date_changes_nothing() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let open = browser.get("/orders/A-1/").await;
    bench.browser().fill("/orders/A-1/edit/", &[("order_number", "A-1"), ("status", "packing")]).await;
    let fields = [("status", "returned"), ("return_reason", "Roto")];
    let told = browser.refill("/orders/A-1/status/", &open, &fields).await;
    assert_eq!(told.status, 409);
    told.has("La orden cambió mientras tanto").has("Empaque").has("\nRoto</textarea>");
    assert_eq!(bench.stored_order("A-1").await["status"], "packing");
    let deletion = browser.refill("/orders/A-1/delete/", &open, &[]).await;
    assert_eq!(deletion.status, 409);
    assert_eq!(bench.count("/api/orders/").await, 1);
}

#[tokio::test]
async fn only_what_the_flow_allows_is_offered_and_taken() {
    let bench = Bench::with(StatusFlow::strict(), |_| {});
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = browser.get("/orders/A-1/").await;
    page.has("value=\"picking\"").has("value=\"cancelled\"").lacks("value=\"shipped\"").lacks("data-return");
    browser.get("/orders/A-1/edit/").await.has("<option value=\"picking\"").lacks("<option value=\"shipped\"");
    let told = browser.refill("/orders/A-1/status/", &page, &[("status", "shipped")]).await;
    assert_eq!(told.status, 422);
    told.has("Una orden en Recibido no puede pasar a Despachado.");
    let edit = browser.fill("/orders/A-1/edit/", &[("order_number", "A-1"), ("status", "shipped")]).await;
    assert_eq!(edit.status, 422);
    edit.has("Una orden en Recibido no puede pasar a Despachado.");
}

#[tokio::test]
async fn a_scan_opens_the_order_or_says_how_to_go_on() {
    let bench = Bench::new();
    bench.order("Ord-1", None).await;
    let browser = bench.browser();
    let found = browser.get("/orders/lookup/?q=+oRD-1+").await;
    assert_eq!(found.status, 200);
    found.has("Orden <span class=\"number\">Ord-1</span>");
    for (q, message) in [
        ("X-9", "No se encontró la orden &#39;X-9&#39;."),
        ("Ana+P%C3%A9rez", "Código de orden inválido."),
        ("", "El código del pedido es requerido."),
    ] {
        assert_eq!(browser.get(&format!("/orders/lookup/?q={q}")).await.led(), (302, "/orders/"));
        browser.get("/orders/").await.has(message);
    }
    for page in ["", "edit/", "delete/"] {
        assert_eq!(browser.get(&format!("/orders/X-9/{page}")).await.led(), (302, "/orders/"), "{page}");
        browser.get("/orders/").await.has("No se encontró la orden &#39;X-9&#39;.");
        assert_eq!(browser.get(&format!("/orders/X_9/{page}")).await.led(), (302, "/orders/"), "{page}");
        browser.get("/orders/").await.has("Código de orden inválido.");
    }
}

#[tokio::test]
async fn an_order_whose_number_is_a_page_is_reached_all_the_same() {
    let bench = Bench::new();
    for number in ["create", "lookup", "returns", "health", "api"] {
        bench.order(number, None).await;
        let browser = bench.browser();
        browser.get("/orders/").await.has(&format!("href=\"/orders/lookup/?q={number}\""));
        let page = browser.get(&format!("/orders/lookup/?q={number}")).await;
        let path = format!("/orders/{number}/status/");
        let moved = browser.refill(&path, &page, &[("status", "packing")]).await;
        assert_eq!(moved.led(), (302, &*format!("/orders/lookup/?q={number}")));
        browser.get(&format!("/orders/lookup/?q={number}")).await.has(": Empaque.");
        assert_eq!(browser.get(&format!("/orders/{number}/edit/")).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_is_looked_for_without_script_and_what_was_typed_stays() {
    let bench = Bench::new();
    let id = bench.client("Ferretería Ñandú", "f@example.com").await;
    bench.client("Otra", "o@example.com").await;
    let browser = bench.browser();
    let typed = [("order_number", "A-1"), ("status", "returned"), ("return_reason", "Roto")];
    let search = [&typed[..], &[("client", ""), ("client_search", "nandu"), ("action", "find-client")]].concat();
    let form = browser.fill("/orders/create/", &search).await;
    assert_eq!(form.status, 200);
    form.has(&format!("type=\"radio\" name=\"client\" value=\"{id}\"")).has("Ferretería Ñandú").lacks("Otra</span>");
    form.has("value=\"A-1\"").has("value=\"returned\" selected").has("\nRoto</textarea>");
    assert_eq!(bench.count("/api/orders/").await, 0);
    let made = browser.refill("/orders/create/", &form, &[&typed[..], &[("client", &*id)]].concat()).await;
    assert_eq!(made.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-1").await["client_id"], *id);
    // The same step while editing keeps the client that is there.
    let search = [&search[..2], &[("client", &*id), ("client_search", "otra"), ("action", "find-client")]].concat();
    let edit = browser.fill("/orders/A-1/edit/", &search).await;
    edit.has("value=\"A-1\"").has(&format!("value=\"{id}\" checked")).has("Otra</span>");
}

#[tokio::test]
async fn the_order_form_names_the_client_that_the_address_gives() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let form = bench.browser().get(&format!("/orders/create/?client={id}&order_number=X-1")).await;
    form.has(&format!("value=\"{id}\" checked")).has(">Ana</span>").has("value=\"X-1\"");
    bench.browser().get("/orders/create/?client=x").await.has("value=\"\" checked");
}

#[tokio::test]
async fn an_order_that_somebody_renamed_meanwhile_keeps_its_form() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let form = browser.get("/orders/A-1/edit/").await;
    let id = form.hidden("id");
    assert_eq!(browser.fill("/orders/A-1/edit/", &[("order_number", "A-9"), ("status", "received")]).await.status, 302);
    // And another order has the number now.
    bench.order("A-1", None).await;
    let mine = [("id", &*id), ("order_number", "A-1"), ("status", "packing"), ("return_reason", "")];
    let changed = browser.refill("/orders/A-1/edit/", &form, &mine).await;
    assert_eq!(changed.status, 409);
    changed.has("Otra persona cambió esta orden").has("<span class=\"now-value\">A-9</span>");
    let mine = [("id", &*id), ("order_number", "A-8"), ("status", "packing"), ("return_reason", "")];
    assert_eq!(browser.refill("/orders/A-1/edit/", &changed, &mine).await.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-8").await["status"], "packing");
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
}

#[tokio::test]
async fn a_reason_that_came_too_late_is_shown_and_a_taken_number_leads_to_its_order() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let page = browser.get("/orders/A-1/").await;
    let theirs = browser.get("/orders/A-1/").await;
    let give = |reason| [("status", "returned"), ("return_reason", reason)];
    assert_eq!(browser.refill("/orders/A-1/status/", &theirs, &give("La suya")).await.status, 302);
    let late = browser.refill("/orders/A-1/status/", &page, &give("La mía")).await;
    assert_eq!(late.status, 409);
    late.has("Usted había escrito:").has(">La mía</p>").has(">La suya</dd>");
    let taken = browser.fill("/orders/create/", &[("order_number", "a-1"), ("status", "received")]).await;
    taken.has("<a href=\"/orders/a-1/\">Ver esa orden</a>");
}
