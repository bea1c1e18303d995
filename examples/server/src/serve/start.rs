//! The start: the stores are opened, or waited for.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use provesi_core::Chain;
use provesi_http::Lifecycle;

use crate::settings::{AuditSettings, ServeSettings, StoreSettings};
use crate::stores::{OpenError, Opening, Stores};

/// How long to wait before a database is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Opens the stores, and waits for those that do not answer. Prints the address once it is settled that the server runs.
///
/// # Errors
/// A database that answers and cannot be used: a wrong password, an unknown database, outdated tables.
pub(super) async fn open(
    serve: &ServeSettings,
    stores: &StoreSettings,
    audit: &AuditSettings,
    lifecycle: &Lifecycle,
    address: SocketAddr,
) -> Result<Stores, OpenError> {
    let (mut pause, mut is_announced) = (FIRST_PAUSE, false);
    loop {
        let opened = Stores::open(stores, audit.needed(), Opening::Prepare { create: serve.create }).await;
        let error = match opened {
            Ok(stores) => {
                if is_announced {
                    tracing::info!("the databases answer: ready");
                } else {
                    announce(address);
                }
                return Ok(stores);
            }
            Err(error) => error,
        };
        let Some(reason) = error.unavailable() else { return Err(error) };
        lifecycle.set_waiting_for(reason);
        if !is_announced {
            announce(address);
            is_announced = true;
        }
        tracing::warn!(error = %Chain(&error), retry_in = ?pause, "waiting for a database");
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

fn announce(address: SocketAddr) {
    // The parent process may have closed the output, which does not stop the server.
    let _ = writeln!(io::stdout(), "serving http://{address}");
}
