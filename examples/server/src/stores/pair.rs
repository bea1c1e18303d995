//! Whether the store of clients and the store of orders belong together. Each has an id, and the store of orders records that
//! of its store of clients.

use std::io::{self, Write};

use provesi_core::{
    Caller, ClientFilter, ClientRepositoryExt, Clock, OrderFilter, OrderRepositoryExt, PageLimit, PageRequest, Stamp,
    StoreError, StoreId, SystemClock,
};

use super::{OpenError, Part, Stores};
use crate::Failure;
use crate::confirm::confirm;

/// The id of the store of clients, and the one that the orders belong to. A store that is new has none.
type Ids = (Option<StoreId>, Option<StoreId>);

impl Stores {
    /// Refuses stores that do not belong together. With `may_record`, records a pair that cannot be wrong: one database for
    /// both, or orders that name no client.
    pub(super) async fn require_pair(&self, may_record: bool) -> Result<(), OpenError> {
        let Some((id, partner)) = self.read_pair().await? else { return Ok(()) };
        match partner {
            Some(partner) if partner == id => Ok(()),
            Some(partner) => Err(self.foreign(Some(id), partner)),
            None if may_record && (self.is_one_database() || !self.orders_name_clients().await?) => {
                self.set_partner(None, id).await
            }
            None => {
                let (clients_setting, clients, orders) = self.names();
                Err(OpenError::Unpaired { clients_setting, clients, orders })
            }
        }
    }

    /// Refuses, before a migration, stores that are known not to belong together.
    pub(super) async fn refuse_foreign(&self) -> Result<(), OpenError> {
        match self.read_ids().await? {
            Some((id, Some(partner))) if id != Some(partner) => Err(self.foreign(id, partner)),
            _ => Ok(()),
        }
    }

    /// Records the pair after a migration, unless it is on record.
    pub(super) async fn record_pair(&self) -> Result<(), OpenError> {
        let Some((id, partner)) = self.read_pair().await? else { return Ok(()) };
        match partner {
            Some(partner) if partner == id => return Ok(()),
            Some(partner) => return Err(self.foreign(Some(id), partner)),
            None => {}
        }
        if !self.is_one_database() && self.knows_no_client_of_the_orders().await? {
            let (clients_setting, clients, orders) = self.names();
            return Err(OpenError::NoClients { clients_setting, clients, orders });
        }
        self.set_partner(None, id).await
    }

    /// Shows the pair on standard output. Returns whether it belongs together.
    pub(crate) async fn show_pair(&self) -> Result<bool, OpenError> {
        let mut out = io::stdout();
        let Some((id, partner)) = self.read_ids().await? else {
            let _ = writeln!(out, "the clients belong to another process");
            return Ok(true);
        };
        let (_, clients, orders) = self.names();
        let shown = id.map_or_else(|| "new, without an id".to_owned(), |id| format!("id {id}"));
        let _ = writeln!(out, "clients: {clients}, {shown}");
        let belongs = match partner {
            Some(partner) if Some(partner) == id => format!("belongs to clients {partner}"),
            Some(partner) => format!("belongs to other clients, {partner}"),
            None => "no store of clients is recorded".to_owned(),
        };
        let _ = writeln!(out, "orders:  {orders}, {belongs}");
        Ok(partner.is_some() && partner == id)
    }

    /// Records these two as a pair, once the number of orders is confirmed. Migrates a new store of clients, which `migrate`
    /// refuses.
    pub(crate) async fn change_pair(&self, confirmed: Option<u64>) -> Result<(), Failure> {
        let Some(part) = self.clients_part() else { return Ok(()) };
        let Some((id, partner)) = self.read_ids().await? else { return Ok(()) };
        if id.is_some() && partner == id {
            return Ok(());
        }
        let is_new = id.is_none();
        let clients = if is_new { 0 } else { self.clients.count(&ClientFilter::default()).await? };
        let orders = self.orders.count_all(&OrderFilter::default()).await;
        let orders = orders.map_err(|source| self.orders_part().failed(source))?;
        let _ = writeln!(io::stderr(), "would pair {orders} orders with this store of {clients} clients");
        confirm(orders, confirmed)?;
        if is_new {
            part.store.migrate().await.map_err(|source| part.failed(source))?;
        }
        let Some((id, _)) = self.read_pair().await? else { return Ok(()) };
        self.set_partner(partner, id).await?;
        Ok(())
    }

