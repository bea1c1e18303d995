//! Serving: from opening the port to the last answer.

mod clock;
mod connections;
mod descriptors;
mod exposure;
mod signals;
mod start;

use std::future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use provesi_http::{HttpOptions, Lifecycle, PageOptions, router_with, starting_router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Failure;
use crate::settings::{AuditSettings, ServeSettings, StoreSettings};
use crate::stores::OpenError;
use connections::{Connections, HEALTH_RESERVE, Limits};
use signals::{INTERRUPT, Signals};

/// Why serving did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("--listen: {address} cannot be listened on")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

/// Serves until a signal says to stop, then lets the requests in flight end, and closes the stores. A database that does
/// not answer at the start is waited for; until then only `/livez` and `/readyz` are served.
pub(crate) async fn serve(
    settings: &ServeSettings,
    audit: &AuditSettings,
    stores: &StoreSettings,
) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let lifecycle = Lifecycle::starting();
    let listen_error = |source| ServeError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (replaced, router) = watch::channel(starting_router(lifecycle.clone()));
    let connections = Connections::new(Limits {
        max: descriptors::fit(settings.max_connections, other_descriptors(stores)),
        idle_timeout: settings.idle_timeout,
        is_proxy: |address| settings.exposure.trusted_proxies.trusts(address),
    });

    let mut opened = None;
    let mut background = JoinSet::new();
    {
        let mut accepting = pin!(connections.accept(&listener, &router));
        let serving = async {
            let stores = opened.insert(start::open(settings, stores, audit, &lifecycle, address).await?);
            exposure::warn(settings, address.ip());
            let mut options = http_options(settings);
            options.lifecycle = lifecycle.clone();
            let [clients, orders, audit_store] = stores.places();
            let audit_store = audit.mode.is_stored().then_some(audit_store);
            tracing::info!(clients, orders, audit = audit_store, "opened the stores");
            let app = stores.audited(stores.app().with_flow(settings.flow), audit);
            let _ = replaced.send_replace(router_with(app.clone(), options));
            lifecycle.set_ready();
            background.spawn(async move {
                tokio::join!(provesi_runtime::sweep(&app), clock::watch(&app));
            });
            future::pending::<Result<(), OpenError>>().await
        };
        let signal = tokio::select! {
            () = &mut accepting => unreachable!("it does not end"),
            ended = serving => return Ok(ended?),
            signal = signals.next() => signal,
        };
        lifecycle.set_draining();
        // Who presses Ctrl-C does not stand behind a load balancer.
        if signal != INTERRUPT && !settings.drain_delay.is_zero() {
            tracing::info!(signal, delay = ?settings.drain_delay, "not ready any more, and stopping after the drain delay");
            tokio::select! {
                () = &mut accepting => {}
                () = tokio::time::sleep(settings.drain_delay) => {}
                _ = signals.next() => {}
            }
        }
        tracing::info!(signal, "stopping: no new requests, those in flight may end");
    }
    drop(listener);
    drop(background);
    let drain = async {
        connections.drain().await;
        // Their callers may be gone.
        lifecycle.finish_writes().await;
    };
    tokio::select! {
        drained = tokio::time::timeout(settings.drain_timeout, drain) => {
            if drained.is_err() {
                tracing::warn!(after = ?settings.drain_timeout, "requests in flight were cut");
            }
        }
        signal = signals.next() => tracing::warn!(signal, "stopping immediately"),
    }
    if let Some(stores) = opened {
        tokio::select! {
            () = stores.close() => {}
            signal = signals.next() => tracing::warn!(signal, "stopping immediately"),
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// File descriptors of everything but callers: connections to databases, files, and what the runtime needs.
fn other_descriptors(stores: &StoreSettings) -> usize {
    let per_store = stores.pool.get().saturating_add(stores.readers.get());
    // Clients, orders and audit may be in three databases.
    HEALTH_RESERVE + 64 + 3 * usize::try_from(per_store).unwrap_or(usize::MAX / 4)
}

fn http_options(settings: &ServeSettings) -> HttpOptions {
    let mut options = HttpOptions::default();
    options.body_limit = settings.body_limit;
    options.timeout = settings.request_timeout;
    options.audit_readers.clone_from(&settings.audit_readers);
    settings.exposure.apply(&mut options);
    options.boundary = settings.services.boundary();
    options.pages = settings.pages.then(|| {
        let mut pages = PageOptions::default();
        match &settings.secret_key {
            Some(key) => pages.secret_key = key.clone(),
            None => tracing::info!(
                "PROVESI_SECRET_KEY is not set: a random key signs the forms of the pages, and those that are open during \
                 a restart have to be filled in again"
            ),
        }
        pages
    });
    options
}
