//! Single requests, timed.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The body of an answer that is not chunked.
pub(crate) fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    request(address, path).read_to_end(&mut answer).expect("an answer");
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer[..head]));
    answer.split_off(head + 4)
}

/// The same as JSON.
pub(crate) fn json(address: SocketAddr, path: &str) -> Value {
    serde_json::from_slice(&get(address, path)).expect("JSON")
}

/// How long [`get`] takes.
pub(crate) fn timed(address: SocketAddr, path: &str) -> Duration {
    let start = Instant::now();
    get(address, path);
    start.elapsed()
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What was read of an answer of any length.
pub(crate) struct Whole {
    /// Until the first byte of it was there.
    pub(crate) first_byte: Duration,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// Whether it came to its end within the time that it was given.
    pub(crate) ended: bool,
}

/// Reads an answer of any length, for no longer than `at_most`, and keeps nothing of it.
pub(crate) fn whole(address: SocketAddr, path: &str, at_most: Duration) -> Whole {
    let start = Instant::now();
    let mut stream = request(address, path);
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("an answer");
    let first_byte = start.elapsed();
    let (mut bytes, mut ended) = (1_u64, false);
    let mut buffer = vec![0; 256 * 1024];
    while !ended && start.elapsed() < at_most {
        let read = stream.read(&mut buffer).expect("the answer goes on");
        bytes += read as u64;
        ended = read == 0;
    }
    Whole { first_byte, bytes, time: start.elapsed(), ended }
}

fn request(address: SocketAddr, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    BufReader::new(stream)
}
