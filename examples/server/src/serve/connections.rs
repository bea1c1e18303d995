//! Connections: how many, how long, and how they end.
//!
//! `axum::serve` has no time-out for the head of a request and no end to a graceful stop, so the loop is our own, over
//! hyper's HTTP/1 connections.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// How long to wait after an error that is likely to come again, such as too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// The connections of a server.
pub(super) struct Connections {
    permits: Arc<Semaphore>,
    idle_timeout: Duration,
    /// Tells every connection to end; each holds a receiver for as long as it is there.
    stop: watch::Sender<bool>,
}

impl Connections {
    /// At most `max` at once. Each is closed when the head of a request is not there within `idle_timeout`, from its
    /// start or from the end of the last answer, and when nothing of an answer could be sent for that long.
    pub(super) fn new(max: usize, idle_timeout: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(max)), idle_timeout, stop: watch::Sender::new(false) }
    }

    /// Accepts and serves connections. Does not end; dropped, it closes the port.
    pub(super) async fn accept(&mut self, listener: TcpListener, router: &Router) {
        loop {
            // The permit first: whom we cannot serve yet waits in the backlog, as with a busy server.
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (router, stop) = (router.clone(), self.stop.subscribe());
                    tokio::spawn(serve(stream, peer, router, self.idle_timeout, stop, permit));
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Lets requests in flight end, for at most `timeout`. Hands back whether all did.
    pub(super) async fn drain(&self, timeout: Duration) -> bool {
        self.stop.send_replace(true);
        tokio::time::timeout(timeout, self.stop.closed()).await.is_ok()
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection until it ends, or, once told to stop, until its request in flight is answered.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    idle_timeout: Duration,
    mut stop: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    // Answers are written in one go: waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(idle_timeout));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(idle_timeout)
            // Who has sent all and closed that way still reads the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
    );
    // Ends also where the server itself is gone. The lock on the value is not held on to.
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A peer that hangs up or is too slow is everyday.
        tracing::debug!(%error, "a connection ended early");
    }
}
