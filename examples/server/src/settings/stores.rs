//! The URLs of the stores of clients and orders.

use std::ffi::OsString;
use std::num::NonZeroU32;

use super::values::{connections, store_url};
use super::{Env, PeerSettings, SettingError, SqlUrl, StoreUrl};
use crate::cli::StoreArgs;

/// The file of both stores where no URL is set.
pub(crate) const DEFAULT_FILE: &str = "./provesi.db";

/// The stores, as they were asked for.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) clients: StoreUrl,
    pub(crate) orders: SqlUrl,
    /// Whether both are in [`DEFAULT_FILE`] because no setting named them.
    pub(crate) is_default: bool,
    /// The flags or variables that named them.
    pub(crate) clients_setting: &'static str,
    pub(crate) orders_setting: &'static str,
    /// Connections that read, for each file.
    pub(crate) readers: NonZeroU32,
    /// Connections to each server, at most.
    pub(crate) pool: NonZeroU32,
    /// By what the service of the clients knows this one, where they are another process's.
    pub(crate) peer: Option<PeerSettings>,
}

impl Env<'_> {
    /// The URL of a store, with the setting that gave it; `None` where neither flag nor variable is set. An empty one is
    /// refused: it is a mistake, and another database in its place would cost data.
    pub(super) fn url(
        &self,
        (flag, variable): (&'static str, &'static str),
        given: Option<String>,
    ) -> Result<Option<(&'static str, StoreUrl)>, SettingError> {
        let (setting, text) = match (given, (self.0)(variable).map(OsString::into_string)) {
            (Some(text), _) => (flag, text),
            (None, None) => return Ok(None),
            (None, Some(Ok(text))) => (variable, text),
            (None, Some(Err(_))) => return Err(SettingError::new(variable, "must be UTF-8")),
        };
        let refused = |why| SettingError::new(setting, why);
        match text.trim() {
            "" => Err(refused("is empty; it must be a URL, or not be set at all".to_owned())),
            url => store_url(url).map(|url| Some((setting, url))).map_err(refused),
        }
    }

    pub(crate) fn stores(&self, args: StoreArgs) -> Result<StoreSettings, SettingError> {
        const CLIENTS: (&str, &str) = ("--clients", "PROVESI_CLIENTS_URL");
        const ORDERS: (&str, &str) = ("--orders", "PROVESI_ORDERS_URL");
        let clients = self.url((args.clients_flag.unwrap_or(CLIENTS.0), CLIENTS.1), args.clients)?;
        let orders = self.url((args.orders_flag.unwrap_or(ORDERS.0), ORDERS.1), args.orders)?;
        // One without the other would pair a database with the default file, which knows none of its clients or orders.
        let alone = |setting, (flag, variable): (&str, &str)| {
            let why =
                format!("is set without {flag} or {variable}; set both, which may name the same database, or neither");
            Err(SettingError::new(setting, why))
        };
        let is_default = clients.is_none();
        let ((clients_setting, clients), (orders_setting, orders)) = match (clients, orders) {
            (Some(clients), Some(orders)) => (clients, orders),
            (Some((setting, _)), None) => return alone(setting, ORDERS),
            (None, Some((setting, _))) => return alone(setting, CLIENTS),
            (None, None) => {
                let default = StoreUrl::Sql(SqlUrl::Sqlite(DEFAULT_FILE.into()));
                ((CLIENTS.0, default.clone()), (ORDERS.0, default))
            }
        };
        Ok(StoreSettings {
            peer: if matches!(clients, StoreUrl::Service(_)) { Some(self.peer()?) } else { None },
            clients,
            orders: orders.for_orders().map_err(|why| SettingError::new(orders_setting, why))?,
            is_default,
            clients_setting,
            orders_setting,
            readers: self.setting("readers", args.readers, "4", |text| connections(text, 64))?,
            pool: self.setting("pool", args.pool, "16", |text| connections(text, 1_000))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(variables: &[(&str, &str)], args: StoreArgs) -> Result<StoreSettings, String> {
        let variables =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Env(&variables).stores(args).map_err(|error| error.to_string())
    }

    fn orders(url: &str) -> StoreArgs {
        StoreArgs { orders: Some(url.to_owned()), ..StoreArgs::default() }
    }

    #[test]
    fn without_a_url_both_stores_are_in_the_default_file() {
        let stores = stores(&[], StoreArgs::default()).unwrap();
        assert_eq!(stores.orders, SqlUrl::Sqlite(DEFAULT_FILE.into()));
        assert_eq!(stores.clients, StoreUrl::Sql(stores.orders));
    }

    #[test]
    fn one_url_without_the_other_is_refused_whichever_way_it_is_set() {
        let (clients, both) = (("PROVESI_CLIENTS_URL", "sqlite:a"), "which may name the same database, or neither");
        let refused = stores(&[clients], StoreArgs::default()).unwrap_err();
        assert_eq!(
            refused,
            format!("PROVESI_CLIENTS_URL: is set without --orders or PROVESI_ORDERS_URL; set both, {both}")
        );
        let refused = stores(&[], orders("sqlite:b")).unwrap_err();
        assert_eq!(refused, format!("--orders: is set without --clients or PROVESI_CLIENTS_URL; set both, {both}"));
        let mixed = stores(&[clients], orders("sqlite:b")).unwrap();
        assert_eq!((mixed.clients_setting, mixed.orders_setting), ("PROVESI_CLIENTS_URL", "--orders"));
        assert!(stores(&[clients], orders("sqlite:a")).is_ok());
    }

    #[test]
    fn an_empty_url_is_refused_as_variable_and_as_flag() {
        for empty in ["", "  "] {
            for name in ["PROVESI_CLIENTS_URL", "PROVESI_ORDERS_URL"] {
                let refused = stores(&[(name, empty)], orders("sqlite:b"));
                // A flag wins over its variable, also over an empty one.
                let expected = if name == "PROVESI_ORDERS_URL" { "--orders: is set without" } else { name };
                assert!(refused.unwrap_err().starts_with(expected), "{name}");
            }
            assert!(
                stores(&[("PROVESI_CLIENTS_URL", "sqlite:a")], orders(empty))
                    .unwrap_err()
                    .starts_with("--orders: is empty")
            );
        }
    }
}
