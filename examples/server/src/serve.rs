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
use std::time::Duration;

use provesi_core::{App, Chain, IntegrityReport, SettledRetirements};
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
                tokio::join!(sweep(&app), settle(&app), clock::watch(app.clone()));
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

/// Looks for orders whose client does not exist, at the start and every [`SWEEP_INTERVAL`], and changes nothing: a client may
/// be missing because it was deleted, or because its store lost it or is the wrong one.
async fn sweep(app: &App) {
    // The first requests after a start go first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    loop {
        clock::compare_with_latest_change(app).await;
        sweep_once(app).await;
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Ends the deletions of clients that a process began and did not end, and removes expired idempotency keys, at the start and every
/// [`SETTLE_INTERVAL`].
async fn settle(app: &App) {
    // The first requests after a start go first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    loop {
        match app.settle_retirements().await {
            Ok(SettledRetirements { finished: 0, lifted: 0, .. }) => {}
            Ok(SettledRetirements { finished, detached_orders, lifted, .. }) => {
                tracing::info!(finished, detached_orders, lifted, "settled unfinished deletions of clients");
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "unfinished deletions of clients could not be settled")
            }
        }
        if let Err(error) = app.remove_expired_answers().await {
            tracing::warn!(error = %Chain(&error), "expired idempotency keys stay for now");
        }
        tokio::time::sleep(SETTLE_INTERVAL).await;
    }
}

const SETTLE_INTERVAL: Duration = Duration::from_secs(60);

/// A sweep reads one index entry for each client with orders, which is cheap.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

async fn sweep_once(app: &App) {
    match app.check_integrity(|_| {}).await {
        Ok(IntegrityReport { clients, dangling_clients, dangling_orders, .. }) if dangling_orders > 0 => {
            tracing::warn!(
                clients,
                dangling_clients,
                dangling_orders,
                "orders name clients that do not exist; nothing was changed. See that the store of clients is the right one and \
             complete, then look at `provesi-server check`"
            )
        }
        Ok(report) => {
            tracing::info!(clients = report.clients, "integrity checked: every client that orders name exists")
        }
        Err(error) => tracing::error!(error = %Chain(&error), "the integrity check failed"),
    }
}
