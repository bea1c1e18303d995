//! Records that another program wrote against the rules: marked, and repaired or deleted from their pages.

use provesi_core::{ClientRow, OrderRow};
use provesi_testkit::data::{client_row, order_row, with};
use serde_json::json;

use crate::support::Bench;

const ID: &str = "000000000000000000000007";

fn order(id: i64, number: &str, status: &str, client: Option<&str>) -> OrderRow {
    with(order_row(id, number, status), |it| it.client_id = client.map(str::to_owned))
}

fn client(name: &str, address: &str) -> ClientRow {
    with(client_row(7, name), |it| it.address = Some(address.to_owned()))
}

#[tokio::test]
async fn an_order_of_an_unknown_status_is_marked_and_repaired() {
    let bench = Bench::new();
    bench.memory.plant_order(order(7, "A-7", "nonsense", None));
    let browser = bench.browser();
    browser.get("/orders/").await.has(">A-7</a>").has("Por corregir").has(">nonsense</span>").has("value=\"A-7 ");
    let page = browser.get("/orders/A-7/").await;
    page.has("Este registro no cumple las reglas")
        .has("Estado: «nonsense» no es uno de los estados.")
        .has("Corrija la orden primero.");
    page.lacks("/orders/A-7/status/\"").has("/orders/A-7/edit/\">Corregir");
    let form = browser.get("/orders/A-7/delete/").await;
    let (token, version) = (form.hidden("csrfmiddlewaretoken"), form.hidden("version"));
    let fields = [("csrfmiddlewaretoken", &*token), ("version", &version), ("status", "packing")];
    // Any status may follow one that is none.
    assert_eq!(browser.post("/orders/A-7/status/", &fields).await.led(), (302, "/orders/A-7/"));
    browser.get("/orders/A-7/").await.has("Corregida: ahora en Empaque").has("decía «A-7», en «nonsense»");
    // What the other program does next is noticed.
    bench.memory.plant_order(order(7, "A-7", "shipped", Some(ID)));
    let page = browser.get("/orders/A-7/").await;
    page.has("Cambió fuera de este sistema").has("estado: Empaque → Despachado; cliente").has("Otro programa; se notó");
    page.has("cliente nuevo").lacks("cliente anterior");

    bench.memory.plant_order(order(8, "A-8", "nonsense", None));
    let form = browser.get("/orders/A-8/edit/").await;
    form.has("Este registro no cumple las reglas").has("Elija un estado…").has("Alistamiento</option>");
    let fields = [("id", "8"), ("order_number", "A-8"), ("client", ""), ("status", ""), ("return_reason", "")];
    let refused = browser.refill("/orders/A-8/edit/", &form, &fields).await;
    assert_eq!(refused.status, 422);
    refused.has("Elija uno de los estados de la lista.");
    let fields = [("id", "8"), ("order_number", "A-8"), ("client", ""), ("status", "picking"), ("return_reason", "")];
    assert_eq!(browser.refill("/orders/A-8/edit/", &form, &fields).await.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-8").await["status"], json!("picking"));
}

#[tokio::test]
async fn an_order_whose_number_cannot_be_asked_for_has_pages_by_its_id() {
    let bench = Bench::new();
    bench.memory.plant_order(order(7, "A 7", "received", None));
    let browser = bench.browser();
    // It cannot be chosen: what is done with those that are chosen goes by their numbers.
    browser.get("/orders/").await.has("href=\"/orders/id:7/\">A 7</a>").has(" disabled></label>");
    let page = browser.get("/orders/id:7/").await;
    page.has("Código: El código solo puede contener letras, números y guiones.").lacks("print/labels/?order=");
    let form = browser.get("/orders/id:7/edit/").await;
    let fields = [("id", "7"), ("order_number", "A-7"), ("client", ""), ("status", "received"), ("return_reason", "")];
    assert_eq!(browser.refill("/orders/id:7/edit/", &form, &fields).await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("href=\"/orders/A-7/\">Ver orden").lacks("Por corregir");

    bench.memory.plant_order(order(8, "", "received", None));
    browser.get("/orders/").await.has("href=\"/orders/id:8/\">(sin código)</a>");
    assert_eq!(browser.fill("/orders/id:8/delete/", &[]).await.led(), (302, "/orders/"));
    assert_eq!(bench.count("/api/orders/").await, 1);
    assert_eq!(browser.get("/orders/id:8/").await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has("No se encontró la orden.");
    for none in ["id:", "id:x", "id:7x", "id:99999999999999999999"] {
        assert_eq!(browser.get(&format!("/orders/{none}/")).await.led(), (302, "/orders/"), "{none}");
    }
}

#[tokio::test]
async fn texts_that_nobody_sees_and_texts_without_end_can_be_clicked() {
    let bench = Bench::new();
    bench.memory.plant_order(order(7, "\u{200B}", "", Some("not-an-id")));
    let browser = bench.browser();
    browser.get("/orders/").await.has(">(sin código)</a>").has(">(sin estado)</span>").has("Cliente desconocido");
    let page = browser.get("/orders/id:7/").await;
    page.has("Cliente: «not-an-id» no es un ID de cliente.").has("Estado: «(sin estado)» no es").has("Se verá cuando");
    bench.memory.plant_order(order(8, &"x".repeat(9_000), "received", None));
    let deleted = browser.fill("/orders/id:8/delete/", &[]).await;
    assert_eq!(deleted.led(), (302, "/orders/"));
    assert!(deleted.headers.get_all("set-cookie").iter().all(|cookie| cookie.len() < 1_000));
    browser.get("/orders/").await.has("xxx…&#39; eliminada exitosamente.");
}

#[tokio::test]
async fn what_another_program_made_of_a_status_meanwhile_is_shown() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let form = browser.get("/orders/A-1/edit/").await;
    let id = form.hidden("id");
    bench.memory.plant_order(order(id.parse().unwrap(), "A-1", "nonsense", None));
    let fields = [("id", &*id), ("order_number", "A-1"), ("client", ""), ("status", "packing"), ("return_reason", "")];
    let shown = browser.refill("/orders/A-1/edit/", &form, &fields).await;
    assert_eq!(shown.status, 409);
    shown.has("<span class=\"now-value\">nonsense</span>");
}

#[tokio::test]
async fn a_client_without_a_name_can_be_clicked_and_repaired() {
    let bench = Bench::new();
    bench.memory.plant_client(client(" ", "Cra 7"));
    let browser = bench.browser();
    browser.get("/clients/").await.has(">(sin nombre)</a>").has("Por corregir");
    let path = format!("/clients/{ID}/");
    browser.get(&path).await.has("<h1>(sin nombre)</h1>").has("Nombre: El nombre es requerido.").has(">Corregir</a>");
    browser.get("/clients/search/?q=cliente-7").await.has("(sin nombre)");
    let fields = [("order_number", "A-1"), ("client", ID), ("status", "received"), ("return_reason", "")];
    assert_eq!(browser.fill("/orders/create/", &fields).await.led(), (302, "/orders/"));
    browser.get("/orders/").await.has(">(sin nombre)</a>");
    let fields = [("name", "Ana"), ("email", "cliente-7@example.com"), ("phone", ""), ("address", "Cra 7")];
    assert_eq!(browser.fill(&format!("{path}edit/"), &fields).await.led(), (302, "/clients/"));
    browser.get("/clients/").await.has(">Ana</a>").lacks("Por corregir");
    bench.memory.plant_client(client("", "Cra 7"));
    browser.get(&format!("{path}delete/")).await.has("cliente-7@example.com");
    assert_eq!(browser.fill(&format!("{path}delete/"), &[]).await.led(), (302, "/clients/"));
}
