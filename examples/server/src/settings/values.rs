//! The values of settings: each text checked, or refused with the rule. No environment, no flags.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use provesi_core::{ActorName, AuditChain};
use provesi_http::SecretKey;
use provesi_http::client::SecureServiceClient;

use super::{Secret, SqlUrl, StoreUrl};

/// What was given is not told in any of the refusals: it may hold a password.
pub(super) fn store_url(text: &str) -> Result<StoreUrl, String> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err("must be a URL such as sqlite:./provesi.db or postgres://HOST/DATABASE".into());
    };
    let secret = || Secret(text.to_owned());
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
            "" => Err("names no file; it must be such as sqlite:./provesi.db".into()),
            path if path.contains(":memory:") || path.contains('?') => {
                Err("must be the path of a file, without options, such as sqlite:./provesi.db".into())
            }
            path => Ok(StoreUrl::Sql(SqlUrl::Sqlite(path.into()))),
        },
        "postgres" | "postgresql" => {
            check_postgres_url(rest)?;
            Ok(StoreUrl::Sql(SqlUrl::Postgres(secret())))
        }
        "mongodb" | "mongodb+srv" => Ok(StoreUrl::Mongo(secret())),
        "https" | "http" => SecureServiceClient::check_address(text)
            .map(|()| StoreUrl::Service(text.to_owned()))
            .map_err(|error| error.to_string()),
        _ => Err("must be a URL that starts with sqlite:, postgres://, mongodb:// or https://".into()),
    }
}

/// The parameters that the driver knows. It logs others with their values.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Refuses what the driver takes for something else: with one slash the name of the user and the password are part of the
/// name of the database, which is logged.
fn check_postgres_url(rest: &str) -> Result<(), String> {
    const SHAPE: &str = "must be such as postgres://USER:PASSWORD@HOST/DATABASE";
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let Some(address) = address.strip_prefix("//") else { return Err(SHAPE.into()) };
    let (_, database) = address.split_once('/').unwrap_or((address, ""));
    if database.contains(['/', ':', '@']) {
        return Err(SHAPE.into());
    }
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let is_known = POSTGRES_PARAMETERS.contains(&name) || name.starts_with("options[");
        if !is_known {
            return Err(format!("has a parameter that is none of {}", POSTGRES_PARAMETERS.join(", ")));
        }
        if matches!(name, "host" | "hostaddr" | "dbname") && value.contains(['@', ':']) && !value.starts_with('[') {
            return Err(SHAPE.into());
        }
    }
    Ok(())
}

/// What was given is not told in a refusal.
pub(super) fn secret_key(text: &str) -> Result<Option<SecretKey>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let key = SecretKey::new(text.as_bytes());
    key.map(Some).map_err(|_| format!("must have at least {} bytes", SecretKey::MIN_BYTES))
}

/// The fewest bytes of a key of the audit.
const MIN_KEY: usize = 32;

/// What was given is not told in a refusal.
pub(super) fn audit_key(text: &str) -> Result<AuditChain, String> {
    match text.len() {
        0 => Ok(AuditChain::plain()),
        MIN_KEY.. => Ok(AuditChain::keyed(text.as_bytes())),
        _ => Err(format!("must have at least {MIN_KEY} bytes")),
    }
}

pub(super) fn actor_names(text: &str) -> Result<Vec<ActorName>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let names: Result<_, _> = text.split(',').map(ActorName::parse).collect();
    names.map_err(|_| {
        format!("must be names of services, with commas, each of at most {} characters", ActorName::MAX_CHARS)
    })
}

pub(super) fn connections(text: &str, max: u32) -> Result<NonZeroU32, String> {
    number(text, NonZeroU32::MIN, NonZeroU32::new(max).unwrap_or(NonZeroU32::MAX))
}

pub(super) fn one_of<T, const N: usize>(text: &str, choices: [(&str, T); N]) -> Result<T, String> {
    let names = choices.each_ref().map(|(name, _)| *name).join(" or ");
    let found = choices.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| value).ok_or(format!("must be {names}"))
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    one_of(text, [("on", true), ("off", false)])
}

pub(super) fn number<T: FromStr + PartialOrd + fmt::Display>(text: &str, min: T, max: T) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (&min..=&max).contains(&number));
    number.ok_or(format!("must be a number from {min} to {max}"))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replace("localhost", "127.0.0.1");
    text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8000 or [::1]:8000".into())
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" | "kib" => Some(1 << 10),
        "m" | "mb" | "mib" => Some(1 << 20),
        _ => None,
    };
    let bytes = digits.parse::<usize>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    bytes.filter(|bytes| (1_024..=1 << 30).contains(bytes)).ok_or("must be from 1KiB to 1024MiB, such as 1MiB".into())
}

pub(super) fn duration(text: &str, min: Duration) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis = digits.parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    let most = Duration::from_secs(24 * 3_600);
    let time = millis.map(Duration::from_millis).filter(|time| (min..=most).contains(time));
    time.ok_or("must be a time of at most a day, such as 500ms, 30s or 2m".into())
}
