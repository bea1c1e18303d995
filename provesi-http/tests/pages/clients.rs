//! Pages of clients.

use crate::support::Bench;

const ANA: [(&str, &str); 4] =
    [("name", "Ana Pérez"), ("email", "ana@example.com"), ("phone", "300 123"), ("address", "Cra 7\r\nPiso 2")];

#[tokio::test]
async fn a_client_is_made_shown_edited_and_deleted() {
    let bench = Bench::new();
    let browser = bench.browser();
    let made = browser.fill("/clients/create/", &ANA).await;
    assert_eq!(made.led(), (302, "/clients/"));
    let list = browser.get("/clients/").await;
    list.has("Cliente &#39;Ana Pérez&#39; creado exitosamente.").has("ana@example.com");
    let id = list.between("<th scope=\"row\"><a href=\"/clients/", "/").unwrap().to_owned();
    assert_eq!(bench.stored_client(&id).await["address"], "Cra 7\nPiso 2");

    let path = format!("/clients/{id}/");
    browser.get(&path).await.has("<h1>Ana Pérez</h1>").has("Cra 7\nPiso 2").has("no tiene órdenes");
    let edit = format!("{path}edit/");
    let edited = browser.fill(&edit, &[("name", "Ana P."), ("email", "ANA@example.com"), ("phone", "")]).await;
    assert_eq!(edited.led(), (302, "/clients/"));
    browser.get("/clients/").await.has("Cliente &#39;Ana P.&#39; actualizado exitosamente.");
    let stored = bench.stored_client(&id).await;
    assert_eq!((&stored["name"], &stored["phone"], &stored["address"]), (&"Ana P.".into(), &"".into(), &"".into()));

    bench.order("A-1", Some(&id)).await;
    bench.order("A-2", Some(&id)).await;
    browser.get(&path).await.has("A-1").has("A-2");
    let delete = format!("{path}delete/");
    browser.get(&delete).await.has("<strong>2 órdenes</strong>");
    assert_eq!(browser.fill(&delete, &[]).await.led(), (302, "/clients/"));
    browser.get("/clients/").await.has("Cliente &#39;Ana P.&#39; eliminado exitosamente.");
    assert_eq!(bench.stored_order("A-1").await["client_id"], serde_json::Value::Null);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost() {
    let bench = Bench::new();
    let browser = bench.browser();
    let long = "x".repeat(21);
    let fields = [("name", " "), ("email", "ana"), ("phone", &long), ("address", "Cra 7")];
    let form = browser.fill("/clients/create/", &fields).await;
    assert_eq!(form.status, 422);
    form.has("role=\"alert\"").has("<a href=\"#name\">El nombre es requerido.</a>");
    form.has("El email no es válido: le falta la arroba (@).").has("Use máximo 20 caracteres.");
    form.has("value=\"ana\"").has(&long).has("Cra 7");
    assert_eq!(form.text.matches("aria-invalid=\"true\"").count(), 3);
    form.has("aria-describedby=\"email-fault email-hint\"").has("id=\"email-fault\"");
    browser.fill("/clients/create/", &[]).await.has("El email es requerido.");
    // The form that came back is whole: it can be sent.
    assert_eq!(browser.refill("/clients/create/", &form, &ANA).await.led(), (302, "/clients/"));

    let taken = browser.fill("/clients/create/", &[("name", "Otra"), ("email", "ANA@example.com")]).await;
    assert_eq!(taken.status, 422);
    taken.has("Ya existe un cliente con el email &#39;ANA@example.com&#39;.").has("value=\"Otra\"");
    assert_eq!(bench.count("/api/clients/").await, 1);
}

#[tokio::test]
async fn an_edit_over_anothers_change_shows_both_and_loses_neither() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let (one, two) = (bench.browser(), bench.browser());
    let edit = format!("/clients/{id}/edit/");
    let open = one.get(&edit).await;
    two.fill(&edit, &[("name", "Ana Dos"), ("email", "ana@example.com"), ("phone", "300")]).await;

    let mine = [("name", "Ana Uno"), ("email", "ana@example.com"), ("phone", "")];
    let conflict = one.refill(&edit, &open, &mine).await;
    assert_eq!(conflict.status, 409);
    conflict.has("value=\"Ana Uno\"").has("Ana Dos").has("Ahora dice:").has("Otra persona cambió este cliente");
    assert_eq!(bench.stored_client(&id).await["name"], "Ana Dos");
    // A fault in the form does not let the other's change be written over unseen.
    let faulty = one.refill(&edit, &open, &[("name", ""), ("email", "ana@example.com")]).await;
    faulty.has("El nombre es requerido.").has("Ana Dos");
    // Knowingly it can be.
    assert_eq!(one.refill(&edit, &conflict, &mine).await.led(), (302, "/clients/"));
    assert_eq!(bench.stored_client(&id).await["name"], "Ana Uno");
}

#[tokio::test]
async fn a_form_that_nobody_touched_changes_nothing() {
    let bench = Bench::new();
    let body = serde_json::json!({ "name": "Ana ", "email": "ana@example.com", "address": "Cra 7\r\nPiso 2\r\n" });
    let request = axum::http::Request::post("/api/clients/")
        .header("host", "bodega.test")
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    tower::ServiceExt::oneshot(bench.router.clone(), request).await.unwrap();
    let all = bench.browser().get("/api/clients/").await.json();
    let id = all["data"][0]["id"].as_str().unwrap().to_owned();
    let before = bench.stored_client(&id).await;
    let fields = [("name", "Ana "), ("email", "ana@example.com"), ("phone", ""), ("address", "Cra 7\r\nPiso 2\r\n")];
    assert_eq!(bench.browser().fill(&format!("/clients/{id}/edit/"), &fields).await.status, 302);
    assert_eq!(bench.stored_client(&id).await, before);
}

#[tokio::test]
async fn who_is_not_there_leads_to_the_list_with_the_message() {
    let bench = Bench::new();
    let gone = "6b050af58b3059b0f61239f2";
    for page in ["", "edit/", "delete/"] {
        for (id, message) in [(gone, "Cliente no encontrado."), ("abc", "ID de cliente inválido.")] {
            let browser = bench.browser();
            assert_eq!(browser.get(&format!("/clients/{id}/{page}")).await.led(), (302, "/clients/"), "{id} {page}");
            browser.get("/clients/").await.has(message);
        }
    }
    let browser = bench.browser();
    let token = browser.token("/clients/create/").await;
    for page in ["edit/", "delete/"] {
        let fields = [("csrfmiddlewaretoken", token.as_str()), ("name", "A"), ("email", "a@example.com")];
        assert_eq!(browser.post(&format!("/clients/{gone}/{page}"), &fields).await.led(), (302, "/clients/"));
    }
}

#[tokio::test]
async fn a_client_that_changed_is_not_deleted_unseen() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    let path = format!("/clients/{id}/delete/");
    let open = browser.get(&path).await;
    bench.browser().fill(&format!("/clients/{id}/edit/"), &[("name", "Eva"), ("email", "e@example.com")]).await;
    let conflict = browser.refill(&path, &open, &[]).await;
    assert_eq!(conflict.status, 409);
    conflict.has("Eva").has("cambió mientras tanto");
    assert_eq!(browser.refill(&path, &conflict, &[]).await.led(), (302, "/clients/"));
    assert_eq!(bench.count("/api/clients/").await, 0);
}
