use std::format;
use std::sync::Arc;
use std::thread;
use std::vec::Vec;

use super::*;
use crate::nonce::Nonce;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

fn message(source: &str, number: u8) -> MessageId {
    let nonce = Nonce::read(&format!("{}AAAAAAAAAAAAAAAAAAAAA==", char::from(b'A' + number)));
    MessageId { source: source.parse().unwrap(), nonce: nonce.unwrap() }
}

#[test]
fn a_message_is_entered_once_until_its_end_is_over() {
    let guard = MemoryReplayGuard::new(10);
    assert_eq!(guard.enter(&message("orders", 0), at(300), at(0)), Ok(()));
    for now in [0, 1, 299, 300] {
        assert_eq!(guard.enter(&message("orders", 0), at(300), at(now)), Err(ReplayRefusal::Seen), "{now}");
    }
}

#[test]
fn the_same_nonce_of_another_source_is_another_message() {
    let guard = MemoryReplayGuard::new(10);
    assert_eq!(guard.enter(&message("orders", 0), at(300), at(0)), Ok(()));
    assert_eq!(guard.enter(&message("clients", 0), at(300), at(0)), Ok(()));
    assert_eq!(guard.enter(&message("orders", 1), at(300), at(0)), Ok(()));
}

#[test]
fn a_full_guard_refuses_and_forgets_nothing_until_there_is_something_to_forget() {
    let guard = MemoryReplayGuard::new(2);
    guard.enter(&message("a", 0), at(300), at(0)).unwrap();
    guard.enter(&message("a", 1), at(310), at(0)).unwrap();
    assert_eq!(guard.enter(&message("a", 2), at(320), at(0)), Err(ReplayRefusal::Full));
    // What was seen is still told from what there is no room for.
    assert_eq!(guard.enter(&message("a", 0), at(300), at(300)), Err(ReplayRefusal::Seen));
    assert_eq!(guard.enter(&message("a", 2), at(320), at(300)), Err(ReplayRefusal::Full));
    assert_eq!(guard.enter(&message("a", 2), at(320), at(301)), Ok(()));
    assert_eq!(guard.enter(&message("a", 1), at(310), at(301)), Err(ReplayRefusal::Seen));
}

#[test]
fn a_guard_without_room_accepts_nothing() {
    assert_eq!(MemoryReplayGuard::new(0).enter(&message("a", 0), at(300), at(0)), Err(ReplayRefusal::Full));
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_forgotten_message_new() {
    let guard = MemoryReplayGuard::new(10);
    guard.enter(&message("a", 0), at(300), at(0)).unwrap();
    guard.enter(&message("a", 1), at(900), at(700)).unwrap();
    assert_eq!(guard.enter(&message("a", 0), at(300), at(200)), Err(ReplayRefusal::Seen));
}

#[test]
fn of_many_threads_one_enters() {
    let guard = Arc::new(MemoryReplayGuard::new(100));
    let entered = |number| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let guard = Arc::clone(&guard);
                thread::spawn(move || guard.enter(&message("a", number), at(300), at(0)).is_ok())
            })
            .collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
    };
    for number in 0..20 {
        assert_eq!(entered(number), 1);
    }
}
