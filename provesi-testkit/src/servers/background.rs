//! A runtime that outlives the tests: each test has a runtime of its own, which ends with it, and a server must not.

use std::future::Future;
use std::io::Write;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Runtime};

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

fn runtime() -> &'static Runtime {
    RUNTIME.get_or_init(|| {
        // Two, so that one may wait in a `drop` for what the other does.
        let threads = Builder::new_multi_thread().worker_threads(2).thread_name("test servers").enable_all().build();
        threads.expect("the machine has room for two threads")
    })
}

/// Starts `work`, which goes on where nobody waits for it any more.
pub(super) fn start<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) {
    drop(runtime().spawn(work));
}

/// Runs `work` to its end and waits for it, from any runtime.
pub(super) async fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match runtime().spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Runs `work`, which may block for long.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match runtime().spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Runs `work` and blocks this thread until it is done: for `drop`, which cannot wait otherwise.
pub(super) fn block<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (done, wait) = mpsc::sync_channel(1);
    start(async move {
        let _ = done.send(work.await);
    });
    wait.recv().ok()
}

/// Writes a line to stderr that the test harness does not keep back, as it does with what `eprintln!` writes.
pub(super) fn say(line: &str) {
    let _ = std::io::stderr().lock().write_all(format!("provesi-testkit: {line}\n").as_bytes());
}
