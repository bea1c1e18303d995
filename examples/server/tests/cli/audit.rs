//! The audit of a server and of commands.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::{Server, command, refused, run, stdout};

fn audit(dir: &Path, args: &[&str]) -> Output {
    run(dir, &[&["audit"], args].concat())
}

#[test]
fn who_looked_at_whom_is_in_the_store_after_a_stop_and_a_change_of_it_is_found() {
    for (mode, place) in [("store", "provesi.db"), ("strict", "audit.db")] {
        let own = format!("sqlite:{place}");
        let mut server = Server::start(&["--create", "--audit", mode, "--audit-store", &own]);
        let ask = |path| {
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r-7\r\nConnection: close\r\n\r\n");
            let answer = server.ask(&head);
            let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
            id.unwrap_or_else(|| panic!("{answer}")).to_owned()
        };
        // The record has our id of the request, whatever the caller calls it.
        let id = ask("/api/orders/NOPE");
        ask("/api/clients/");
        server.signal("-TERM");
        assert_eq!(server.ended(), Some(0));
        let (dir, own) = (server.dir.path(), ["--audit-store", &*own]);

        let output = audit(dir, &[&["verify"][..], &own].concat());
        assert!(output.status.success(), "{output:?}");
        let told = stdout(&output).to_owned();
        assert!(told.starts_with("2 records, none changed or removed; the head is 2:"), "{told}");
        let head = told.trim_end().rsplit(' ').next().unwrap();

        let output = audit(dir, &[&["show", "--subject", "order:nope", "--since", "2026-01-01"][..], &own].concat());
        assert!(output.status.success(), "{output:?}");
        let fields: Vec<_> = stdout(&output).trim_end().split('\t').collect();
        assert_eq!(fields[1..6], ["anonymous", "127.0.0.1", &id, "order_read", "refused"], "{output:?}");
        assert_eq!(fields[7], "order:nope");
        // Who looked is on record as well.
        let output = audit(dir, &[&["show"][..], &own].concat());
        assert!(stdout(&output).lines().count() == 3 && stdout(&output).contains("\tsystem:audit\t"), "{output:?}");

        let whole = audit(dir, &[&["verify", "--expect", head][..], &own].concat());
        assert!(whole.status.success() && stdout(&whole).starts_with("4 records"), "{whole:?}");
        let rest = audit(dir, &[&["verify", "--from", head][..], &own].concat());
        assert!(stdout(&rest).starts_with("2 records"), "{rest:?}");
        let other = format!("1:{}", "0".repeat(64));
        let anew = audit(dir, &[&["verify", "--expect", &other][..], &own].concat());
        assert_eq!(anew.status.code(), Some(1));
        assert!(stdout(&anew).starts_with("broken at record 1: "), "{anew:?}");
        let mut keyed = command(dir, &[&["audit", "verify"][..], &own].concat());
        let keyed = keyed.env("PROVESI_AUDIT_KEY", "0123456789abcdef0123456789abcdef").output().unwrap();
        assert!(keyed.status.code() == Some(1) && stdout(&keyed).contains("another key"), "{keyed:?}");
    }
}

#[test]
fn commands_are_on_record_where_the_store_is_and_nowhere_else() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\nLuz,luz@example.com\n").unwrap();
    std::fs::write(dir.path().join("o.csv"), "order_number,client_email\nA-1,ana@example.com\nA-2,\n").unwrap();
    let import = ["import", "--clients", "c.csv", "--orders", "o.csv"];
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &[&["--audit", "strict"], &import[..]].concat()).status.success());
    let records = |args: &[&str]| {
        let output = audit(dir.path(), &[&["show"], args].concat());
        assert!(output.status.success(), "{output:?}");
        let lines: Vec<Vec<String>> =
            stdout(&output).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
        lines.into_iter().filter(|fields| fields[1] != "system:audit").collect::<Vec<_>>()
    };
    let told: Vec<String> = records(&[])
        .iter()
        .rev()
        .map(|fields| format!("{} {} {} {}", fields[1], fields[4], fields[6], fields[7].split(' ').count()))
        .collect();
    assert_eq!(
        told,
        [
            "system:import client_create name email phone address 2",
            "system:import client_list  1",
            "system:import order_create order_number client_id status return_reason 3",
        ]
    );
    // What is there already is looked at, and that is on record.
    assert!(run(dir.path(), &[&["--audit", "store"], &import[..]].concat()).status.success());
    assert_eq!(records(&["--subject", "order:a-2"]).len(), 2);
    let before = records(&[]).len();
    assert!(run(dir.path(), &import).status.success());
    assert_eq!(records(&[]).len(), before);
    let seeded = run(dir.path(), &["--audit", "store", "seed", "--yes", "--clients", "2", "--orders", "3"]);
    assert!(seeded.status.success(), "{seeded:?}");
    let seeds: Vec<_> = records(&[]).into_iter().filter(|fields| fields[1] == "system:seed").collect();
    assert_eq!(seeds.iter().map(|fields| &*fields[4]).collect::<Vec<_>>(), ["order_create", "client_create"]);
}

#[test]
fn a_question_to_the_audit_that_cannot_be_is_one_line() {
    let dir = TempDir::new().unwrap();
    for (args, told) in [
        (&["show", "--subject", "ana"][..], "--subject: must be client:ID, order:NUMBER or order-id:ID"),
        (&["show", "--until", "soon"], "--until: must be an instant"),
        (&["verify", "--expect", "7"], "--expect: must be N:HASH"),
        (&["verify", "--from", "x:y"], "--from: must be N:HASH"),
    ] {
        let output = audit(dir.path(), args);
        assert!(refused(&output, 2).starts_with(&format!("provesi-server: {told}")), "{output:?}");
    }
    let output = audit(dir.path(), &["verify"]);
    assert!(refused(&output, 1).contains("there is no such file"), "{output:?}");
}
