//! Commands that end.

use std::process::Output;

use provesi_crypto::Keys;
use tempfile::TempDir;

use crate::support::{change_file, refused, run, stderr, stdout};

#[test]
fn migrate_says_what_it_did_and_does_it_once() {
    let dir = TempDir::new().unwrap();
    let migrate = ["migrate", "--clients", "sqlite:clients.db", "--orders", "sqlite:orders.db"];
    let output = run(dir.path(), &migrate);
    let told = stdout(&output);
    let applied = |file: &str| told.lines().filter(|line| line.contains(&format!("/{file}: applied: "))).count();
    let [clients, orders] = ["clients.db", "orders.db"].map(applied);
    assert!(output.status.success() && clients > 1 && clients == orders, "{output:?}");
    assert_eq!(told.lines().count(), clients + orders, "{told}");
    let output = run(dir.path(), &migrate);
    let lines: Vec<_> = stdout(&output).lines().collect();
    let place = |file: &str| format!("SQLite {}: up to date", dir.path().canonicalize().unwrap().join(file).display());
    assert_eq!(lines, [place("clients.db"), place("orders.db")]);
    let told: Vec<_> = stderr(&output).lines().filter(|line| line.starts_with("will change SQLite /")).collect();
    assert!(told.len() == 2 && told[0].ends_with("/clients.db, which holds 0 clients"), "{output:?}");
}

#[test]
fn import_ends_with_1_where_a_row_failed_and_a_dry_run_makes_no_file() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\nLuz,\n").unwrap();
    let output = run(dir.path(), &["import", "--clients", "c.csv", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "clients: 1 new, 0 already there, 1 failed\ndry run: nothing was written\n");
    assert_eq!(stderr(&output), "c.csv:3: column email: must be an e-mail address: there is no @\n");
    let output = run(dir.path(), &["import", "--clients", "c.csv"]);
    assert!(
        refused(&output, 1)
            .ends_with("/provesi.db: there is no such file; `provesi-server migrate` creates it, or `serve --create`")
    );
    assert!(!dir.path().join("provesi.db").exists());
    assert!(run(dir.path(), &["migrate"]).status.success());
    let output = run(dir.path(), &["import", "--clients", "c.csv"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), "clients: 1 new, 0 already there, 1 failed\n"));
    assert!(stderr(&output).starts_with("will change SQLite /"), "{output:?}");
    let output = run(dir.path(), &["import", "--clients", "nothing.csv"]);
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("provesi-server: nothing.csv: cannot be read: ")
    );
}

#[test]
fn keygen_prints_a_new_pair_of_keys_as_an_env_file_has_them() {
    let dir = TempDir::new().unwrap();
    let pair = || {
        let output = run(dir.path(), &["keygen"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let lines: Vec<_> = stdout(&output).lines().map(str::to_owned).collect();
        let [aes, hmac] = &lines[..] else { panic!("{} lines", lines.len()) };
        let aes = aes.strip_prefix("MICROSERVICE_AES_KEY=").unwrap().to_owned();
        let hmac = hmac.strip_prefix("MICROSERVICE_HMAC_KEY=").unwrap().to_owned();
        Keys::from_base64(&aes, &hmac).unwrap();
        [aes, hmac]
    };
    let (one, other) = (pair(), pair());
    assert!(one.iter().all(|key| !other.contains(key)));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn openapi_prints_the_document_and_help_the_settings() {
    let dir = TempDir::new().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&run(dir.path(), &["openapi"]).stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let output = run(dir.path(), &["--help"]);
    for word in ["PROVESI_LISTEN", "127.0.0.1:8000", "import", "Examples:"] {
        assert!(stdout(&output).contains(word), "{word}");
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn seed_takes_empty_stores_and_its_own_and_others_on_demand_alone() {
    let dir = TempDir::new().unwrap();
    let seed = |args: &[&str]| run(dir.path(), &[&["seed", "--clients", "5", "--orders", "20"], args].concat());
    let refused = |output: &Output, what: &str| {
        let told =
            format!("provesi-server: --yes: must be given, because the stores hold {what} that `seed` did not make");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(output).starts_with(&told) && stdout(output).is_empty(), "{output:?}");
    };
    assert!(run(dir.path(), &["migrate"]).status.success());
    let output = seed(&[]);
    assert!(output.status.success() && stderr(&output).contains("holds 0 clients and 0 orders"), "{output:?}");
    let output = seed(&["--seed", "2"]);
    assert!(output.status.success() && stderr(&output).contains("holds 5 clients and 20 orders"), "{output:?}");
    std::fs::write(dir.path().join("o.csv"), "order_number,client_email\nA-1,\n").unwrap();
    assert!(run(dir.path(), &["import", "--orders", "o.csv"]).status.success());
    refused(&seed(&["--seed", "3"]), "orders");
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    assert!(run(dir.path(), &["import", "--clients", "c.csv"]).status.success());
    refused(&seed(&["--seed", "3"]), "clients");
    let output = seed(&["--seed", "3", "--yes"]);
    assert!(output.status.success() && stdout(&output).contains("clients: 5 new"), "{output:?}");
}

#[test]
fn seed_refuses_orders_that_another_program_wrote_without_events() {
    let dir = TempDir::new().unwrap();
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &["seed", "--clients", "1", "--orders", "2"]).status.success());
    change_file(
        dir.path(),
        "INSERT INTO orders (order_number, number_folded, status, created_at, updated_at) \
         VALUES ('A-1', 'a-1', 'received', 0, 0)",
    );
    let output = run(dir.path(), &["seed", "--clients", "1", "--orders", "2"]);
    assert!(refused(&output, 1).contains("the stores hold orders that `seed` did not make"), "{output:?}");
}
