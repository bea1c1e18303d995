//! Where a service is, and how it is spoken to.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Url, redirect};
use rustls::{ClientConfig, RootCertStore};

use super::error::NoClient;

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(1);

/// The address of a service, which paths are put behind.
pub(super) fn checked(base: &str) -> Result<Url, NoClient> {
    let mut url = Url::parse(base).map_err(|_| NoClient::Address)?;
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let host = url.host_str().filter(|_| is_bare).ok_or(NoClient::Address)?;
    match url.scheme() {
        "https" => {}
        "http" if is_here(host) => {}
        "http" => return Err(NoClient::InClear),
        _ => return Err(NoClient::Address),
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// How long an idle connection is kept: less than the 30 seconds after which the server closes it.
const IDLE: Duration = Duration::from_secs(20);

/// A client that speaks to nobody else: no redirects, which would hand the token on, and no proxy of the environment's.
pub(super) fn http(base: &Url) -> Result<reqwest::Client, NoClient> {
    let mut builder = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).connect_timeout(CONNECT);
    builder = builder.pool_idle_timeout(IDLE);
    // The certificates of the machine are read where they are needed. The configuration is given whichever: without one, the
    // builder would look for a provider of the whole process, which is not a library's to choose.
    let roots = if base.scheme() == "https" { trusted()? } else { RootCertStore::empty() };
    builder = builder.tls_backend_preconfigured(config(roots)?);
    builder.build().map_err(|error| NoClient::Tls(error.into()))
}

fn config(roots: RootCertStore) -> Result<ClientConfig, NoClient> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| NoClient::Tls(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates that the machine trusts, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn trusted() -> Result<RootCertStore, NoClient> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let why = found.errors.into_iter().next().map_or_else(|| "the system has no certificates".into(), Into::into);
    Err(NoClient::Tls(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_a_network_by_tls_alone() {
        for (base, path) in [
            ("https://clients.example.com", "/"),
            ("https://clients.example.com:8443/bodega/", "/bodega"),
            ("http://127.0.0.1:8000", "/"),
            ("http://[::1]:8000/", "/"),
            ("http://localhost:8000", "/"),
        ] {
            assert_eq!(checked(base).unwrap().path(), path, "{base}");
        }
        for base in
            ["http://clients.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.nip.io"]
        {
            assert!(matches!(checked(base), Err(NoClient::InClear)), "{base}");
        }
        for base in ["", "clients", "ftp://127.0.0.1", "https://u:p@h", "https://h?x", "https://h#x", "https://"] {
            assert!(matches!(checked(base), Err(NoClient::Address)), "{base}");
        }
    }
}
