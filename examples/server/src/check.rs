//! The integrity check on demand.

use std::io::{self, Write};

use provesi_core::{App, AppError, Caller, IntegrityReport};

/// Prints each client who is gone as it is found, and a summary. Hands back whether all is well now.
pub(crate) async fn check(app: &App, caller: &Caller, repair: bool) -> Result<bool, AppError> {
    let done = if repair { "detached" } else { "dangling" };
    let report = app
        .check_integrity(caller, repair, |gone| {
            // Whoever closed standard output does not want to read; the exit code still tells.
            let _ = writeln!(io::stdout(), "client {}: gone, {} orders {done}", gone.id, gone.orders);
        })
        .await?;
    let IntegrityReport { clients, dangling_clients, dangling_orders } = report;
    let _ = writeln!(
        io::stdout(),
        "checked {clients} clients that orders name: {dangling_clients} gone, {dangling_orders} orders {done}"
    );
    Ok(repair || dangling_orders == 0)
}
