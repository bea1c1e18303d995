//! The stream under a connection: it knows whether a request is in flight, and cuts peers that are too slow.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pace::Pace;
use super::registry::Slot;

/// Nothing of the next request is there.
const IDLE: u8 = 0;
/// The head of a request is arriving.
const HEAD: u8 = 1;
/// A request is in flight.
const BUSY: u8 = 2;
/// The answer is complete, and not all of it is sent.
const FLUSHING: u8 = 3;

/// A connection's place, and how far its current request is.
#[derive(Debug)]
pub(super) struct Progress {
    slot: Slot,
    phase: AtomicU8,
}

impl Progress {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot, phase: AtomicU8::new(IDLE) }
    }

    /// Notes that the head of a request is there. False if the connection is evicted, and has no place any more.
    pub(super) fn begin_request(self: &Arc<Self>) -> (InFlight, bool) {
        self.phase.store(BUSY, Ordering::Release);
        (InFlight(Arc::clone(self)), self.slot.begin_request())
    }

    /// Whether a request is there, or an answer not yet sent.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.phase(), BUSY | FLUSHING)
    }

    pub(super) async fn evicted(&self) {
        self.slot.evicted().await;
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }
}

/// Held until an answer is complete.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Progress>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.phase.store(FLUSHING, Ordering::Release);
    }
}

/// A TCP stream whose peer must send heads and take answers at the minimum rate.
#[derive(Debug)]
pub(super) struct PacedStream {
    stream: TcpStream,
    progress: Arc<Progress>,
    head: Pace,
    answer: Pace,
}

impl PacedStream {
    pub(super) fn new(
        stream: TcpStream,
        progress: Arc<Progress>,
        head_grace: Duration,
        answer_grace: Duration,
    ) -> Self {
        Self { stream, progress, head: Pace::new(head_grace), answer: Pace::new(answer_grace) }
    }

    fn paced_write(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(written) => {
                self.answer.progress(*written.as_ref().unwrap_or(&0));
                Poll::Ready(written)
            }
            Poll::Pending => self.answer.poll_expired(context).map(Err),
        }
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let phase = self.progress.phase();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                match phase {
                    IDLE => {
                        self.head.reset();
                        self.progress.phase.store(HEAD, Ordering::Release);
                    }
                    HEAD => self.head.progress(buffer.filled().len() - filled),
                    _ => {}
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if phase == HEAD => self.head.poll_expired(context).map(Err),
            other => other,
        }
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.paced_write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.paced_write(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when all that it holds is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.phase() == FLUSHING {
            self.answer.reset();
            self.progress.phase.store(IDLE, Ordering::Release);
            self.progress.slot.end_request();
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
