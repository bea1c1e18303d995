//! The list of a million orders: first byte, memory, first and last page.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::server;

pub(crate) fn measure(file: &Path) {
    for round in 1..=2 {
        whole_list(file, round);
    }
    for round in 1..=2 {
        pages(file, round);
    }
}

fn whole_list(file: &Path, round: u32) {
    let server = server(file);
    // The integrity check after the start is to be over: what it takes is not the list's.
    std::thread::sleep(Duration::from_secs(4));
    get(server.address, "/api/orders/?limit=1000");
    let before = server.resident_mib();
    let start = Instant::now();
    let mut stream = request(server.address, "/api/orders/");
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("an answer");
    let first_byte = start.elapsed();
    let mut bytes = 1_u64;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match stream.read(&mut buffer).expect("the whole answer") {
            0 => break,
            read => bytes += read as u64,
        }
    }
    println!(
        "GET /api/orders/ of 1,000,000, run {round}: first byte {:.1} ms, all {:.0} MB in {:.1} s, resident memory grew by \
         {:.1} MiB at most",
        first_byte.as_secs_f64() * 1e3,
        bytes as f64 / 1e6,
        start.elapsed().as_secs_f64(),
        server.peak_mib() - before,
    );
}

/// The first page against the last, in turns: the cursor of the last page is found by walking the list from its other end, since
/// the pages of 100 in between would be ten thousand.
fn pages(file: &Path, round: u32) {
    let server = server(file);
    let mut cursor = None;
    loop {
        let path = match &cursor {
            None => "/api/orders/?limit=1000".to_owned(),
            Some(cursor) => format!("/api/orders/?limit=1000&cursor={cursor}"),
        };
        let page: Value = serde_json::from_slice(&get(server.address, &path)).expect("JSON");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    let last = format!("/api/orders/?limit=100&cursor={}", cursor.expect("more than one page"));
    let (mut first_times, mut last_times) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        first_times.push(timed(server.address, "/api/orders/?limit=100"));
        last_times.push(timed(server.address, &last));
    }
    let (first, last) = (median(first_times), median(last_times));
    println!(
        "GET /api/orders/?limit=100, run {round}: first page {:.2} ms, last page {:.2} ms ({:+.0} %)",
        first.as_secs_f64() * 1e3,
        last.as_secs_f64() * 1e3,
        100.0 * (last.as_secs_f64() / first.as_secs_f64() - 1.0),
    );
}

fn timed(address: SocketAddr, path: &str) -> Duration {
    let start = Instant::now();
    get(address, path);
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The body of an answer that is not chunked.
fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    request(address, path).read_to_end(&mut answer).expect("an answer");
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..head]));
    answer.split_off(head + 4)
}

fn request(address: SocketAddr, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").expect("it reads");
    BufReader::new(stream)
}
