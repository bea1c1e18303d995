//! A load generator that costs little itself: it shares two cores with what it measures.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Paths of orders with a client, spread over the file.
pub(crate) fn order_paths(file: &Path) -> Vec<String> {
    runtime().block_on(async {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection: SqliteConnection = options.connect().await.expect("the file opens");
        let numbers: Vec<String> = sqlx::query_scalar(
            "SELECT order_number FROM orders WHERE id % 97 = 0 AND client_id IS NOT NULL LIMIT 10000",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the orders can be read");
        connection.close().await.expect("the file closes");
        numbers.iter().map(|number| format!("/api/orders/{number}")).collect()
    })
}

/// Answers per second over `connections` that each ask again as soon as they were answered.
pub(crate) fn requests_per_second(address: SocketAddr, paths: &[String], connections: usize, time: Duration) -> f64 {
    let requests: Arc<Vec<Vec<u8>>> =
        Arc::new(paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()).collect());
    runtime().block_on(async move {
        let (answers, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut tasks = tokio::task::JoinSet::new();
        for first in 0..connections {
            let (requests, answers, stop) = (Arc::clone(&requests), Arc::clone(&answers), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                stream.set_nodelay(true).expect("a socket option");
                let mut buffer = Vec::with_capacity(64 * 1024);
                let mut at = first * 311;
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&requests[at % requests.len()]).await.expect("the server reads");
                    read_answer(&mut stream, &mut buffer).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                    at += 1;
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
        answered as f64 / elapsed
    })
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("the server writes") > 0, "the server hung up");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).expect("headers are text");
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let length = text
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|v| v.trim().to_owned()))
            .expect("the answer says its length");
        let length: usize = length.parse().expect("a number");
        while buffer.len() < head + 4 + length {
            assert!(stream.read_buf(buffer).await.expect("the server writes") > 0, "the server hung up");
        }
        return;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
