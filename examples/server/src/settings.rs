//! What the settings mean: flags and environment variables read, checked and given their defaults. No I/O.

mod audit;
mod exposure;
mod places;
mod services;
mod stores;
mod values;

pub(crate) use audit::{Audit, AuditSettings};
pub(crate) use exposure::ExposureSettings;
pub(crate) use stores::{DEFAULT_FILE, StoreSettings};

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use provesi_core::{ActorName, StatusFlow};
use provesi_http::SecretKey;
use tracing_subscriber::EnvFilter;

use crate::cli::{LogArgs, ServeArgs};
pub(crate) use services::{PeerSettings, ServiceSettings};
use values::{actor_names, address, duration, number, one_of, secret_key, size, switch};

/// A setting that cannot be used: the flag or the variable, and why. One line, without the value of a URL.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {why}")]
pub(crate) struct SettingError {
    setting: String,
    why: String,
}

impl SettingError {
    pub(crate) fn new(setting: impl Into<String>, why: impl Into<String>) -> Self {
        Self { setting: setting.into(), why: why.into() }
    }
}

/// A URL that may hold a password: never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The URL, for whoever connects.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where a store of both ports is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SqlUrl {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// A database of PostgreSQL's.
    Postgres(Secret),
}

/// Where clients may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// Where orders may be as well.
    Sql(SqlUrl),
    /// A database of MongoDB's.
    Mongo(Secret),
    /// Another process's service.
    Service(String),
}

