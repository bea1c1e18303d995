//! The integrity check on demand, and the two changes of many orders that an operator may ask for.

use std::io::{self, Write};

use provesi_core::{
    App, AppError, Caller, Chain, IntegrityReport, Irregular, OrderFilter, OrderRepositoryExt, RecordReport,
    RepairError, StoreError, SweptOrders,
};

use crate::confirm::{ConfirmError, confirm};

/// Why a check or a repair stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("--repair: refused")]
    Repair(#[source] RepairError),
    #[error("--undo-sweep: stopped")]
    UndoSweep(#[source] RepairError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
}

/// Prints a line. A closed standard output does not stop the work; the exit code still tells the outcome.
macro_rules! print {
    ($($text:tt)+) => { let _ = writeln!(io::stdout(), $($text)+); };
}

/// Reports each record that breaks rules, each client that orders name and that does not exist, and a summary of both. Returns
/// whether every client exists.
pub(crate) async fn check(app: &App) -> Result<bool, CheckError> {
    let clients = app.check_clients(print_irregular).await?;
    let orders = app.check_orders(print_irregular).await?;
    print!(
        "read {} clients and {} orders: {} clients and {} orders break rules; the pages and the API show them, and can repair \
         and delete them",
        clients.records, orders.records, clients.irregular, orders.irregular
    );
    Ok(report(app).await?.dangling_orders == 0)
}

fn print_irregular(record: &str, faults: &Irregular) {
    print!("{record}: {faults}");
}

/// Reports, before a migration, each record that breaks rules; of clients only if they are not another process's.
pub(crate) async fn preview(app: &App, has_clients: bool) -> Result<(), AppError> {
    if has_clients {
        print_read("clients", app.check_clients(print_irregular).await)?;
    }
    print_read("orders", app.check_orders(print_irregular).await)
}

fn print_read(what: &str, report: Result<RecordReport, AppError>) -> Result<(), AppError> {
    match report {
        Ok(RecordReport { records, irregular: 0 }) => {
            print!("read {records} {what}: none breaks rules");
        }
        Ok(RecordReport { records, irregular }) => {
            print!("read {records} {what}: {irregular} break rules, and can be repaired after the migration");
        }
        Err(AppError::Clients(StoreError::Backend { source }) | AppError::Orders(StoreError::Backend { source })) => {
            print!("no table of {what} yet, or none that can be read: {}", Chain(&*source));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn report(app: &App) -> Result<IntegrityReport, AppError> {
    let report = app
        .check_integrity(|client| {
            print!("client {}: does not exist, {} orders name it", client.id, client.orders);
        })
        .await?;
    let IntegrityReport { clients, dangling_clients, dangling_orders } = report;
    let all = app.orders().count_all(&OrderFilter::default()).await.map_err(AppError::Orders)?;
    print!(
        "checked {clients} clients that orders name: {dangling_clients} do not exist; {dangling_orders} of {all} orders \
         are dangling"
    );
    Ok(report)
}

/// Detaches the dangling orders, once their number is confirmed.
pub(crate) async fn repair(app: &App, caller: &Caller, confirmed: Option<u64>) -> Result<bool, CheckError> {
    let IntegrityReport { dangling_clients, dangling_orders, .. } = report(app).await?;
    if dangling_orders == 0 && confirmed.is_none() {
        return Ok(true);
    }
    app.require_clients().await.map_err(CheckError::Repair)?;
    let _ = writeln!(io::stderr(), "would detach {dangling_orders} orders of {dangling_clients} missing clients");
    confirm(dangling_orders, confirmed)?;
    let done = app.detach_dangling(caller, dangling_orders).await.map_err(CheckError::Repair)?;
    print!("detached {} orders of {} clients", done.dangling_orders, done.dangling_clients);
    Ok(true)
}

/// Gives orders the clients back that sweeps took off them, once their number is confirmed.
pub(crate) async fn undo_sweep(app: &App, caller: &Caller, confirmed: Option<u64>) -> Result<bool, CheckError> {
    let SweptOrders { restorable, client_missing, changed_since } = app.count_swept_orders().await?;
    print!(
        "orders that lost their client to a sweep: {restorable} can get it back, {client_missing} cannot because the client \
         does not exist, {changed_since} changed their client since or were deleted"
    );
    if restorable == 0 && confirmed.is_none() {
        return Ok(true);
    }
    let _ = writeln!(io::stderr(), "would give {restorable} orders their client back");
    confirm(restorable, confirmed)?;
    let done = app.undo_sweep(caller, restorable).await.map_err(CheckError::UndoSweep)?;
    print!("gave {} orders their client back", done.restorable);
    Ok(true)
}
