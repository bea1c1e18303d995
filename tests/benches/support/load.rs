//! A load generator that costs little itself: it shares two cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const CONNECTIONS: usize = 32;
/// A shared machine is faster in one second than in the next, so the two sides take turns.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_secs(2);

/// Writes the next request.
pub(crate) trait Requests: Fn(&mut Vec<u8>) + Send + Sync + 'static {}

impl<F: Fn(&mut Vec<u8>) + Send + Sync + 'static> Requests for F {}

/// Requests for these paths, one after the other.
pub(crate) fn gets(paths: &[String]) -> impl Requests + use<> {
    let requests: Vec<String> =
        paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).collect();
    let next = AtomicUsize::new(0);
    move |buffer| {
        let next = next.fetch_add(1, Ordering::Relaxed) % requests.len();
        buffer.extend_from_slice(requests[next].as_bytes());
    }
}

/// The mean of what `turn` gives for each of two sides, which take turns of two seconds.
pub(crate) fn in_turns(sides: [SocketAddr; 2], mut turn: impl FnMut(usize, SocketAddr, Duration) -> f64) -> [f64; 2] {
    let mut means = [0.0, 0.0];
    for _ in 0..TURNS {
        for (side, address) in sides.into_iter().enumerate() {
            means[side] += turn(side, address, TURN) / f64::from(TURNS);
        }
    }
    means
}

/// What came of a turn.
pub(crate) struct Run {
    pub(crate) per_second: f64,
    /// All answers, those before the measured time among them.
    #[allow(dead_code, reason = "one of the benchmarks looks at them")]
    pub(crate) answers: u32,
}

/// Answers over [`CONNECTIONS`] that each ask again as soon as they were answered.
pub(crate) fn run(address: SocketAddr, requests: &Arc<impl Requests>, time: Duration) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let (answers, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (requests, answers, stop) = (Arc::clone(requests), Arc::clone(&answers), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                stream.set_nodelay(true).expect("a socket option");
                let mut buffer = Vec::with_capacity(64 * 1024);
                while !stop.load(Ordering::Relaxed) {
                    buffer.clear();
                    requests(&mut buffer);
                    stream.write_all(&buffer).await.expect("the server reads");
                    read_answer(&mut stream, &mut buffer).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // What the first second costs in caches and connections is not what is asked for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (start, before) = (Instant::now(), answers.load(Ordering::Relaxed));
        tokio::time::sleep(time).await;
        let answered = answers.load(Ordering::Relaxed) - before;
        let elapsed = start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        tasks.join_all().await;
        Run { per_second: f64::from(answered) / elapsed, answers: answers.load(Ordering::Relaxed) }
    })
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("the server writes") > 0, "the server hung up");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).expect("headers are text");
        assert!(text.starts_with("HTTP/1.1 20"), "{text}");
        let length = text
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|v| v.trim().to_owned()));
        let length: Option<usize> = length.map(|length| length.parse().expect("a number"));
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
