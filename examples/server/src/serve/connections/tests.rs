//! Connections over loopback, of several addresses: all of 127.0.0.0/8 is there.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::*;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a peer that asks for something waits at most, on a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

/// A server in this process, until it is dropped.
struct TestServer {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestServer {
    async fn start(max: usize, idle_timeout: Duration) -> Self {
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/livez", get(async || "alive"))
            .route(
                "/slow",
                get(async || {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    "slow"
                }),
            )
            .route("/large", get(async || vec![b'x'; 64 << 20]))
            .route("/body", post(async |body: Bytes| body.len().to_string()));
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
        let task = tokio::spawn(async move {
            let connections = Connections::new(Limits { max, idle_timeout, is_proxy: |_| false });
            let (_sender, router) = watch::channel(router);
            connections.accept(&listener, &router).await;
        });
        Self { address, task }
    }

    async fn connect(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.connect(self.address).await
    }

    /// The answer to a request on a connection of its own.
    async fn get(&self, from: Ipv4Addr, path: &str) -> String {
        let mut stream = self.connect(from).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    }

    /// As [`get`](Self::get), for an address whose other connections may evict this one before its request arrives.
    async fn get_in_rush(&self, from: Ipv4Addr, path: &str) -> String {
        loop {
            let answer = self.get(from, path).await;
            if !answer.is_empty() {
                return answer;
            }
        }
    }
}

/// What is sent until the other side closes, whichever way it does.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn is_prompt(answer: impl Future<Output = String>, expected: &str) {
    let answer = tokio::time::timeout(PROMPT, answer).await.expect("an answer in time");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(expected), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sockets_of_one_address_that_come_back_for_ever_keep_nobody_out() {
    const SOCKETS: usize = 128;
    let server = Arc::new(TestServer::start(SOCKETS, Duration::from_secs(30)).await);
    let stop = Arc::new(AtomicBool::new(false));
    let attackers: Vec<_> = (0..SOCKETS)
        .map(|_| {
            let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // Until it is evicted; then the next one.
                    if let Ok(mut stream) = server.connect(ATTACKER).await {
                        let _ = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut [0])).await;
                    }
                }
            })
        })
        .collect();
    let mut open = server.connect(OTHER).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        is_prompt(server.get(OTHER, "/livez"), "alive").await;
        is_prompt(server.get(OTHER, "/"), "here").await;
        is_prompt(server.get_in_rush(ATTACKER, "/livez"), "alive").await;
    }
    // Not even an idle connection of somebody else had to give way.
    open.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    is_prompt(read_to_end(&mut open), "here").await;
    stop.store(true, Ordering::Relaxed);
    for attacker in attackers {
        attacker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_cuts_no_request_in_flight_and_still_answers_health_checks() {
    let server = TestServer::start(2, Duration::from_secs(30)).await;
    let request = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut busy = Vec::new();
    for from in [ATTACKER, OTHER] {
        let mut stream = server.connect(from).await.unwrap();
        stream.write_all(request).await.unwrap();
        busy.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = server.get(Ipv4Addr::new(127, 0, 0, 3), "/").await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("connection: close"), "{refused}");
    is_prompt(server.get(ATTACKER, "/livez"), "alive").await;
    for mut stream in busy {
        is_prompt(read_to_end(&mut stream), "slow").await;
    }
    is_prompt(server.get(OTHER, "/"), "here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_idle_connection_gives_way_when_all_places_are_taken() {
    let server = TestServer::start(2, Duration::from_secs(30)).await;
    let mut oldest = server.connect(ATTACKER).await.unwrap();
    let mut second = server.connect(OTHER).await.unwrap();
    is_prompt(server.get(Ipv4Addr::new(127, 0, 0, 3), "/"), "here").await;
    assert_eq!(tokio::time::timeout(PROMPT, read_to_end(&mut oldest)).await.expect("it is closed"), "");
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    is_prompt(read_to_end(&mut second), "here").await;
}

/// Sends a byte every 100 ms until the other side closes; how long that took.
async fn trickle(stream: TcpStream, bytes: &[u8]) -> (Duration, String) {
    let start = Instant::now();
    let (mut reader, mut writer) = stream.into_split();
    let writing = async {
        for byte in bytes.iter().cycle() {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = writing => {}
        _ = reader.read_to_end(&mut answer) => {}
    }
    (start.elapsed(), String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_a_body_and_a_reader_that_trickle_are_cut() {
    // The grace period of sending is this time-out where that is shorter, and each byte comes well within it.
    let idle_timeout = Duration::from_secs(1);
    let server = TestServer::start(8, idle_timeout).await;
    let head = async {
        let mut stream = server.connect(ATTACKER).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        trickle(stream, b"x").await
    };
    let body = async {
        let mut stream = server.connect(ATTACKER).await.unwrap();
        stream.write_all(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
        trickle(stream, b"x").await
    };
    let reader = async {
        let mut stream = server.connect(OTHER).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (start, mut read) = (Instant::now(), 0);
        // 10 bytes a second, until what the sockets hold is all that is left: then it comes in large pieces.
        loop {
            let mut piece = if start.elapsed() < 3 * idle_timeout { vec![0; 1] } else { vec![0; 1 << 20] };
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break read,
                Ok(bytes) => read += bytes,
            }
            if piece.len() == 1 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let limit = Duration::from_secs(20);
    let all = async { tokio::join!(head, body, reader) };
    let ((head, _), (body, _), read) = tokio::time::timeout(limit, all).await.expect("all are cut");
    for took in [head, body] {
        assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(8), "{took:?}");
    }
    assert!(read < 64 << 20, "all of the answer was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_at_most_32_kib() {
    let server = TestServer::start(4, Duration::from_secs(30)).await;
    for (bytes, status) in [(31 << 10, "200"), (33 << 10, "431")] {
        let mut stream = server.connect(ATTACKER).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(bytes));
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_takes_no_idle_connections_for_long() {
    let server = TestServer::start(1, Duration::from_secs(30)).await;
    let mut busy = server.connect(ATTACKER).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut idle = Vec::new();
    for _ in 0..2 * HEALTH_RESERVE {
        idle.push(server.connect(ATTACKER).await.unwrap());
    }
    is_prompt(server.get(OTHER, "/livez"), "alive").await;
    is_prompt(read_to_end(&mut busy), "slow").await;
}