impl StoreUrl {
    /// Orders cannot be everywhere.
    fn for_orders(self) -> Result<SqlUrl, String> {
        match self {
            Self::Sql(url) => Ok(url),
            Self::Mongo(_) => Err("MongoDB keeps clients, no orders; use postgres://… or sqlite:PATH".into()),
            Self::Service(_) => Err("orders are kept here; use postgres://… or sqlite:PATH".into()),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ServeSettings {
    pub(crate) listen: SocketAddr,
    /// Whether files that are named and missing are created.
    pub(crate) create: bool,
    pub(crate) flow: StatusFlow,
    /// The services that may read the audit records.
    pub(crate) audit_readers: Vec<ActorName>,
    pub(crate) exposure: ExposureSettings,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    /// How long requests are still taken after SIGTERM, while `/readyz` says that no more should come.
    pub(crate) drain_delay: Duration,
    pub(crate) max_connections: usize,
    pub(crate) pages: bool,
    /// Signs the forms of the pages; `None` for a new one of each start.
    pub(crate) secret_key: Option<SecretKey>,
    /// By what other services are known.
    pub(crate) services: ServiceSettings,
}

#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: EnvFilter,
    pub(crate) json: bool,
}

/// The environment, as a function so that tests need not change the process's.
pub(crate) struct Env<'a>(pub(crate) &'a dyn Fn(&str) -> Option<OsString>);

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

impl Env<'_> {
    /// The flag `--NAME`, else the environment variable `PROVESI_NAME`, else the default.
    fn setting<T>(
        &self,
        name: &str,
        given: Option<String>,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingError> {
        match given {
            Some(text) => parse(text.trim()).map_err(|why| SettingError::new(format!("--{name}"), why)),
            None => self.variable(&format!("PROVESI_{}", name.to_uppercase().replace('-', "_")), default, parse),
        }
    }

    /// The environment variable, else the default. An empty variable counts as none.
    fn variable<T>(
        &self,
        variable: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingError> {
        let text = match (self.0)(variable).map(OsString::into_string) {
            Some(Ok(text)) if !text.trim().is_empty() => text,
            Some(Err(_)) => return Err(SettingError::new(variable, "must be UTF-8")),
            _ => default.to_owned(),
        };
        parse(text.trim()).map_err(|why| SettingError::new(variable, why))
    }

    pub(crate) fn serve(&self, args: ServeArgs) -> Result<ServeSettings, SettingError> {
        let timeout = |text: &str| duration(text, Duration::from_millis(1));
        Ok(ServeSettings {
            create: args.create.unwrap_or(false),
            listen: self.setting("listen", args.listen, "127.0.0.1:8000", address)?,
            flow: self.setting("flow", args.flow, "any", |text| {
                one_of(text, [("any", StatusFlow::any()), ("strict", StatusFlow::strict())])
            })?,
            audit_readers: self.setting("audit-readers", args.audit_readers, "", actor_names)?,
            exposure: self.exposure(args.exposure)?,
            body_limit: self.setting("body-limit", args.body_limit, "64KiB", size)?,
            request_timeout: self.setting("request-timeout", args.request_timeout, "30s", timeout)?,
            idle_timeout: self.setting("idle-timeout", args.idle_timeout, "30s", timeout)?,
            drain_timeout: self
                .setting("drain-timeout", args.drain_timeout, "10s", |text| duration(text, Duration::ZERO))?,
            drain_delay: self.setting("drain-delay", args.drain_delay, "0s", |text| duration(text, Duration::ZERO))?,
            max_connections: self
                .setting("max-connections", args.max_connections, "1024", |text| number(text, 1, 1_000_000))?,
            pages: self.setting("pages", args.pages, "on", switch)?,
            // No flag: a command line is seen by everybody on the machine.
            secret_key: self.variable("PROVESI_SECRET_KEY", "", secret_key)?,
            services: self.services(args.strict_messages)?,
        })
    }

    pub(crate) fn log(&self, args: LogArgs) -> Result<LogSettings, SettingError> {
        Ok(LogSettings {
            filter: self.setting("log", args.log, "info", |text| {
                let refused =
                    |_| "must be a level (error, warn, info, debug, trace) or target=level with commas".into();
                EnvFilter::builder().parse(text).map_err(refused)
            })?,
            json: self.setting("log-format", args.log_format, "text", |text| {
                one_of(text, [("text", false), ("json", true)])
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::values::store_url;

    fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn a_flag_wins_over_the_variable_and_the_variable_over_the_default() {
        let variables = env(&[("PROVESI_LISTEN", "127.0.0.1:1"), ("PROVESI_FLOW", ""), ("PROVESI_BODY_LIMIT", "2k")]);
        let env = Env(&variables);
        let given = ServeArgs { listen: Some("127.0.0.1:2".into()), ..ServeArgs::default() };
        assert_eq!(env.serve(given).unwrap().listen.port(), 2);
        let serve = env.serve(ServeArgs::default()).unwrap();
        assert_eq!((serve.listen.port(), serve.body_limit), (1, 2_048));
        assert_eq!((serve.flow, serve.audit_readers.len()), (StatusFlow::any(), 0));
        assert_eq!(serve.drain_timeout, Duration::from_secs(10));
    }

    #[test]
    fn a_refusal_names_what_was_used() {
        let variables = env(&[("PROVESI_LISTEN", "nowhere")]);
        let env = Env(&variables);
        let refused = |args| env.serve(args).unwrap_err().to_string();
        assert!(refused(ServeArgs::default()).starts_with("PROVESI_LISTEN: must be an address"));
        let listen = Some("0.0.0.0:1".to_owned());
        let args = ServeArgs { listen, flow: Some("loose".into()), ..ServeArgs::default() };
        assert_eq!(refused(args), "--flow: must be any or strict");
        let log = LogArgs { log: Some("provesi=loud".into()), log_format: None };
        assert!(env.log(log).unwrap_err().to_string().starts_with("--log: must be a level"));
    }

    #[test]
    fn a_url_names_a_store_and_its_secret_is_not_told() {
        for url in ["mysql://ana:hunter2@h", "hunter2"] {
            let why = store_url(url).unwrap_err();
            assert!(!why.contains("hunter2") && !why.contains('\n'), "{why}");
        }
        for url in ["postgres://ana:hunter2@h/db", "mongodb://ana:hunter2@h/db"] {
            assert!(!format!("{:?}", store_url(url).unwrap()).contains("hunter2"));
        }
        for url in ["https://ana:hunter2@h", "http://hunter2.example.com"] {
            let why = store_url(url).unwrap_err();
            assert!(why.contains("must") && !why.contains("hunter2"), "{why}");
        }
        assert!(store_url("http://127.0.0.1:8001").unwrap().for_orders().is_err());
        let refused = store_url("mongodb://h/db").unwrap().for_orders().unwrap_err();
        assert!(refused.contains("no orders"), "{refused}");
        let sqlite = |path: &str| StoreUrl::Sql(SqlUrl::Sqlite(path.into()));
        assert_eq!(store_url("sqlite:./a b.db").unwrap(), sqlite("./a b.db"));
        assert_eq!(store_url("sqlite:///var/a.db").unwrap(), sqlite("/var/a.db"));
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
            assert!(store_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_secret_key_is_long_and_is_not_told() {
        let variables = env(&[("PROVESI_SECRET_KEY", "hunter2")]);
        let refused = Env(&variables).serve(ServeArgs::default()).unwrap_err().to_string();
        assert!(refused.starts_with("PROVESI_SECRET_KEY: must have at least 32") && !refused.contains("hunter2"));
        assert!(secret_key("").unwrap().is_none());
        let key = secret_key("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "Some(SecretKey)");
    }

    #[test]
    fn sizes_and_times() {
        assert_eq!((size("2048"), size("64KiB"), size("1 MiB")), (Ok(2_048), Ok(65_536), Ok(1 << 20)));
        assert!(
            size("10").is_err() && size("-1").is_err() && size("1TiB").is_err() && size("99999999999999999m").is_err()
        );
        let time = |text| duration(text, Duration::from_millis(1));
        assert_eq!((time("500ms"), time("2m")), (Ok(Duration::from_millis(500)), Ok(Duration::from_secs(120))));
        assert!(time("0s").is_err() && time("1d").is_err() && time("").is_err() && time("1.5s").is_err());
    }
}
