//! What the start says about who can reach the server.

use std::net::IpAddr;

use crate::settings::ServeSettings;

/// Logs a line for each setting that a server on this address should have.
pub(super) fn warn(settings: &ServeSettings, address: IpAddr) {
    for warning in warnings(settings, address) {
        tracing::warn!(%address, "{warning}");
    }
}

fn warnings(settings: &ServeSettings, address: IpAddr) -> Vec<&'static str> {
    let exposure = &settings.exposure;
    let knows_callers = settings.services.has_tokens() || exposure.user_header.is_some();
    let warnings = [
        (
            !knows_callers && !exposure.is_open,
            "no service tokens and no --user-header (PROVESI_USER_HEADER): whoever reaches this port can read and change \
             everything. Listen on 127.0.0.1 behind a proxy that authenticates, or say --open (PROVESI_OPEN=on) where \
             that is intended",
        ),
        (
            !exposure.names_hosts,
            "--hosts (PROVESI_HOSTS) is not set: only localhost and IP addresses are answered, other host names get 421",
        ),
        (
            exposure.user_header.is_some() && exposure.trusted_proxies.is_empty(),
            "--trusted-proxies (PROVESI_TRUSTED_PROXIES) is not set: the user header counts from this machine alone",
        ),
    ];
    let is_reachable = !address.to_canonical().is_loopback();
    warnings.into_iter().filter(|(applies, _)| is_reachable && *applies).map(|(_, warning)| warning).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::ServeArgs;
    use crate::settings::Env;

    /// The settings that the start names.
    fn named(address: &str, pairs: &[(&str, &str)]) -> Vec<&'static str> {
        let variables =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        let settings = Env(&variables).serve(ServeArgs::default()).unwrap();
        let warnings = warnings(&settings, address.parse().unwrap());
        let variables = ["PROVESI_OPEN", "PROVESI_HOSTS", "PROVESI_TRUSTED_PROXIES"];
        variables.into_iter().filter(|variable| warnings.iter().any(|text| text.contains(variable))).collect()
    }

    #[test]
    fn a_bind_beyond_loopback_names_what_is_missing() {
        assert_eq!(named("127.0.0.1", &[]), [""; 0]);
        assert_eq!(named("::ffff:127.0.0.1", &[]), [""; 0]);
        for address in ["0.0.0.0", "::", "192.0.2.1"] {
            assert_eq!(named(address, &[]), ["PROVESI_OPEN", "PROVESI_HOSTS"]);
        }
        let hosts = ("PROVESI_HOSTS", "bodega.example.com");
        assert_eq!(named("0.0.0.0", &[hosts, ("PROVESI_OPEN", "on")]), [""; 0]);
        assert_eq!(named("0.0.0.0", &[hosts, ("MICROSERVICE_SERVICE_TOKEN", "0123456789abcdef")]), [""; 0]);
        let user = ("PROVESI_USER_HEADER", "x-forwarded-user");
        assert_eq!(named("0.0.0.0", &[hosts, user]), ["PROVESI_TRUSTED_PROXIES"]);
        assert_eq!(named("0.0.0.0", &[hosts, user, ("PROVESI_TRUSTED_PROXIES", "10.0.0.0/8")]), [""; 0]);
    }
}
