//! Why stores were not opened, by the setting that names them.

use provesi_core::{StoreError, StoreId};

use crate::settings::SettingError;

/// A store that cannot be opened or used, by the setting that names it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("{setting}: {place}")]
    Store {
        setting: &'static str,
        place: String,
        #[source]
        source: StoreError,
    },
    #[error("{setting}: {place}: there is no such file; `provesi-server migrate` creates it, or `serve --create`")]
    Missing { setting: &'static str, place: String },
    #[error(
        "{setting}: {place} holds tables of another program ({}) and none of Provesi's; name a database of its own, or give \
         `migrate --shared-database`",
        tables.join(", ")
    )]
    Unrelated { setting: &'static str, place: String, tables: Vec<String> },
    #[error("{setting}: {place}: the tables are of an older version; run `provesi-server migrate` first")]
    Outdated { setting: &'static str, place: String },
    #[error(
        "{clients_setting}: {clients} and {orders} do not belong together: the orders belong to the store of clients {partner}, and \
         this one is {id}. Name the right databases; `provesi-server pair` shows both, and changes the pair if that is meant"
    )]
    Foreign { clients_setting: &'static str, clients: String, orders: String, partner: StoreId, id: String },
    #[error(
        "{clients_setting}: it is not on record that {clients} and {orders} belong together; run `provesi-server migrate`, which \
         shows what both hold and records it"
    )]
    Unpaired { clients_setting: &'static str, clients: String, orders: String },
    #[error(
        "{clients_setting}: {clients} holds none of the clients that orders in {orders} name, so they were not recorded as a pair. \
         Name the right databases, or run `provesi-server pair --change`"
    )]
    NoClients { clients_setting: &'static str, clients: String, orders: String },
    #[error("no temporary file can be made")]
    Temporary(#[source] std::io::Error),
}

impl OpenError {
    /// What is unavailable, in one word of those that `/readyz` shows, if the database may answer a little later.
    pub(crate) fn unavailable(&self) -> Option<&'static str> {
        let Self::Store { setting, source: StoreError::Unavailable { .. }, .. } = self else { return None };
        let setting = setting.to_ascii_lowercase();
        Some(match () {
            () if setting.contains("clients") => "clients_unavailable",
            () if setting.contains("audit") => "audit_unavailable",
            () => "orders_unavailable",
        })
    }
}
