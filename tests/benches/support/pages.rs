//! The pages of a server with a million orders: how long each takes, and what it weighs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::ask::{get, median, timed};
use crate::process::Running;

/// How often each page is asked for.
const TIMES: usize = 21;

/// Measures every kind of list that clerks see, its first page and the one after it.
pub(crate) fn measure(server: &Running, client: &str) {
    let start = Instant::now();
    get(server.address, "/");
    println!("the home page, the first request of all: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    // Figures are counted beside the first views.
    std::thread::sleep(std::time::Duration::from_secs(10));
    let client = format!("/orders/?client={client}");
    let pages = [
        "/",
        "/orders/",
        "/orders/?status=delivered",
        "/orders/?status=returned",
        "/orders/?q=0471100",
        "/orders/?q=47",
        &client,
        "/orders/returns/",
        "/orders/returns/?from=2026-01-01&to=2026-06-30",
        "/orders/returns/?q=talla",
        "/orders/returns/?q=nunca",
        "/clients/",
        "/clients/?q=quinones",
    ];
    for round in 1..=2 {
        for page in pages {
            tell(server.address, page, round);
            if let Some(next) = next(server.address, page) {
                tell(server.address, &next, round);
            }
        }
    }
}

fn tell(address: SocketAddr, path: &str, round: u32) {
    let first = timed(address, path);
    // What takes long is not asked for often.
    let times = if first.as_millis() > 200 { 3 } else { TIMES };
    let time = median((0..times).map(|_| timed(address, path)).collect());
    let shown: String = path.chars().take(60).collect();
    println!("{shown}, run {round}: {:.1} ms, {} bytes gzipped", time.as_secs_f64() * 1e3, gzipped(address, path));
}

/// The page after this one, as its link names it.
fn next(address: SocketAddr, path: &str) -> Option<String> {
    let page = String::from_utf8(get(address, path)).expect("UTF-8");
    let link = page.split("rel=\"next\"").nth(1)?.split("href=\"").nth(1)?.split('"').next()?;
    Some(link.replace("&#38;", "&"))
}

/// The whole answer, its head included, to who takes gzip.
fn gzipped(address: SocketAddr, path: &str) -> usize {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer.len()
}
