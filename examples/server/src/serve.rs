//! Serving: from opening the port to the last answer.

mod clock;
mod connections;
mod exposure;
mod signals;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use provesi_core::{App, Chain, IntegrityReport};
use provesi_http::{HttpOptions, PageOptions, router_with};
use tokio::net::TcpListener;

use crate::settings::{AuditSettings, ServeSettings};
use crate::stores::Stores;
use signals::Signals;

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

/// Serves until a signal says to stop, then lets the requests in flight end, and closes the stores.
pub(crate) async fn serve(
    settings: &ServeSettings,
    audit: &AuditSettings,
    mut stores: Stores,
) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let [clients, orders, audit_store] = stores.places();
    let audit_store = audit.mode.is_stored().then_some(audit_store);
    tracing::info!(clients, orders, audit = audit_store, "opened the stores");
    let app = stores.app().with_flow(settings.flow);
    let app = stores.audited(app, audit);
    let router = router_with(app.clone(), http_options(settings));
    let listen_error = |source| ServeError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    exposure::warn(settings, address.ip());
    // Whoever started the server may have closed its output; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "serving http://{address}");

    let sweep = tokio::spawn(async move { tokio::join!(sweep(&app), clock::watch(app.clone())) });
    let mut connections = connections::Connections::new(settings.max_connections, settings.idle_timeout);
    tokio::select! {
        () = connections.accept(listener, &router) => {}
        signal = signals.next() => tracing::info!(signal, "stopping: no new requests, those in flight may end"),
    }
    sweep.abort();
    tokio::select! {
        drained = connections.drain(settings.drain_timeout) => {
            if !drained {
                tracing::warn!(after = ?settings.drain_timeout, "requests in flight were cut");
            }
        }
        signal = signals.next() => tracing::warn!(signal, "stopping at once"),
    }
    tokio::select! {
        () = stores.close() => tracing::info!("stopped"),
        signal = signals.next() => tracing::warn!(signal, "stopping at once"),
    }
    Ok(())
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
