//! Forms that are not ours are refused, whatever they hold, and change nothing.

use axum::http::Request;

use crate::support::Bench;

const FIELDS: [(&str, &str); 2] = [("order_number", "A-1"), ("status", "received")];

#[tokio::test]
async fn a_form_needs_the_token_of_its_own_session() {
    let bench = Bench::new();
    bench.order("B-1", None).await;
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    let token = browser.token("/orders/create/").await;
    let others = bench.browser().token("/orders/create/").await;
    let broken = format!("{}A", &token[..token.len() - 1]);
    let wrong =
        [None, Some(""), Some("x"), Some(&*others), Some(&broken).filter(|_| broken != token).map(|text| &**text)];
    for path in [
        "/orders/create/",
        "/orders/B-1/status/",
        "/orders/B-1/edit/",
        "/orders/B-1/delete/",
        "/clients/create/",
        &format!("/clients/{id}/edit/"),
        &format!("/clients/{id}/delete/"),
    ] {
        for token in wrong {
            let mut fields = vec![("name", "X"), ("email", "x@example.com")];
            fields.extend_from_slice(&FIELDS);
            fields.extend(token.map(|token| ("csrfmiddlewaretoken", token)));
            let answer = browser.post(path, &fields).await;
            assert_eq!(answer.status, 403, "{path} {token:?}");
            answer.has("El formulario venció").has("No se guardó nada.");
        }
    }
    // Without the cookie, the token is nothing.
    let fields = [&FIELDS[..], &[("csrfmiddlewaretoken", &*token)]].concat();
    assert_eq!(bench.browser().post("/orders/create/", &fields).await.status, 403);
    assert_eq!((bench.count("/api/orders/").await, bench.count("/api/clients/").await), (1, 1));
    assert_eq!(bench.stored_order("B-1").await["status"], "received");
    assert_eq!(browser.post("/orders/create/", &fields).await.status, 302);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_even_with_a_token() {
    let bench = Bench::new();
    let browser = bench.browser();
    for headers in [
        [("origin", "http://otra.test")].as_slice(),
        &[("origin", "null")],
        &[("origin", "http://bodega.test.otra.test")],
        &[("origin", "http://bodega.test:81")],
        &[("referer", "http://otra.test/?http://bodega.test/")],
        &[("origin", "http://otra.test"), ("referer", "http://bodega.test/")],
    ] {
        let token = browser.token("/orders/create/").await;
        let fields = [&FIELDS[..], &[("csrfmiddlewaretoken", &*token)]].concat();
        assert_eq!(browser.post_with("/orders/create/", headers, &fields).await.status, 403, "{headers:?}");
    }
    assert_eq!(bench.count("/api/orders/").await, 0);
    for (number, headers) in
        [[("referer", "https://bodega.test/orders/")].as_slice(), &[("origin", "https://Bodega.test")], &[]]
            .into_iter()
            .enumerate()
    {
        let token = browser.token("/orders/create/").await;
        let number = format!("C-{number}");
        let fields = [("order_number", &*number), ("csrfmiddlewaretoken", &token)];
        assert_eq!(browser.post_with("/orders/create/", headers, &fields).await.status, 302, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_not_replace_the_session() {
    let bench = Bench::new();
    // Browsers leave the cookie out, and would take a new one.
    for path in ["/orders/create/", "/orders/A_1/edit/", "/clients/abc/delete/", "/orders/nothing/at/all"] {
        let answer = bench.browser().post_with(path, &[("origin", "http://otra.test")], &FIELDS).await;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert!(cookies.iter().all(|cookie| !cookie.to_str().unwrap().starts_with("provesi_session")), "{path}");
    }
}

#[tokio::test]
async fn only_a_form_is_taken_for_one() {
    let bench = Bench::new();
    let browser = bench.browser();
    let token = browser.token("/orders/create/").await;
    for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
        let request = Request::post("/orders/create/").header("content-type", kind).header("host", "bodega.test");
        let body = format!("csrfmiddlewaretoken={token}&order_number=A-1");
        assert_eq!(browser.send(request, body).await.status, 403, "{kind}");
    }
    let huge = "x".repeat(70_000);
    let answer = browser.post("/orders/create/", &[("csrfmiddlewaretoken", &token), ("order_number", &huge)]).await;
    assert_eq!(answer.status, 413);
    answer.has("demasiado grande");
    let bad = [("csrfmiddlewaretoken", &*token), ("version", "01"), ("name", "A"), ("email", "a@example.com")];
    let id = bench.client("Ana", "ana@example.com").await;
    assert_eq!(browser.post(&format!("/clients/{id}/edit/"), &bad).await.status, 400);
    assert_eq!(bench.count("/api/orders/").await, 0);
}

#[tokio::test]
async fn cookies_are_for_the_server_alone_and_for_tls_where_there_is_tls() {
    let bench = Bench::new();
    let browser = bench.browser();
    let request = || Request::get("/").header("host", "bodega.test");
    let plain = browser.send(request(), "").await;
    let cookie = plain.header("set-cookie");
    assert!(cookie.starts_with("provesi_session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    // Who has one keeps it.
    assert_eq!(browser.send(request(), "").await.header("set-cookie"), "");
    // Anybody can say so; see `hosts` for a proxy that is trusted.
    let claimed = bench.browser().send(request().header("x-forwarded-proto", "https"), "").await;
    assert!(!claimed.header("set-cookie").ends_with("; Secure"));
    let always = Bench::with(provesi_core::StatusFlow::any(), |options| {
        options.pages.as_mut().unwrap().secure_cookies = provesi_http::SecureCookies::Always;
    });
    assert!(always.browser().get("/").await.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn every_page_forbids_what_is_not_ours() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let id = bench.client("Ana", "ana@example.com").await;
    let client = format!("/clients/{id}/");
    let pages = [
        "/",
        "/orders/",
        "/orders/create/",
        "/orders/A-1/",
        "/orders/A-1/edit/",
        "/orders/A-1/delete/",
        "/orders/returns/",
        "/orders/lookup/?q=A-1",
        "/clients/",
        "/clients/create/",
        &client,
        &format!("{client}edit/"),
        &format!("{client}delete/"),
        "/orders/A-1/nothing/",
        "/clients/x/y/z",
    ];
    for path in pages {
        let page = bench.browser().get(path).await;
        let csp = page.header("content-security-policy");
        assert!(csp.starts_with("default-src 'self';") && !csp.contains("unsafe"), "{path}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(page.header(name), value, "{path} {name}");
        }
        page.has("<html lang=\"es\">")
            .has("id=\"scan\"")
            .lacks("<style")
            .lacks(" style=")
            .lacks(" onclick=")
            .lacks("javascript:");
        assert_eq!(page.text.matches("<script").count(), page.text.matches("<script src=\"/assets/provesi-").count());
        assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{path}");
    }
}

#[tokio::test]
async fn what_people_type_stays_text() {
    let bench = Bench::new();
    let evil = "\"><script>alert('1')</script>&amp;{{7*7}}";
    let id = bench.client(evil, "o'x&y@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let fields = [("order_number", "A-1"), ("client", &*id), ("status", "returned"), ("return_reason", evil)];
    assert_eq!(browser.fill("/orders/A-1/edit/", &fields).await.status, 302);
    let made = browser.fill("/clients/create/", &[("name", evil), ("email", "b@example.com")]).await;
    assert_eq!(made.status, 302);
    let q = form_urlencoded::byte_serialize(evil.as_bytes()).collect::<String>();
    let client = format!("/clients/{id}/");
    for path in [
        "/clients/",
        "/",
        "/orders/",
        "/orders/A-1/",
        "/orders/A-1/edit/",
        "/orders/returns/",
        &client,
        &format!("{client}edit/"),
        &format!("{client}delete/"),
        &format!("/orders/?q={q}"),
        &format!("/clients/?q={q}"),
        &format!("/orders/create/?order_number={q}&client={q}"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        page.lacks("<script>")
            .lacks("{{7*7}}</script")
            .has("&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;amp;{{7*7}}");
    }
    let form =
        browser.fill("/orders/create/", &[("order_number", evil), ("return_reason", evil), ("client", evil)]).await;
    form.lacks("<script>").has("value=\"&#34;&#62;&#60;script&#62;");
    assert_eq!(browser.get(&format!("/orders/lookup/?q={q}")).await.status, 302);
    browser.get("/orders/").await.lacks("<script>").has(&format!("href=\"/clients/?q={}\"", q.replace('&', "&#38;")));
}

#[tokio::test]
async fn wrong_methods_are_refused_and_the_other_spelling_leads_to_the_right_one() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    let browser = bench.browser();
    let answer = browser.send(Request::delete("/orders/").header("host", "bodega.test"), "").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD,POST"));
    answer.has("Así no se puede");
    for (path, location) in [
        ("/orders?q=1", "/orders/?q=1"),
        ("/clients", "/clients/"),
        ("/clients/create", "/clients/create/"),
        ("/orders/A-1/edit", "/orders/A-1/edit/"),
        ("/orders/returns", "/orders/returns/"),
        ("/clients/health/", "/clients/health"),
        ("/orders/api/v1/orders/A-1/status/", "/orders/api/v1/orders/A-1/status"),
        ("/clients/api/v1/abc", "/clients/api/v1/abc/"),
    ] {
        assert_eq!(browser.get(path).await.led(), (301, location), "{path}");
    }
    assert_eq!(browser.post("/orders/create", &FIELDS).await.status, 404);
    assert_eq!(browser.get("/orders/A-1/status/").await.led(), (302, "/orders/A-1/"));
}
