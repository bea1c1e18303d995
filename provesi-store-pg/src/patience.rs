//! How long a call may take, and how often it is tried.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use provesi_core::StoreError;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::error::{is_conflict, is_lost};

/// How long a caller waits in all: for a connection, for locks, for the answer. PostgreSQL itself gives a statement up a
/// little earlier (see [`connect_options`](crate::connect_options)); this is for a server that says nothing at all.
pub(crate) const DEADLINE: Duration = Duration::from_millis(2_900);

/// As [`DEADLINE`], for what takes time in proportion to the table.
pub(crate) const LONG_DEADLINE: Duration = Duration::from_secs(30);

/// How long a call goes on after its caller was answered. PostgreSQL itself ends a statement before the deadline, so
/// that one which is not over by then has met a server that says nothing: it is given up, and its connection with it, or
/// such a server would have all connections of a pool in the end.
const GRACE: Duration = Duration::from_secs(1);

/// How long a connection has to show that it works, where calls are given up.
const ANSWER: Duration = Duration::from_secs(1);

/// How often one thing is tried. Who meets another transaction this often meets a fault, or a rush.
const TRIES: u32 = 6;

/// How often a read is tried where connections are broken: a pool may be full of such, after the server was restarted.
const TRIES_OF_READS: u32 = 200;

/// What `run` gives. Where another transaction got in the way or the connection broke, it is run again: it must change
/// nothing.
pub(crate) async fn read<T, F, Fut>(run: F) -> Result<T, StoreError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    again(run, TRIES_OF_READS).await
}

/// What `run` gives. Where PostgreSQL undid its transaction because of another one, it is run
/// again; not where the connection broke, since the change may have been made.
pub(crate) async fn write<T, F, Fut>(run: F) -> Result<T, StoreError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    again(run, 0).await
}

/// What `call` gives, within `deadline`. The call is a task of its own, which goes on to its end where the deadline is
/// over or the caller stops waiting: a connection whose statement is dropped half-way hands the answer to whoever uses it
/// next, who then reads what is not so. Only what goes on for longer than [`GRACE`] is given up.
pub(crate) async fn to_its_end<T: Send + 'static>(
    deadline: Duration,
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let late = move || StoreError::unavailable(format!("no answer within {} ms", deadline.as_millis()));
    let task = async move {
        let mut call = std::pin::pin!(call);
        let answer = timeout(deadline + GRACE, call.as_mut()).await;
        if answer.is_err() {
            // Before the call is dropped, and its connection goes back to the pool.
            GIVEN_UP.note();
        }
        answer.unwrap_or_else(|_| Err(late()))
    };
    match timeout(deadline, tokio::spawn(task.in_current_span())).await {
        Ok(Ok(answer)) => answer,
        // A bug of ours, or the end of the runtime.
        Ok(Err(ended)) => Err(StoreError::backend(ended)),
        Err(_) => Err(late()),
    }
}

/// When a call was given up, of all stores of this process: whether connections that go back to a pool are to be looked
/// at. It costs a round trip, which is not to be paid while all is well.
static GIVEN_UP: GivenUp = GivenUp { at: Mutex::new(None) };

/// How long connections are looked at afterwards. Longer than those take that were given up at the same moment.
const WARY: Duration = Duration::from_secs(10);

struct GivenUp {
    at: Mutex<Option<Instant>>,
}

impl GivenUp {
    fn note(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_recent(&self) -> bool {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < WARY)
    }
}

/// Whether a connection that goes back to the pool may be used again. The pool itself asks it and waits for the answer
/// without end; one that gives none within [`ANSWER`] is closed.
///
/// # Errors
/// Where it does not answer.
pub(crate) async fn is_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if GIVEN_UP.is_recent() {
        timeout(ANSWER, connection.ping()).await.map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))??;
    }
    Ok(true)
}

async fn again<T, F, Fut>(run: F, tries_of_lost: u32) -> Result<T, StoreError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let (mut conflicts, mut lost) = (0, 0);
    loop {
        let longest = match run().await {
            // Those who met are not to meet again: each waits for a time of its own, and longer every time.
            Err(error) if is_conflict(&error) && conflicts + 1 < TRIES => {
                conflicts += 1;
                10_u64 << conflicts
            }
            Err(error) if is_lost(&error) && lost < tries_of_lost => {
                lost += 1;
                5
            }
            result => return result,
        };
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..=longest))).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;

    fn lost() -> StoreError {
        crate::error::store_error(sqlx::Error::Io(io::ErrorKind::BrokenPipe.into()))
    }

    #[tokio::test]
    async fn a_read_is_run_again_and_a_write_is_not_where_the_connection_broke() {
        let tries = Cell::new(0);
        let failing = || {
            tries.set(tries.get() + 1);
            async { if tries.get() < 3 { Err(lost()) } else { Ok(tries.get()) } }
        };
        assert_eq!(read(failing).await.unwrap(), 3);
        tries.set(0);
        assert!(write(failing).await.is_err());
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_not_tried_without_end() {
        let tries = Cell::new(0);
        let failing = || {
            tries.set(tries.get() + 1);
            async { Err::<(), _>(lost()) }
        };
        assert!(read(failing).await.unwrap_err().is_transient());
        assert_eq!(tries.get(), TRIES_OF_READS + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_after_the_deadline_is_given_up_a_little_later() {
        let (held, mut freed) = tokio::sync::oneshot::channel::<()>();
        let call = async move {
            let _held = held;
            std::future::pending::<Result<(), StoreError>>().await
        };
        to_its_end(DEADLINE, call).await.unwrap_err();
        assert_eq!(freed.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty), "it goes on");
        tokio::time::sleep(GRACE + Duration::from_millis(1)).await;
        assert_eq!(freed.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Closed), "and is dropped");
        assert!(GIVEN_UP.is_recent());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_without_end() {
        let refused = to_its_end(DEADLINE, std::future::pending::<Result<(), StoreError>>()).await.unwrap_err();
        assert!(refused.is_transient());
    }
}
