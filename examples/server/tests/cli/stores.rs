//! Which stores a command takes, creates and refuses.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::support::{change_file, refused, run, stderr, stdout};

#[test]
fn check_finds_orders_whose_client_does_not_exist_and_detaches_as_many_as_were_confirmed() {
    let dir = TempDir::new().unwrap();
    let stores = ["--clients", "sqlite:a.db", "--orders", "sqlite:b.db"];
    let command = |args: &[&str]| run(dir.path(), &[&stores[..], args].concat());
    assert!(command(&["migrate"]).status.success());
    assert!(command(&["seed", "--clients", "3", "--orders", "50"]).status.success());
    let check = |args: &[&str]| command(&[&["check"], args].concat());
    assert_eq!(check(&[]).status.code(), Some(0));
    // The store of clients is lost, and a new one begun.
    for name in ["a.db", "a.db-wal", "a.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let output = command(&["migrate"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("do not belong together"), "{output:?}");
    assert_eq!(check(&[]).status.code(), Some(1));
    // Nothing was created in what may be the wrong database.
    assert!(stdout(&command(&["pair"])).contains("a.db, new, without an id"));
    assert!(command(&["pair", "--change", "--confirm", "50"]).status.success());
    let output = check(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = stdout(&output).lines().last().unwrap();
    let dangling = summary.split("; ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(summary.ends_with(&format!("; {dangling} of 50 orders are dangling")) && dangling != "0", "{output:?}");
    // Not over an empty store of clients, whatever is confirmed.
    let output = check(&["--repair", "--confirm", &dangling]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("--repair: refused: the client store holds no clients"), "{output:?}");
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    assert!(command(&["import", "--clients", "c.csv"]).status.success());
    let output = check(&["--repair"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains(&format!("--confirm: must be {dangling} where standard input is no terminal")),
        "{output:?}"
    );
    for wrong in ["0", "1000"] {
        let output = check(&["--repair", "--confirm", wrong]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("nothing was changed"), "{output:?}");
    }
    assert!(stdout(&check(&[])).ends_with(&format!("{summary}\n")));
    let output = check(&["--repair", "--confirm", &dangling]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stderr(&output).starts_with("will change SQLite /") && stderr(&output).contains("holds 50 orders"),
        "{output:?}"
    );
    assert!(stdout(&output).contains(&format!("detached {dangling} orders of ")), "{output:?}");
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(check(&["--confirm", "1"]).status.code(), Some(2));
    assert_eq!(run(TempDir::new().unwrap().path(), &["check"]).status.code(), Some(1));
}

#[test]
fn stores_that_do_not_belong_together_are_refused_until_somebody_says_that_they_do() {
    let dir = TempDir::new().unwrap();
    let with = |clients: &str, orders: &str, args: &[&str]| {
        let (clients, orders) = (format!("sqlite:{clients}"), format!("sqlite:{orders}"));
        run(dir.path(), &[&["--log", "off", "--clients", &clients, "--orders", &orders], args].concat())
    };
    assert!(with("a.db", "b.db", &["migrate"]).status.success());
    assert!(with("a.db", "b.db", &["seed", "--clients", "3", "--orders", "20"]).status.success());
    let output = with("a.db", "b.db", &["pair"]);
    let lines: Vec<_> = stdout(&output).lines().collect();
    let id = lines[0].rsplit(' ').next().unwrap();
    assert!(output.status.success() && lines[1].ends_with(&format!("b.db, belongs to clients {id}")), "{output:?}");
    // Another store of clients, which has clients of its own.
    assert!(with("c.db", "d.db", &["migrate"]).status.success());
    let commands: [&[&str]; 5] =
        [&["serve", "--listen", "127.0.0.1:0"], &["check"], &["migrate"], &["migrate", "--dry-run"], &["seed"]];
    for args in commands {
        let told = with("c.db", "b.db", args);
        assert!(
            refused(&told, 1).contains(&format!("the orders belong to the store of clients {id}")),
            "{args:?} {told:?}"
        );
    }
    let output = with("c.db", "b.db", &["pair"]);
    assert!(output.status.code() == Some(1) && stdout(&output).contains("belongs to other clients"), "{output:?}");
    for (args, expected) in [
        (&["pair", "--change"][..], "--confirm: must be 20"),
        (&["pair", "--change", "--confirm", "3"], "20 orders would be changed, not 3"),
    ] {
        let output = with("c.db", "b.db", args);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(expected), "{output:?}");
    }
    assert_eq!(with("c.db", "b.db", &["check"]).status.code(), Some(1));
    assert!(with("c.db", "b.db", &["pair", "--change", "--confirm", "20"]).status.success());
    assert!(stderr(&with("a.db", "b.db", &["check"])).contains("do not belong together"));
    // One file for both, and then another one for the clients.
    assert!(with("e.db", "e.db", &["migrate"]).status.success());
    assert!(with("e.db", "e.db", &["check"]).status.success());
    assert!(stderr(&with("c.db", "e.db", &["check"])).contains("do not belong together"));
}

#[test]
fn orders_of_an_older_version_are_paired_by_migrate_unless_their_clients_are_missing() {
    let dir = TempDir::new().unwrap();
    let with = |clients: &str, args: &[&str]| {
        let clients = format!("sqlite:{clients}");
        run(dir.path(), &[&["--log", "off", "--clients", &clients, "--orders", "sqlite:provesi.db"], args].concat())
    };
    assert!(with("a.db", &["migrate"]).status.success());
    assert!(with("a.db", &["seed", "--clients", "3", "--orders", "20"]).status.success());
    change_file(dir.path(), "DELETE FROM entries WHERE kind = 'partner'");
    let serve = ["serve", "--create", "--listen", "127.0.0.1:0"];
    let told = with("a.db", &serve);
    assert!(refused(&told, 1).contains("run `provesi-server migrate`"), "{told:?}");
    let told = with("empty.db", &["migrate"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(stderr(&told).contains("empty.db holds none of the clients"), "{told:?}");
    assert!(with("a.db", &["migrate"]).status.success());
    assert!(with("a.db", &["check"]).status.success());
}

#[test]
fn no_command_but_migrate_and_serve_creates_a_file() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("c.csv"), "name,email\nAna,ana@example.com\n").unwrap();
    let named = ["--clients", "sqlite:a.db", "--orders", "sqlite:a.db"];
    for stores in [&[][..], &named] {
        for command in [
            &["check"][..],
            &["check", "--repair", "--confirm", "1"],
            &["check", "--undo-sweep", "--confirm", "1"],
            &["audit", "show"],
            &["audit", "verify"],
            &["seed", "--clients", "1", "--orders", "1"],
            &["import", "--clients", "c.csv"],
        ] {
            let output = run(dir.path(), &[stores, command].concat());
            assert!(
                refused(&output, 1).contains("there is no such file; `provesi-server migrate` creates it"),
                "{output:?}"
            );
        }
        assert!(run(dir.path(), &[stores, &["migrate", "--dry-run"]].concat()).status.success());
    }
    // A file that was named is not created by serving alone.
    let output = run(dir.path(), &[&named[..], &["--listen", "127.0.0.1:0"]].concat());
    assert!(refused(&output, 1).starts_with("provesi-server: --clients: SQLite /"), "{output:?}");
    let output = run(dir.path(), &[&named[..], &["import", "--clients", "c.csv", "--dry-run"]].concat());
    assert!(refused(&output, 1).contains("there is no such file"), "{output:?}");
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["c.csv"]);
}

#[test]
fn a_client_that_cannot_be_read_is_not_a_missing_one() {
    let dir = TempDir::new().unwrap();
    assert!(run(dir.path(), &["migrate"]).status.success());
    assert!(run(dir.path(), &["seed", "--clients", "2", "--orders", "9"]).status.success());
    change_file(dir.path(), "UPDATE clients SET email = 'nobody', email_folded = id");
    let output = run(dir.path(), &["check"]);
    assert!(output.status.success() && stdout(&output).ends_with("; 0 of 9 orders are dangling\n"), "{output:?}");
    assert_eq!(stdout(&output).matches(": email must be an e-mail address: there is no @\n").count(), 2, "{output:?}");
    assert!(stdout(&output).contains("read 2 clients and 9 orders: 2 clients and 0 orders break rules"), "{output:?}");
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("books.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let content = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE books (id INTEGER)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        std::fs::read(&file).unwrap()
    });
    let stores = ["--clients", "sqlite:books.db", "--orders", "sqlite:books.db"];
    for command in [
        &["migrate"][..],
        &["migrate", "--dry-run"],
        &["serve", "--create", "--listen", "127.0.0.1:0"],
        &["check"],
        &["seed"],
    ] {
        let output = run(dir.path(), &[&stores, command].concat());
        let told = "holds tables of another program (books) and none of Provesi's";
        assert!(refused(&output, 1).contains(told), "{output:?}");
        // Its journal mode is in the file as well.
        assert!(std::fs::read(&file).unwrap() == content, "{command:?}");
    }
    let output = run(dir.path(), &[&stores[..], &["migrate", "--shared-database"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(run(dir.path(), &[&stores[..], &["check"]].concat()).status.success());
}
