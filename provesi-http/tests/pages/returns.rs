//! The board of returns.

use provesi_core::{NewOrder, OrderRepositoryExt, OrderState, OrderStatus, ReturnInfo, ReturnReason, Stamp, Timestamp};

use crate::support::Bench;

/// Keeps a return of that instant.
async fn returned(bench: &Bench, number: &str, at: &str, reason: &str) {
    let at: Timestamp = at.parse().unwrap();
    let info = ReturnInfo { reason: ReturnReason::parse(reason).unwrap(), returned_at: at };
    let order = NewOrder::builder()
        .number(number.parse().unwrap())
        .state(OrderState::restore(OrderStatus::Returned, Some(info)))
        .created_at(at)
        .updated_at(at)
        .build();
    let stamp = Stamp { at, actor: provesi_core::Actor::Anonymous, address: None };
    bench.app.orders().insert(&order, &stamp).await.unwrap();
}

#[tokio::test]
async fn returns_are_found_by_days_of_bogota_and_by_words_of_their_reason() {
    let bench = Bench::new();
    returned(&bench, "A-1", "2026-11-10T04:59:59Z", "Llegó roto").await;
    returned(&bench, "A-2", "2026-11-10T05:00:00Z", "Otra talla").await;
    returned(&bench, "A-3", "2026-11-12T04:59:59Z", "Talla y color").await;
    returned(&bench, "A-4", "2026-11-12T05:00:00Z", "ROTO otra vez").await;
    let browser = bench.browser();
    for (query, found) in [
        ("", &["A-1", "A-2", "A-3", "A-4"][..]),
        ("?from=2026-11-10&to=2026-11-11", &["A-2", "A-3"]),
        ("?from=2026-11-12", &["A-4"]),
        ("?to=2026-11-09", &["A-1"]),
        ("?q=llego+ROTO", &["A-1"]),
        ("?q=talla&from=2026-11-11&to=", &["A-3"]),
        ("?q=nada", &[]),
    ] {
        let page = browser.get(&format!("/orders/returns/{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        for number in ["A-1", "A-2", "A-3", "A-4"] {
            let is_there = page.text.contains(&format!("href=\"/orders/{number}/\""));
            assert_eq!(is_there, found.contains(&number), "{query}: {number}");
        }
    }
    browser.get("/orders/returns/?q=nada").await.has("Ninguna devolución coincide.").has("value=\"nada\"");
    for (query, message) in [
        ("?from=ayer", "Escriba una fecha como 2026-11-24."),
        ("?to=99999-01-01", "Escriba una fecha como 2026-11-24."),
        ("?from=2026-11-12&to=2026-11-11", "La última fecha va antes que la primera."),
        (&*format!("?q={}", "x".repeat(101)), "Use máximo 100 caracteres."),
    ] {
        let page = browser.get(&format!("/orders/returns/{query}")).await;
        assert_eq!(page.status, 422, "{query}");
        page.has(message).has("aria-invalid=\"true\"").lacks("class=\"cards\"");
    }
}

#[tokio::test]
async fn filters_hold_over_the_pages() {
    let bench = Bench::new();
    for n in 0..60 {
        returned(&bench, &format!("A-{n:02}"), &format!("2026-11-10T12:00:{n:02}Z"), "Roto, de nuevo").await;
        returned(&bench, &format!("B-{n:02}"), &format!("2026-11-10T12:00:{n:02}Z"), "Otra talla").await;
        returned(&bench, &format!("C-{n:02}"), &format!("2026-11-08T12:00:{n:02}Z"), "Roto, de nuevo").await;
    }
    let browser = bench.browser();
    let cards = |page: &crate::support::Answer| -> Vec<String> {
        page.text.split("<h2><a class=\"number\" href=\"/orders/").skip(1).map(|rest| rest[..4].to_owned()).collect()
    };
    let first = browser.get("/orders/returns/?q=roto&from=2026-11-09&to=2026-11-10").await;
    let expected: Vec<String> = (0..60).rev().map(|n| format!("A-{n:02}")).collect();
    assert_eq!(cards(&first), expected[..50]);
    let next = first.between("<a rel=\"next\" class=\"button is-plain\" href=\"", "\"").unwrap().replace("&#38;", "&");
    let second = browser.get(&next).await;
    assert_eq!(cards(&second), expected[50..]);
    let back = second.between("<a rel=\"prev\" class=\"button is-plain\" href=\"", "\"").unwrap().replace("&#38;", "&");
    // Going back meets the start.
    let back = browser.get(&back).await;
    let back = if back.status == 302 { browser.get(back.header("location")).await } else { back };
    assert_eq!(cards(&back), expected[..50]);
}

#[tokio::test]
async fn weeks_are_counted_from_monday_to_sunday_in_bogota_and_lead_to_their_returns() {
    let bench = Bench::new();
    // The clock of the bench is at Monday, 23 November 2026, 22:56 in Bogotá.
    returned(&bench, "A-1", "2026-11-23T05:00:00Z", "Hoy").await;
    returned(&bench, "A-2", "2026-11-23T04:59:59Z", "El domingo").await;
    returned(&bench, "A-3", "2026-11-16T05:00:00Z", "El lunes").await;
    returned(&bench, "A-4", "2026-01-01T05:00:00Z", "Hace mucho").await;
    let browser = bench.browser();
    let page = browser.get("/orders/returns/").await;
    page.has(">23 nov 2026 a 29 nov 2026: 1 devolución</span>")
        .has(">16 nov 2026 a 22 nov 2026: 2 devoluciones</span>");
    assert_eq!(page.text.matches("<rect ").count(), 12);
    page.has("<rect y=\"0\" width=\"10\" height=\"100\"/>").has("<rect y=\"50\" width=\"10\" height=\"50\"/>");
    let week = browser.get("/orders/returns/?from=2026-11-16&to=2026-11-22").await;
    week.has("A-2").has("A-3").lacks("/orders/A-1/").has("aria-current=\"true\"><span class=\"hidden\">16 nov 2026");
}
