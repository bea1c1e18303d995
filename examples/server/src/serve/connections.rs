//! Connections: how many, whose, how slow, and how they end.
//!
//! `axum::serve` has no time-out for the head of a request, no limit of connections and no end to a graceful stop, so the
//! loop is our own, over hyper's HTTP/1 connections.

mod pace;
mod registry;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

use pace::PacedBody;
use registry::{Origin, Registry, Slot};
use stream::{PacedStream, Progress};

/// Connections beyond the limit that are accepted for health checks alone.
pub(super) const HEALTH_RESERVE: usize = 16;

/// The most bytes of a request's head; 431 beyond.
const MAX_HEAD: usize = 32 * 1024;

/// How long a peer may pause while it sends a head or a body, see [`pace`].
const SEND_GRACE: Duration = Duration::from_secs(10);

/// How long a connection of the reserve may take to ask.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an evicted connection is still read from: its request may have arrived, unread, before it was evicted.
const EVICTION_GRACE: Duration = Duration::from_millis(5);

/// How long to wait after an error that is likely to come again, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often such errors are logged.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(5);

/// How many connections there may be, and how long they may do nothing.
pub(super) struct Limits<T> {
    /// At most so many at the same time. One address has at most half of them, and when all are taken the one that has
    /// been idle for longest is closed for the next.
    pub(super) max: usize,
    /// How long a connection may take to send the head of its next request, and how long a peer may take nothing of an
    /// answer.
    pub(super) idle_timeout: Duration,
    /// Whether a peer is a trusted proxy, which may hold all connections.
    pub(super) is_proxy: T,
}

/// The connections of a server.
pub(super) struct Connections<T> {
    limits: Limits<T>,
    open: Registry,
    reserve: Registry,
    /// Stops every connection; each holds a receiver until it ends.
    stop: watch::Sender<bool>,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Any,
    HealthCheck,
}

impl<T: Fn(IpAddr) -> bool> Connections<T> {
    pub(super) fn new(limits: Limits<T>) -> Self {
        Self {
            open: Registry::new(limits.max, limits.max.div_ceil(2)),
            reserve: Registry::new(HEALTH_RESERVE, HEALTH_RESERVE),
            limits,
            stop: watch::Sender::new(false),
        }
    }

    /// Accepts and serves connections. Does not end.
    pub(super) async fn accept(&self, listener: &TcpListener, router: &watch::Receiver<Router>) {
        let mut last_logged: Option<Instant> = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer, router),
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: an idle connection gives way, so that health checks get through.
                    self.open.evict_oldest();
                    if last_logged.is_none_or(|at| at.elapsed() >= ACCEPT_LOG_INTERVAL) {
                        tracing::error!(%error, "connections cannot be accepted");
                        last_logged = Some(Instant::now());
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, router: &watch::Receiver<Router>) {
        let address = peer.ip().to_canonical();
        let origin = if (self.limits.is_proxy)(address) { Origin::Proxies } else { Origin::of(address) };
        let admitted = self.open.admit(origin).map(|slot| (slot, Purpose::Any));
        let admitted = admitted.or_else(|| Some((self.reserve.admit(origin)?, Purpose::HealthCheck)));
        // Without a place the connection is closed. Its peer can do nothing against that, and needs no log line.
        let Some((slot, purpose)) = admitted else { return };
        let connection = Connection {
            peer,
            origin,
            purpose,
            reserve: self.reserve.clone(),
            progress: Arc::new(Progress::new(slot)),
            router: router.clone(),
            idle_timeout: self.limits.idle_timeout,
        };
        tokio::spawn(connection.serve(stream, self.stop.subscribe()));
    }

    /// Lets requests in flight end, and waits for all connections to be closed.
    pub(super) async fn drain(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection.
struct Connection {
    peer: SocketAddr,
    origin: Origin,
    purpose: Purpose,
    reserve: Registry,
    progress: Arc<Progress>,
    /// Replaced once the stores are open.
    router: watch::Receiver<Router>,
    idle_timeout: Duration,
}

impl Connection {
    /// Serves until the peer ends the connection, it is evicted, or, after `stop`, its request in flight is answered.
    async fn serve(self, stream: TcpStream, mut stop: watch::Receiver<bool>) {
        // Answers are written in one go: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let is_reserved = self.purpose == Purpose::HealthCheck;
        let head_timeout = if is_reserved { self.idle_timeout.min(RESERVE_TIMEOUT) } else { self.idle_timeout };
        let progress = Arc::clone(&self.progress);
        let send_grace = self.send_grace();
        let stream = PacedStream::new(stream, Arc::clone(&progress), send_grace, self.idle_timeout);
        let service = service_fn(move |request| self.call(request));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_timeout)
                .max_header_size(MAX_HEAD)
                .keep_alive(!is_reserved)
                // A peer that closes its half after the request still reads the answer.
                .half_close(true)
                .serve_connection(TokioIo::new(Box::pin(stream)), service)
        );
        // Ends also when the server itself is gone. The lock on the value is not held.
        let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
        let mut stopped = pin!(stopped);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = stopped.as_mut() => {
                    connection.as_mut().graceful_shutdown();
                    break connection.await;
                }
                () = progress.evicted() => {
                    let ended = tokio::time::timeout(EVICTION_GRACE, connection.as_mut()).await;
                    if ended.is_ok() || !progress.is_busy() {
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            // A peer that hangs up or is too slow is everyday.
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn send_grace(&self) -> Duration {
        self.idle_timeout.min(SEND_GRACE)
    }

    fn call(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<impl HttpBody<Data = Bytes, Error = axum::Error> + use<>>, Infallible>> + use<>
    {
        let (in_flight, has_place) = self.progress.begin_request();
        let is_health_check = provesi_http::is_health_path(request.uri().path());
        // A health check whose connection was evicted while it arrived still has the reserve.
        let reserved = (is_health_check && !has_place).then(|| self.reserve.admit(self.origin)).flatten();
        let reserved = reserved.filter(Slot::begin_request);
        let is_allowed = reserved.is_some() || (has_place && (self.purpose == Purpose::Any || is_health_check));
        let answer = is_allowed.then(|| {
            let grace = self.send_grace();
            let paced = |body: Incoming| {
                if body.is_end_stream() { Body::empty() } else { Body::new(PacedBody::new(body, grace)) }
            };
            let mut request = request.map(paced);
            request.extensions_mut().insert(ConnectInfo(self.peer));
            self.router.borrow().clone().oneshot(request)
        });
        async move {
            let mut answer = match answer {
                Some(answer) => answer.await?,
                None => overloaded(),
            };
            if !has_place {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            // In flight until hyper has taken all of the body; `reserved` is its place where that is not the connection's.
            Ok(answer.map(|body| {
                let held = (in_flight, reserved);
                body.map_err(move |error| {
                    let _ = &held;
                    error
                })
            }))
        }
    }
}

/// The answer on a connection that has no place: nothing was done.
fn overloaded() -> Response {
    let headers = [(header::CONNECTION, "close"), (header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "too many connections\n").into_response()
}

#[cfg(test)]
mod tests;
