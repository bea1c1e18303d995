//! How slowly a peer may send or read: a minimum average rate, so that a byte now and then does not keep a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// Bytes per second that a peer must send or take on average.
pub(super) const MIN_RATE: f64 = 1_000.0;

/// How long the server waits for a peer in all. Waiting uses up the budget, bytes refill it at [`MIN_RATE`], and it never
/// exceeds the grace period that it starts with. Time in which the server itself is busy does not count.
#[derive(Debug)]
pub(super) struct Pace {
    grace: Duration,
    budget: Duration,
    waiting_since: Option<Instant>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, budget: grace, waiting_since: None, deadline: None }
    }

    /// The peer sent or took bytes.
    pub(super) fn progress(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.budget = self.budget.saturating_sub(since.elapsed());
        }
        #[expect(clippy::cast_precision_loss, reason = "no buffer has 2^52 bytes")]
        let earned = Duration::from_secs_f64(bytes as f64 / MIN_RATE);
        self.budget = self.grace.min(self.budget.saturating_add(earned));
    }

    /// Forgets what happened: another message begins.
    pub(super) fn reset(&mut self) {
        (self.budget, self.waiting_since) = (self.grace, None);
    }

    /// Waits for the peer. Ready with an error when the budget is used up.
    pub(super) fn poll_expired(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let end = since + self.budget;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if deadline.deadline() != end {
            deadline.as_mut().reset(end);
        }
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer is too slow"))
    }
}

/// The body of a request that has to arrive at the minimum rate.
#[derive(Debug)]
pub(super) struct PacedBody {
    body: Incoming,
    pace: Pace,
}

impl PacedBody {
    pub(super) fn new(body: Incoming, grace: Duration) -> Self {
        Self { body, pace: Pace::new(grace) }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.pace.progress(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => Poll::Ready(end.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => self.pace.poll_expired(context).map(|error| Some(Err(error.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const GRACE: Duration = Duration::from_secs(1);

    /// How long a peer that sends `bytes` every `interval` is waited for; `None` if for three grace periods.
    async fn cut_after(bytes: usize, interval: Duration) -> Option<Duration> {
        let (start, mut pace) = (Instant::now(), Pace::new(GRACE));
        while start.elapsed() < 3 * GRACE {
            let expired = poll_fn(|context| pace.poll_expired(context));
            if tokio::time::timeout(interval, expired).await.is_ok() {
                return Some(start.elapsed());
            }
            pace.progress(bytes);
        }
        None
    }

    #[tokio::test]
    async fn a_peer_below_the_minimum_rate_is_cut_and_a_slow_one_above_it_is_not() {
        let (silent, trickling, late, slow) = tokio::join!(
            cut_after(0, 60 * GRACE),
            cut_after(1, GRACE / 20),
            // What it sent does not count for more than one grace period.
            cut_after(1_000_000, GRACE + GRACE / 2),
            cut_after(100, GRACE / 50),
        );
        for cut in [silent, trickling, late] {
            assert!(cut.is_some_and(|after| after >= GRACE), "{cut:?}");
        }
        assert_eq!(slow, None);
    }
}