    /// `None` if the clients are another process's.
    async fn read_ids(&self) -> Result<Option<Ids>, OpenError> {
        let Some(clients) = self.clients_part() else { return Ok(None) };
        let orders = self.orders_part();
        let id = clients.store.identify().await.map_err(|source| clients.failed(source))?;
        let partner = match orders.store.identify().await {
            Ok(None) => Ok(None),
            Ok(Some(_)) => self.orders.partner().await,
            Err(source) => Err(source),
        };
        Ok(Some((id, partner.map_err(|source| orders.failed(source))?)))
    }

    /// The ids of stores of which the one of clients must not be new.
    async fn read_pair(&self) -> Result<Option<(StoreId, Option<StoreId>)>, OpenError> {
        let (Some((id, partner)), Some(part)) = (self.read_ids().await?, self.clients_part()) else { return Ok(None) };
        let id = id.ok_or_else(|| OpenError::Outdated { setting: part.setting, place: part.place.clone() })?;
        Ok(Some((id, partner)))
    }

    async fn set_partner(&self, before: Option<StoreId>, id: StoreId) -> Result<(), OpenError> {
        let orders = self.orders_part();
        let caller = Caller::system("pair").map_err(|fault| orders.failed(StoreError::backend(fault)))?;
        let recorded = self.orders.set_partner(before, id, &Stamp::new(SystemClock.now(), &caller)).await;
        match recorded {
            // Another process was faster.
            Err(StoreError::EntryConflict { .. }) => match self.orders.partner().await {
                Ok(Some(partner)) if partner != id => Err(self.foreign(Some(id), partner)),
                Ok(_) => Ok(()),
                Err(source) => Err(orders.failed(source)),
            },
            recorded => recorded.map_err(|source| orders.failed(source)),
        }
    }

    async fn orders_name_clients(&self) -> Result<bool, OpenError> {
        let page = self.orders.client_ids(&PageRequest::first(one())).await;
        page.map(|page| !page.items.is_empty()).map_err(|source| self.orders_part().failed(source))
    }

    /// Whether orders name clients, and none of the first of them is in the store of clients.
    async fn knows_no_client_of_the_orders(&self) -> Result<bool, OpenError> {
        let limit = PageLimit::new(100).unwrap_or(PageLimit::MAX);
        let named = self.orders.client_ids(&PageRequest::first(limit)).await;
        let named = named.map_err(|source| self.orders_part().failed(source))?.items;
        let part = self.clients_part().unwrap_or_else(|| self.orders_part());
        let existing = self.clients.existing(&named).await.map_err(|source| part.failed(source))?;
        Ok(!named.is_empty() && existing.is_empty())
    }

    fn is_one_database(&self) -> bool {
        self.pair.0 == Some(self.pair.1)
    }

    fn clients_part(&self) -> Option<&Part> {
        self.pair.0.map(|part| &self.parts[part])
    }

    fn orders_part(&self) -> &Part {
        &self.parts[self.pair.1]
    }

    /// The setting of the clients, and both places.
    fn names(&self) -> (&'static str, String, String) {
        let [clients, orders, _] = self.places();
        (self.clients_part().map_or("--clients", |part| part.setting), clients.to_owned(), orders.to_owned())
    }

    fn foreign(&self, id: Option<StoreId>, partner: StoreId) -> OpenError {
        let (clients_setting, clients, orders) = self.names();
        let id = id.map_or_else(|| "new".to_owned(), |id| id.to_string());
        OpenError::Foreign { clients_setting, clients, orders, partner, id }
    }
}

fn one() -> PageLimit {
    PageLimit::new(1).unwrap_or(PageLimit::MAX)
}
