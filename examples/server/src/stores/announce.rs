//! What a command that writes says before it does: which databases it will change, and how much is in them.

use std::io::{self, Write};

use provesi_core::{
    ClientFilter, ClientListing, OrderFilter, OrderListing, OrderRepositoryExt, Page, PageLimit, PageRequest,
    StoreError,
};

use super::{AUDIT_STORE, Stores};

/// What a command changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Clients,
    Orders,
}

impl Stores {
    /// Names on standard error the databases whose `kinds` will be changed, with what they hold.
    pub(crate) async fn announce(&self, kinds: &[Kind]) {
        let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
        for kind in kinds {
            let [clients, orders, _] = self.places();
            let (place, held) = match kind {
                Kind::Clients => (clients, self.clients_held().await),
                Kind::Orders => (orders, self.orders_held().await),
            };
            match lines.iter_mut().find(|(known, _)| *known == place) {
                Some((_, all)) => all.push(held),
                None => lines.push((place, vec![held])),
            }
        }
        // A database of the audit alone, which is open where a command writes audit records or migrates it.
        for part in self.parts.iter().filter(|part| part.setting == AUDIT_STORE) {
            lines.push((&part.place, vec!["audit records".to_owned()]));
        }
        for (place, held) in lines {
            let _ = writeln!(io::stderr(), "will change {place}, which holds {}", held.join(" and "));
        }
    }

    async fn clients_held(&self) -> String {
        let page = self.clients.page(&ClientListing::default(), &PageRequest::first(PageLimit::MAX)).await;
        held("clients", page, async || self.clients.count(&ClientFilter::default()).await).await
    }

    async fn orders_held(&self) -> String {
        let page = self.orders.page(&OrderListing::default(), &PageRequest::first(PageLimit::MAX)).await;
        held("orders", page, async || self.orders.count_all(&OrderFilter::default()).await).await
    }
}

/// How many records there are, as far as one page tells: counting takes time in proportion to the table. A page needs
/// tables that are up to date; before a migration, they are counted.
async fn held<T, C>(
    what: &str,
    page: Result<Page<T, C>, StoreError>,
    count: impl AsyncFn() -> Result<u64, StoreError>,
) -> String {
    match page {
        Ok(page) if page.next.is_some() => format!("at least {} {what}", page.items.len()),
        Ok(page) => format!("{} {what}", page.items.len()),
        Err(_) => match count().await {
            Ok(count) => format!("{count} {what}"),
            Err(_) => format!("no table of {what} yet"),
        },
    }
}
