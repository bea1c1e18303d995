//! Logs, and the audit that goes to them.

mod audit;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::settings::LogSettings;
pub(crate) use audit::LogAudit;

/// The target of what belongs to the audit: records, heads of the chain, alarms.
const AUDIT: &str = "provesi::audit";

/// How many lines wait for standard error: some megabytes.
const MAX_LINES: usize = 8_192;
/// How many bytes of them are written at a time.
const MAX_GATHERED: usize = 64 * 1024;
/// How long a thread gathers lines after it has written some.
const REST: Duration = Duration::from_millis(10);
/// How often dropped lines are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Starts logging to standard error, so that standard output holds what a command was asked for and nothing else. Lines are
/// written synchronously, so that they stay in order with what a command writes itself.
pub(crate) fn start(settings: LogSettings) {
    let writer = || io::stderr();
    // A second start, in tests, leaves the first as it is.
    let _ = subscriber(settings, writer, writer, io::stderr().is_terminal()).try_init();
}

/// Starts logging to standard error by threads of its own. No request waits for a line, unless standard error does not take those of
/// the audit.
pub(crate) fn start_in_background(settings: LogSettings) -> BackgroundLog {
    let ansi = io::stderr().is_terminal();
    let (log, lines, audit) = BackgroundLog::new(MAX_LINES, io::stderr, io::stderr);
    let _ = subscriber(settings, move || lines.clone(), move || audit.clone(), ansi).try_init();
    log
}

/// The threads that write the log. When this is dropped, they have a second to write what waits.
pub(crate) struct BackgroundLog {
    dropped: ErrorCounter,
    reported: Arc<AtomicUsize>,
    threads: Option<[WorkerGuard; 2]>,
}

impl BackgroundLog {
    /// The writers of the log and of the audit. At most `max_lines` of each wait; then the log drops lines, and a writer of the
    /// audit blocks.
    fn new<W: Write + Send + 'static>(
        max_lines: usize,
        log: impl FnOnce() -> W,
        audit: impl FnOnce() -> W,
    ) -> (Self, NonBlocking, NonBlocking) {
        let thread = |name, drops, writer| {
            let builder = NonBlockingBuilder::default().buffered_lines_limit(max_lines).lossy(drops).thread_name(name);
            builder.finish(Gathering(BufWriter::with_capacity(MAX_GATHERED, writer)))
        };
        let (lines, log) = thread("log", true, log());
        let (records, audit) = thread("audit log", false, audit());
        (Self { dropped: lines.error_counter(), reported: Arc::default(), threads: Some([log, audit]) }, lines, records)
    }

    /// Reports dropped lines, for as long as this is polled.
    pub(crate) fn report_dropped(&self) -> impl Future<Output = ()> + Send + 'static {
        let (dropped, reported) = (self.dropped.clone(), Arc::clone(&self.reported));
        async move {
            loop {
                tokio::time::sleep(REPORT_INTERVAL).await;
                let (total, before) = (dropped.dropped_lines(), reported.load(Ordering::Relaxed));
                if total > before {
                    tracing::warn!(
                        lines = total - before,
                        "lines of this log were dropped: they came faster than they could be written"
                    );
                    // The report may have been dropped as well.
                    if dropped.dropped_lines() == total {
                        reported.store(total, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}

impl Drop for BackgroundLog {
    fn drop(&mut self) {
        self.threads = None;
        let lines = self.dropped.dropped_lines() - self.reported.load(Ordering::Relaxed);
        if lines > 0 {
            let _ = writeln!(io::stderr(), "provesi-server: {lines} lines of the log were dropped");
        }
    }
}

/// A writer that is flushed whenever no line waits. It then rests, so that under load a line costs no system call and wakes no
/// thread.
struct Gathering<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(REST);
        Ok(())
    }
}

/// The audit has a layer of its own, which no level and no directive of `--log` reaches: `--audit off` switches it off.
fn subscriber<L, A>(settings: LogSettings, log: L, audit: A, ansi: bool) -> impl Subscriber + Send + Sync
where
    L: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    A: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let LogSettings { filter, json } = settings;
    let not_audit = format!("{AUDIT}=off").parse().expect("a directive of a target and a level");
    let only_audit = Targets::new().with_target(AUDIT, LevelFilter::INFO);
    Registry::default()
        .with(layer(json, log, ansi).with_filter(filter.add_directive(not_audit)))
        .with(layer(json, audit, ansi).with_filter(only_audit))
}

fn layer<S, W>(json: bool, writer: W, ansi: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    if json { layer.json().boxed() } else { layer.with_ansi(ansi).boxed() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Takes lines once it is open.
    #[derive(Clone, Default)]
    struct Pipe {
        is_open: Arc<AtomicBool>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Pipe {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            while !self.is_open.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_nobody_reads_delays_nobody_and_says_what_it_dropped() {
        let (log, audit) = (Pipe::default(), Pipe::default());
        audit.is_open.store(true, Ordering::Relaxed);
        let (background, lines, records) = BackgroundLog::new(100, || log.clone(), || audit.clone());
        let settings = LogSettings { filter: "info".parse().unwrap(), json: false };
        let subscriber = subscriber(settings, move || lines.clone(), move || records.clone(), false);
        let _guard = tracing::subscriber::set_default(subscriber);
        // No second one fits into what is gathered.
        let long = "x".repeat(MAX_GATHERED);
        for number in 0..1_000 {
            tracing::info!("line {number} {long}");
            tracing::info!(target: AUDIT, "record {number}");
        }
        let reports = tokio::spawn(background.report_dropped());
        // A report that is dropped itself is made again.
        tokio::time::sleep(REPORT_INTERVAL * 2).await;
        let dropped = background.dropped.dropped_lines();
        // 100 lines wait, and the thread may have one more. A report or two are dropped as well.
        assert!((899..=902).contains(&dropped), "{dropped}");
        log.is_open.store(true, Ordering::Relaxed);
        while log.lines().len() < 100 {
            thread::sleep(Duration::from_millis(5));
        }
        tokio::time::sleep(REPORT_INTERVAL * 3).await;
        reports.abort();
        // What waits is written at the end.
        drop(background);
        let lines = log.lines();
        assert_eq!(lines.iter().filter(|line| line.contains("were dropped")).count(), 1, "{lines:?}");
        assert!(lines.last().unwrap().ends_with(&format!("lines={dropped}")), "{lines:?}");
        assert_eq!(audit.lines().len(), 1_000, "no record is dropped");
    }
}
