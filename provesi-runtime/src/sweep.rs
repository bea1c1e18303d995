//! What an application does now and then beside its requests.

use std::time::Duration;

use provesi_core::{App, Chain, IntegrityReport, SettledRetirements};
use tokio::time::sleep;

/// The first requests after a start go first.
const START_DELAY: Duration = Duration::from_millis(500);

const SETTLE_INTERVAL: Duration = Duration::from_secs(60);

/// A check reads one index entry for each client with orders, which is cheap.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Runs, until it is dropped:
/// - each minute, ends the deletions of clients that a process began and did not end ([`App::settle_retirements`]), and removes
///   expired idempotency keys ([`App::remove_expired_answers`]);
/// - every ten minutes, logs whether orders name clients that do not exist ([`App::check_integrity`]), and changes nothing: a
///   client may be missing because it was deleted, or because its store lost it or is the wrong one.
///
/// Several processes over the same stores may run it.
pub async fn sweep(app: &App) {
    sleep(START_DELAY).await;
    tokio::join!(settle(app), check(app));
}

async fn settle(app: &App) {
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
        sleep(SETTLE_INTERVAL).await;
    }
}

async fn check(app: &App) {
    loop {
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
        sleep(CHECK_INTERVAL).await;
    }
}
