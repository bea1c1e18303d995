//! Keeps made-up data out of stores that hold real data.

use futures_util::stream::TryStreamExt;
use provesi_core::{
    App, ClientListing, ClientRepositoryExt, EventKind, OrderFilter, OrderListing, OrderRepositoryExt, PageLimit,
    PageRequest,
};

use super::SeedError;

/// The actor of the events of seeded orders.
const SEED: &str = "system:seed";
/// The top-level domain of the addresses of seeded clients, which no real address has (RFC 2606).
const DOMAIN: &str = ".example";

/// Refuses stores that hold records which no seed made. Clients leave no events, and are known by their addresses; orders by
/// their first event. Stops at the first foreign record, and reads all of what earlier seeds made.
///
/// # Errors
/// [`SeedError::ForeignData`], or that of a store.
pub(crate) async fn require_own_data(app: &App) -> Result<(), SeedError> {
    let mut clients = app.clients().stream(&ClientListing::default());
    while let Some(client) = clients.try_next().await.map_err(SeedError::Clients)? {
        if !client.email.folded().ends_with(DOMAIN) {
            return Err(SeedError::ForeignData("clients"));
        }
    }
    let first = PageRequest::first(PageLimit::MAX);
    let page = app.orders().page(&OrderListing::default(), &first).await.map_err(SeedError::Orders)?;
    if page.items.is_empty() {
        return Ok(());
    }
    let (mut seeded, mut after) = (0_u64, None);
    loop {
        let events = app.orders().feed(after, PageLimit::MAX).await.map_err(SeedError::Orders)?;
        let Some(last) = events.last() else { break };
        after = Some(last.id);
        for event in &events {
            match event.kind {
                EventKind::Created { .. } if event.actor.to_string() == SEED => seeded += 1,
                EventKind::Created { .. } => return Err(SeedError::ForeignData("orders")),
                EventKind::Deleted { .. } => seeded = seeded.saturating_sub(1),
                _ => {}
            }
        }
    }
    // Orders that another program wrote have no events.
    let orders = match page.next {
        Some(_) if seeded > 0 => app.orders().count_all(&OrderFilter::default()).await.map_err(SeedError::Orders)?,
        _ => page.items.len() as u64,
    };
    if orders > seeded { Err(SeedError::ForeignData("orders")) } else { Ok(()) }
}
