//! What is said where there is no server, and how stores are left out.

use provesi_testkit::servers::Kind;

use crate::probe::Probe;

#[test]
fn without_a_server_the_failure_says_what_to_do() {
    let (passed, out, said) = Probe::of(Kind::Postgres).way("url").end();
    assert!(!passed);
    let text = out + &said;
    assert!(text.contains("url: PROVESI_TEST_POSTGRES_URL is not set"), "{text}");
    assert!(text.contains("PROVESI_TEST_POSTGRES_URL=postgres://"), "{text}");
    assert!(text.contains("PROVESI_TEST_STORES=memory,sqlite"), "{text}");
}

#[test]
fn a_url_where_nobody_answers_is_not_replaced_by_another_server() {
    let urls = [(Kind::Postgres, "postgres://u:secret@127.0.0.1:1/x"), (Kind::MongoDb, "mongodb://127.0.0.1:1")];
    // At once: each is tried for a while.
    let ended = urls.map(|(kind, url)| std::thread::spawn(move || Probe::of(kind).url(url).end()));
    for probe in ended {
        let (passed, out, said) = probe.join().unwrap();
        let text = out + &said;
        assert!(!passed && text.contains("_URL (127.0.0.1:1)"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn an_unknown_way_is_refused() {
    let (passed, out, said) = Probe::of(Kind::MongoDb).way("cloud").end();
    assert!(!passed && (out + &said).contains("PROVESI_TEST_MONGODB_WAY=cloud"));
}

#[test]
fn a_store_is_left_out_by_name_with_a_line_that_says_so() {
    let (passed, out, said) = Probe::of(Kind::Postgres).env("PROVESI_TEST_STORES", "memory,sqlite").end();
    assert!(passed && !out.contains("probe prov"), "{out}{said}");
    assert!(said.contains("postgres is left out, as PROVESI_TEST_STORES=memory,sqlite asks for"), "{said}");
}

#[test]
fn a_typing_error_in_the_stores_is_refused() {
    let (passed, out, said) = Probe::of(Kind::Postgres).env("PROVESI_TEST_STORES", "memory,postgre").end();
    assert!(!passed && (out + &said).contains("not `postgre`"));
}
