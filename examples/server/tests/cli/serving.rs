//! Start, connections and the end of a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{HEALTH, Server, command, refused, run};

#[test]
fn serves_without_set_up_and_ends_with_0_on_both_signals() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let answer = server.ask(HEALTH);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""status":"ok""#), "{answer}");
        assert!(server.dir.path().join("provesi.db").is_file());
        server.signal(signal);
        assert_eq!(server.ended(), Some(0));
        // The write-ahead log is in the file again.
        assert!(!server.dir.path().join("provesi.db-wal").exists());
    }
}

#[test]
fn a_request_in_flight_ends_and_no_new_one_is_taken() {
    let mut server = Server::start(&["serve"]);
    let body = r#"{"name":"Ana Núñez","email":"ana@example.com"}"#;
    let (first, rest) = body.split_at(10);
    let mut stream = server.connect();
    // Idle connections are in nobody's way.
    let _idle = server.connect();
    let head = "POST /api/clients/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length:";
    write!(stream, "{head} {}\r\n\r\n{first}", body.len()).unwrap();
    // The handler is there once it has read the start of the body; there is no sign of that to wait for.
    std::thread::sleep(Duration::from_millis(300));
    server.signal("-TERM");
    let started = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(5), "the port stays open");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.child.try_wait().unwrap().is_none());
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(server.ended(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "something else was waited for");
}

#[test]
fn what_does_not_end_is_cut_after_the_drain_timeout_or_by_a_second_signal() {
    for (drain, signals) in [("300ms", 1), ("1h", 2)] {
        let mut server = Server::start(&["--drain-timeout", drain]);
        let mut stream = server.connect();
        stream.write_all(b"POST /api/clients/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..signals {
            server.signal("-TERM");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(server.ended(), Some(0));
    }
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let server = Server::start(&["--idle-timeout", "300ms"]);
    for start in ["", "GET /api/he"] {
        let mut stream = server.connect();
        stream.write_all(start.as_bytes()).unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(started.elapsed() < Duration::from_secs(5), "{start:?}");
    }
}

#[test]
fn a_connection_takes_the_place_of_one_that_is_idle() {
    let server = Server::start(&["--max-connections", "1", "--idle-timeout", "500ms"]);
    let _first = server.connect();
    assert!(server.ask(HEALTH).starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_takes_nothing_of_an_answer_does_not_keep_the_others_out() {
    let server = Server::start(&["--max-connections", "1", "--idle-timeout", "500ms"]);
    let mut slow = server.connect();
    // Far more than the sockets between the two hold.
    let asked = "GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(40);
    slow.write_all(asked.as_bytes()).unwrap();
    assert!(server.ask(HEALTH).starts_with("HTTP/1.1 200 "));
}

#[test]
fn who_closes_their_half_after_the_request_gets_the_answer() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    stream.write_all(HEALTH.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}

#[test]
fn a_taken_port_is_one_line() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(dir.path(), &["--listen", &address, "--log", "off"]);
    let line = refused(&output, 1);
    assert!(line.starts_with("provesi-server: --listen: ") && line.contains(&address), "{line}");
}

#[test]
fn serve_says_that_a_file_is_new_and_where_the_stores_are() {
    for (args, file) in
        [(&["--clients", "sqlite:a.db", "--orders", "sqlite:a.db", "--create"][..], "a.db"), (&[], "provesi.db")]
    {
        let dir = TempDir::new().unwrap();
        let start = || {
            let args = [&["--listen", "127.0.0.1:0"], args].concat();
            let mut child = command(dir.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
            String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
        };
        let place = format!("SQLite {}", dir.path().canonicalize().unwrap().join(file).display());
        let (first, second) = (start(), start());
        assert!(first.contains(&format!("{place}: new, empty")), "{first}");
        assert!(!second.contains("new, empty"), "{second}");
        assert!(second.contains(&format!("clients=\"{place}\" orders=\"{place}\"")), "{second}");
    }
}
