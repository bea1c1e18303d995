//! Lists: fifty a page, both ways, filtered, with figures that cost no view anything.

use provesi_testkit::Call;

use crate::support::{Answer, Bench};

fn link(page: &Answer, rel: &str) -> Option<String> {
    page.between(&format!("rel=\"{rel}\" class=\"button is-plain\" href=\""), "\"")
        .map(|link| link.replace("&#38;", "&"))
}

fn numbers(page: &Answer) -> Vec<String> {
    let rows = page.text.split("<a class=\"number\" href=\"/orders/").skip(1);
    rows.map(|row| row.split('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn orders_are_leafed_through_both_ways() {
    let bench = Bench::new();
    for number in 0..120 {
        bench.order(&format!("A-{number:03}"), None).await;
    }
    let expected: Vec<_> = (0..120).rev().map(|number| format!("A-{number:03}")).collect();
    let browser = bench.browser();
    let first = browser.get("/orders/").await;
    assert_eq!((numbers(&first), link(&first, "prev")), (expected[..50].to_vec(), None));
    let second = browser.get(&link(&first, "next").unwrap()).await;
    assert_eq!(numbers(&second), expected[50..100]);
    let third = browser.get(&link(&second, "next").unwrap()).await;
    assert_eq!((numbers(&third), link(&third, "next")), (expected[100..].to_vec(), None));
    let back = browser.get(&link(&third, "prev").unwrap()).await;
    assert_eq!(numbers(&back), expected[50..100]);
    assert_eq!(numbers(&browser.get(&link(&back, "next").unwrap()).await), expected[100..]);
    // The start of the list is its first page, whole.
    let start = browser.get(&link(&back, "prev").unwrap()).await;
    assert_eq!(start.led(), (302, "/orders/"));
}

#[tokio::test]
async fn filters_hold_over_the_pages_and_a_strange_cursor_leads_to_the_first() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    for number in 0..60 {
        bench.order(&format!("A-{number:03}"), Some(&id)).await;
        bench.order(&format!("B-{number:03}"), None).await;
    }
    let browser = bench.browser();
    for (query, count) in [
        (format!("client={id}"), 60),
        ("q=a-0".into(), 60),
        ("status=received&q=b-".into(), 60),
        ("status=packing".into(), 0),
        ("status=lost".into(), 120),
    ] {
        let mut path = format!("/orders/?{query}");
        let mut found = Vec::new();
        loop {
            let page = browser.get(&path).await;
            found.extend(numbers(&page));
            match link(&page, "next") {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!(found.len(), count, "{query}");
    }
    let next = link(&browser.get("/orders/?q=a-").await, "next").unwrap();
    let cursor = next.split("after=").nth(1).unwrap();
    assert_eq!(browser.get(&format!("/orders/?q=b-&after={cursor}")).await.led(), (302, "/orders/?q=b-"));
    assert_eq!(browser.get("/orders/?before=x").await.led(), (302, "/orders/"));
    assert_eq!(browser.get("/clients/?q=a&before=x").await.led(), (302, "/clients/?q=a"));
    assert_eq!(browser.get("/orders/returns/?after=x").await.led(), (302, "/orders/returns/"));
    let told = browser.get("/orders/?q=a_b").await;
    assert_eq!(told.status, 200);
    told.has("El código solo puede contener letras, números y guiones.").has("aria-invalid");
}

#[tokio::test]
async fn clients_are_listed_searched_and_leafed_through() {
    let bench = Bench::new();
    for number in 0..60 {
        bench.client(&format!("Cliente {number:02}"), &format!("c{number}@example.com")).await;
    }
    let id = bench.client("Ñandú", "n@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let first = browser.get("/clients/").await;
    first.has("Cliente 00").has("Cliente 49").lacks("Cliente 50");
    let second = browser.get(&link(&first, "next").unwrap()).await;
    second.has("Cliente 50").has("Ñandú").has(">1<span class=\"unit\"> orden</span>");
    assert_eq!(browser.get(&link(&second, "prev").unwrap()).await.led(), (302, "/clients/"));
    browser.get("/clients/?q=nandu").await.has("Ñandú").lacks("Cliente 00").has("value=\"nandu\"");
    browser.get("/clients/?q=zzz").await.has("Ningún cliente coincide con «zzz»");
    let hits = browser.get("/clients/search/?q=cliente").await.json();
    assert_eq!((hits["clients"].as_array().unwrap().len(), &hits["more"]), (20, &true.into()));
    let hit = browser.get("/clients/search/?q=NANDU").await.json()["clients"][0].clone();
    assert_eq!(hit, serde_json::json!({ "id": id, "name": "Ñandú", "email": "n@example.com", "phone": "" }));
    let none = browser.get("/clients/search/?q=").await.json();
    assert_eq!(none, serde_json::json!({ "clients": [], "more": false }));
}

#[tokio::test]
async fn a_view_counts_nothing_while_the_figures_are_fresh_and_waits_little_for_them() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let _ = bench.orders.take_calls();
    for path in ["/", "/orders/", "/", "/orders/?status=received"] {
        browser.get(path).await.has("<span class=\"count\">1</span>");
    }
    let calls = bench.orders.take_calls();
    assert_eq!((calls[&Call::Count], calls[&Call::Page]), (1, 4));

    let slow = Bench::new();
    slow.orders.stall(Call::Count);
    let began = std::time::Instant::now();
    slow.browser().get("/").await.has("<span class=\"count\">–</span>").has("Todavía estamos contando");
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
    slow.browser().get("/orders/").await.has("<span class=\"count\">–</span>");
    // One count runs, and no second one.
    assert_eq!(slow.orders.take_calls()[&Call::Count], 1);
    slow.orders.clear();
}

#[tokio::test]
async fn empty_lists_say_what_to_do_next() {
    let bench = Bench::new();
    for (path, text) in [
        ("/", "Todavía no hay órdenes."),
        ("/orders/", "Cree la primera"),
        ("/orders/?status=packing", "Ninguna orden coincide."),
        ("/orders/returns/", "No hay devoluciones."),
        ("/clients/", "Todavía no hay clientes."),
    ] {
        bench.browser().get(path).await.has(text);
    }
}
