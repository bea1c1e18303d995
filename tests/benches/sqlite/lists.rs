//! The list of a million orders: first byte, memory, first and last page.

use std::path::Path;
use std::time::Duration;

use crate::ask::{get, json, median, timed, whole};
use crate::files::server;

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
    let list = whole(server.address, "/api/orders/", Duration::MAX);
    assert!(list.ended);
    println!(
        "GET /api/orders/ of 1,000,000, run {round}: first byte {:.1} ms, all {:.0} MB in {:.1} s, resident memory grew by \
         {:.1} MiB at most",
        list.first_byte.as_secs_f64() * 1e3,
        list.bytes as f64 / 1e6,
        list.time.as_secs_f64(),
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
        match json(server.address, &path)["next_cursor"].as_str() {
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
