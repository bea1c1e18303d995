//! What the queue says of a chain that somebody changed under it, and of its head.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provesi_core::{AuditChain, AuditHead, AuditRecord, AuditSink, AuditStore, Outcome, StoredAudit};
use provesi_runtime::{AuditAck, AuditQueue, QueueOptions};
use provesi_testkit::{Call, Fault, FaultyStore, MemoryStore, audit};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

fn record(number: u64) -> AuditRecord {
    audit::record(i64::try_from(number).unwrap(), vec![audit::client(number)])
}

/// What this thread logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    fn start() -> (Self, DefaultGuard) {
        let logged = Self::default();
        let writer = logged.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (logged, guard)
    }

    /// The lines since this was last asked that hold `text`.
    fn take(&self, text: &str) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = String::from_utf8(bytes).unwrap();
        lines.lines().filter(|line| line.contains(text)).map(ToOwned::to_owned).collect()
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ALARM: &str = "the audit was tampered with";

fn spawn(store: impl AuditStore, chain: &AuditChain) -> AuditQueue {
    let mut options = QueueOptions::default();
    options.ack = AuditAck::Committed;
    options.chain = chain.clone();
    AuditQueue::spawn(Arc::new(store), options)
}

async fn give(queue: &AuditQueue, numbers: std::ops::Range<u64>) {
    for number in numbers {
        queue.record(record(number)).await.unwrap();
    }
    // The record is looked for after the caller was answered.
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_lost_its_tail_raises_one_alarm_and_takes_further_records() {
    let changes: [fn(&mut Vec<StoredAudit>); 3] =
        [|records| records.truncate(5), |records| records[9].record.outcome = Outcome::Failed, Vec::clear];
    for change in changes {
        let (logged, _guard) = Logged::start();
        let store = MemoryStore::new();
        let queue = spawn(store.clone(), &AuditChain::plain());
        give(&queue, 0..10).await;
        assert_eq!(logged.take(ALARM), [""; 0]);
        store.tamper_with_audit(change);
        give(&queue, 10..11).await;
        let alarms = logged.take(ALARM);
        assert!(
            matches!(&*alarms, [alarm] if alarm.contains("ERROR provesi::audit") && alarm.contains("expected=\"10:"))
        );
        assert_eq!(store.audit_records().last(), Some(&record(10)));
        give(&queue, 11..20).await;
        assert_eq!(logged.take(ALARM), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_that_others_filled_up_again_is_found() {
    let (logged, _guard) = Logged::start();
    let store = MemoryStore::new();
    let queue = spawn(store.clone(), &AuditChain::plain());
    give(&queue, 0..10).await;
    store.tamper_with_audit(|records| records.truncate(8));
    store.append(&AuditChain::plain(), &[record(20), record(21), record(22)]).await.unwrap();
    give(&queue, 10..11).await;
    assert_eq!(logged.take(ALARM).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn processes_that_append_to_one_store_raise_no_alarm() {
    let (logged, _guard) = Logged::start();
    let store = MemoryStore::new();
    // Also where each links by a key of its own.
    let keyed = AuditChain::keyed(b"0123456789abcdef0123456789abcdef");
    let queues = [spawn(store.clone(), &AuditChain::plain()), spawn(store.clone(), &keyed)];
    for round in 0..20 {
        for queue in &queues {
            give(queue, round..round + 3).await;
        }
    }
    assert_eq!(store.audit_records().len(), 120);
    assert_eq!(logged.take(ALARM), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_found_after_the_store_could_not_be_asked_for_a_while() {
    let (logged, _guard) = Logged::start();
    let store = MemoryStore::new();
    let (faulty, faults) = FaultyStore::new(store.clone());
    let queue = spawn(faulty, &AuditChain::plain());
    give(&queue, 0..10).await;
    store.tamper_with_audit(|records| records.truncate(8));
    faults.arm(Call::Records, Fault::FailBefore, 3);
    give(&queue, 10..13).await;
    assert_eq!(logged.take(ALARM), [""; 0]);
    give(&queue, 13..14).await;
    let alarms = logged.take(ALARM);
    assert!(matches!(&*alarms, [alarm] if alarm.contains("expected=\"10:")), "{alarms:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_found_within_the_hour_where_nothing_is_appended() {
    let (logged, _guard) = Logged::start();
    let store = MemoryStore::new();
    let queue = spawn(store.clone(), &AuditChain::plain());
    give(&queue, 0..10).await;
    store.tamper_with_audit(|records| records.truncate(8));
    sleep(Duration::from_secs(3_700)).await;
    assert_eq!(logged.take(ALARM).len(), 1);
    sleep(Duration::from_secs(10_000)).await;
    give(&queue, 10..12).await;
    assert_eq!(logged.take(ALARM), [""; 0]);
}

/// The head of each line, as `audit verify --expect` takes it.
fn heads(lines: &[String]) -> Vec<(String, AuditHead)> {
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    lines.iter().map(|line| (value(line, "when"), value(line, "head").parse().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn the_head_is_logged_at_the_start_each_hour_and_at_the_stop() {
    let (logged, _guard) = Logged::start();
    let store = MemoryStore::new();
    let chain = AuditChain::plain();
    let first = store.append(&chain, &[record(1)]).await.unwrap();
    let queue = spawn(store.clone(), &chain);
    sleep(Duration::from_secs(10)).await;
    give(&queue, 2..5).await;
    let second = store.head().await.unwrap();
    sleep(Duration::from_secs(2 * 3_600)).await;
    give(&queue, 5..6).await;
    queue.close(Duration::from_secs(5)).await;
    let last = store.head().await.unwrap();
    let heads = heads(&logged.take("the head of the audit"));
    let of = |when: &str| heads.iter().filter(|(at, _)| at == when).map(|(_, head)| *head).collect::<Vec<_>>();
    assert_eq!((of("start"), of("hour"), of("stop")), (vec![first], vec![second, second], vec![last]));
    let expected: Vec<_> = heads.iter().map(|(_, head)| *head).collect();
    assert_eq!(audit::verify(&store, &expected).await.unwrap(), last);
}
