//! Who may use the server, and from where.

use axum::http::{HeaderName, HeaderValue, Method};
use provesi_http::{AllowedHosts, CorsOptions, HttpOptions, TrustedProxies};

use super::values::switch;
use super::{Env, SettingError};
use crate::cli::ExposureArgs;

#[derive(Clone, Debug)]
pub(crate) struct ExposureSettings {
    pub(crate) hosts: AllowedHosts,
    /// Whether there is anything in `hosts` but the default.
    pub(crate) names_hosts: bool,
    pub(crate) trusted_proxies: TrustedProxies,
    /// The header in which a proxy names the user.
    pub(crate) user_header: Option<HeaderName>,
    /// Whether it is intended that everybody may read and change everything.
    pub(crate) is_open: bool,
    pub(crate) cors: CorsOptions,
}

impl ExposureSettings {
    pub(crate) fn apply(&self, options: &mut HttpOptions) {
        options.hosts = self.hosts.clone();
        options.trusted_proxies = self.trusted_proxies.clone();
        options.user_header.clone_from(&self.user_header);
        options.cors = self.cors.clone();
    }
}

/// Whose scripts may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Any,
    /// These and no others; none where there are none.
    List(Vec<HeaderValue>),
}

/// What no user's name is read from.
const SECRET_HEADERS: [&str; 5] = ["authorization", "cookie", "host", "proxy-authorization", "x-service-token"];

impl Env<'_> {
    pub(super) fn exposure(&self, args: ExposureArgs) -> Result<ExposureSettings, SettingError> {
        let (hosts, names_hosts) = self.setting("hosts", args.hosts, "", |text| {
            let hosts = text.parse::<AllowedHosts>().map_err(|error| error.to_string())?;
            Ok((hosts, !text.is_empty()))
        })?;
        let trusted_proxies = self.setting("trusted-proxies", args.trusted_proxies, "", |text| {
            text.parse().map_err(|error: provesi_http::InvalidProxies| error.to_string())
        })?;
        let user_header = self.setting("user-header", args.user_header, "", |text| match text {
            "" => Ok(None),
            name if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => {
                Err("must not be a header that holds a secret or the host: its value is logged as the user".to_owned())
            }
            name => name.parse().map(Some).map_err(|_| "must be the name of a request header".to_owned()),
        })?;
        let is_open = self.setting("open", args.open, "off", switch)?;
        let origins = self.setting("cors", args.cors, "none", origins)?;
        let methods = self.setting("cors-methods", args.cors_methods, "GET,HEAD", |text| {
            let methods = methods(text)?;
            if origins == Origins::Any && !methods.iter().all(Method::is_safe) {
                return Err("must be GET and HEAD alone with --cors any: name the origins that may write".into());
            }
            Ok(methods)
        })?;
        let headers =
            self.setting("cors-headers", args.cors_headers, "content-type,if-match,x-request-id", header_names)?;
        let cors = match origins {
            Origins::Any => CorsOptions::any_may_read(),
            Origins::List(origins) => CorsOptions::origins(origins, methods),
        };
        let cors = cors.with_headers(headers);
        Ok(ExposureSettings { hosts, names_hosts, trusted_proxies, user_header, is_open, cors })
    }
}

fn origins(text: &str) -> Result<Origins, String> {
    match text {
        "any" | "*" => return Ok(Origins::Any),
        "none" => return Ok(Origins::List(Vec::new())),
        _ => {}
    }
    let list = text.split(',').map(|origin| {
        let origin = origin.trim().to_ascii_lowercase();
        // Browsers leave the default port out.
        let host = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
            (Some(host), _) => host.strip_suffix(":443").unwrap_or(host),
            (_, Some(host)) => host.strip_suffix(":80").unwrap_or(host),
            _ => "",
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
        let scheme = if origin.starts_with("https:") { "https" } else { "http" };
        (!host.is_empty() && host.chars().all(is_plain))
            .then(|| HeaderValue::try_from(format!("{scheme}://{host}")).ok())
            .flatten()
            .ok_or("must be none, any, or origins such as https://example.com, comma-separated".to_owned())
    });
    list.collect::<Result<_, _>>().map(Origins::List)
}

/// The methods that the API has.
const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];

fn methods(text: &str) -> Result<Vec<Method>, String> {
    let method = |name: &str| METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(name.trim()));
    let found: Option<_> = text.split(',').map(method).collect();
    found.ok_or("must be some of GET, HEAD, POST, PUT and DELETE, comma-separated".into())
}

fn header_names(text: &str) -> Result<Vec<HeaderName>, String> {
    let found: Result<_, _> = text.split(',').map(|name| name.trim().parse()).collect();
    found.map_err(|_| "must be names of request headers, comma-separated, such as content-type,if-match".into())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<ExposureSettings, String> {
        let variables =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Env(&variables).exposure(ExposureArgs::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_exposed_by_default() {
        let default = settings(&[]).unwrap();
        assert!(!default.names_hosts && !default.is_open && default.trusted_proxies.is_empty());
        assert!(default.user_header.is_none());
        assert!(settings(&[("PROVESI_HOSTS", "bodega.example.com")]).unwrap().names_hosts);
    }

    #[test]
    fn a_bad_setting_is_named() {
        for (variable, value, why) in [
            ("PROVESI_HOSTS", "bodega.example.com:8000", "must be host names without scheme and port"),
            ("PROVESI_TRUSTED_PROXIES", "proxy.internal", "must be addresses and networks"),
            ("PROVESI_OPEN", "yes", "must be on or off"),
            ("PROVESI_USER_HEADER", "a b", "must be the name of a request header"),
            ("PROVESI_USER_HEADER", "Authorization", "must not be a header that holds a secret"),
        ] {
            let refused = settings(&[(variable, value)]).unwrap_err();
            assert!(refused.starts_with(&format!("{variable}: {why}")), "{refused}");
        }
    }

    #[test]
    fn any_origin_and_a_method_that_writes_do_not_go_together() {
        for methods in ["GET,PUT", "POST", "delete"] {
            let refused = settings(&[("PROVESI_CORS", "any"), ("PROVESI_CORS_METHODS", methods)]).unwrap_err();
            assert!(refused.starts_with("PROVESI_CORS_METHODS: must be GET and HEAD alone"), "{refused}");
            assert!(settings(&[("PROVESI_CORS_METHODS", methods)]).is_ok());
            let named = [("PROVESI_CORS", "https://a.example"), ("PROVESI_CORS_METHODS", methods)];
            assert!(settings(&named).is_ok());
        }
        assert!(settings(&[("PROVESI_CORS", "any"), ("PROVESI_CORS_METHODS", "HEAD")]).is_ok());
    }

    #[test]
    fn origins_methods_and_headers() {
        assert_eq!(origins("any"), Ok(Origins::Any));
        assert_eq!(origins("none"), Ok(Origins::List(vec![])));
        let list = ["https://a.example", "http://b:1", "https://c.example", "http://d.example"];
        let list = list.map(HeaderValue::from_static).to_vec();
        let given = "https://A.example, http://b:1,https://c.example:443,http://d.example:80";
        assert_eq!(origins(given), Ok(Origins::List(list)));
        assert!(origins("a.example").is_err() && origins("https://a/b").is_err() && origins("https://").is_err());
        assert_eq!(methods("get, PUT").unwrap(), [Method::GET, Method::PUT]);
        assert!(methods("PATCH").is_err() && methods("").is_err());
        assert_eq!(header_names("If-Match, x-a").unwrap(), ["if-match", "x-a"]);
        assert!(header_names("a b").is_err() && header_names("").is_err());
    }
}
