//! A load generator that costs little itself: it shares two cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a connection asks for before it is measured: caches and connections to databases are filled by then.
const WARM_UP: Duration = Duration::from_millis(400);

/// Writes the request with this number, from 0.
type Write = dyn Fn(u64, &mut Vec<u8>) + Send + Sync;

/// Requests of one kind, each made when it is its turn.
#[derive(Clone)]
pub(crate) struct Requests {
    write: Arc<Write>,
    next: Arc<AtomicUsize>,
    /// How the answers to all of them begin.
    status: &'static str,
}

impl Requests {
    /// Requests that are written by `write`.
    pub(crate) fn new(status: &'static str, write: impl Fn(u64, &mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write), next: Arc::default(), status }
    }

    /// Requests for these paths, one after the other.
    pub(crate) fn get(paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::get_all("200", paths)
    }

    /// The same if all of them are answered with another status.
    pub(crate) fn get_all(status: &'static str, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let requests: Vec<String> = paths.into_iter().map(|path| request(path.as_ref())).collect();
        Self::new(status, move |n, buffer| {
            let at = usize::try_from(n).unwrap_or(0) % requests.len();
            buffer.extend_from_slice(requests[at].as_bytes());
        })
    }

    /// Requests with a JSON body, which `write` gives with its method and path.
    pub(crate) fn send(status: &'static str, write: impl Fn(u64) -> (String, String) + Send + Sync + 'static) -> Self {
        Self::new(status, move |n, buffer| {
            let (line, body) = write(n);
            let head = format!(
                "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            buffer.extend_from_slice(head.as_bytes());
            buffer.extend_from_slice(body.as_bytes());
        })
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        (self.write)(self.next.fetch_add(1, Ordering::Relaxed) as u64, buffer);
    }
}

/// What came of a turn.
#[derive(Default)]
pub(crate) struct Turn {
    /// How long each answer took, in microseconds.
    pub(crate) micros: Vec<u32>,
    /// All answers, those before the measured time among them.
    pub(crate) answers: usize,
}

/// Answers over that many connections, which each ask again as soon as they were answered.
pub(crate) fn run(address: SocketAddr, connections: usize, requests: &Requests, time: Duration) -> Turn {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let begin = Instant::now() + WARM_UP;
        let end = begin + time;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(connection(address, requests.clone(), begin, end));
        }
        let mut turn = Turn::default();
        for (answers, micros) in tasks.join_all().await {
            turn.answers += answers;
            turn.micros.extend(micros);
        }
        turn
    })
}

/// All answers of a connection until `end`, and the times of those that came after `begin`.
async fn connection(address: SocketAddr, requests: Requests, begin: Instant, end: Instant) -> (usize, Vec<u32>) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    let (mut buffer, mut micros, mut answers) = (Vec::with_capacity(64 * 1024), Vec::new(), 0);
    loop {
        buffer.clear();
        requests.write(&mut buffer);
        let sent = Instant::now();
        if sent >= end {
            return (answers, micros);
        }
        stream.write_all(&buffer).await.expect("the server reads");
        read_answer(&mut stream, &mut buffer, requests.status).await;
        answers += 1;
        if sent >= begin {
            micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, status: &str) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("the server writes") > 0, "the server hung up");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).expect("headers are text");
        assert!(text.get(9..).is_some_and(|text| text.starts_with(status)), "{}", String::from_utf8_lossy(buffer));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("a number"))
        };
        let length = text.lines().find_map(header);
        // One that does not say its length is chunked, and ends with an empty chunk.
        let is_whole = |buffer: &[u8]| match length {
            Some(length) => buffer.len() >= head + 4 + length,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        while !is_whole(buffer) {
            assert!(stream.read_buf(buffer).await.expect("the server writes") > 0, "the server hung up");
        }
        return;
    }
}
