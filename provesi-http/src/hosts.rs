//! Which host names the router answers to, and which peers are trusted as proxies.

use std::net::IpAddr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

/// The host names that the router answers to. A request for another host is answered 421.
///
/// The default allows the loopback names (`localhost` and names below it) and IP literals, which are always allowed: a web
/// page cannot point a domain of its own at them (DNS rebinding). A service under a domain has to name that domain, as in
/// `"bodega.example.com, bodega.internal".parse()`.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts {
    is_any: bool,
    /// Without a trailing dot.
    names: Arc<[Box<str>]>,
}

/// A list of host names that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be host names without scheme and port, comma-separated, such as bodega.example.com (a name that is not ASCII as \
     xn--…), or any"
)]
pub struct InvalidHosts;

/// The longest name that DNS allows.
const MAX_NAME_LEN: usize = 253;

impl AllowedHosts {
    /// Every host. This removes the protection against DNS rebinding: only where a layer in front has checked the host.
    #[must_use]
    pub fn any() -> Self {
        Self { is_any: true, ..Self::default() }
    }

    /// Whether a name is allowed; an IPv6 address is in brackets.
    pub(crate) fn allows(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.is_any
            || is_ip_literal(name)
            || is_loopback_name(name)
            || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn is_ip_literal(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

fn is_loopback_name(name: &str) -> bool {
    const LOCALHOST: &[u8] = b"localhost";
    let (rest, last) = name.as_bytes().split_at(name.len().saturating_sub(LOCALHOST.len()));
    last.eq_ignore_ascii_case(LOCALHOST) && (rest.is_empty() || rest.ends_with(b"."))
}

/// Comma-separated names, or `any`. An empty text adds no name to the default.
impl FromStr for AllowedHosts {
    type Err = InvalidHosts;

    fn from_str(text: &str) -> Result<Self, InvalidHosts> {
        match text.trim() {
            "" => return Ok(Self::default()),
            "any" => return Ok(Self::any()),
            _ => {}
        }
        let names = text.split(',').map(|name| {
            let name = name.trim();
            let name = name.strip_suffix('.').unwrap_or(name);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            let is_name = (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(is_plain);
            (is_name || is_ip_literal(name)).then(|| Box::from(name)).ok_or(InvalidHosts)
        });
        Ok(Self { is_any: false, names: names.collect::<Result<_, _>>()? })
    }
}

/// The proxies whose word counts: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and the
/// [user header](crate::HttpOptions::user_header) are believed when the peer of the connection is one of these addresses,
/// and ignored otherwise. The default trusts nobody.
///
/// The peer's address is the [`ConnectInfo`](axum::extract::ConnectInfo)`<SocketAddr>` in the extensions of the request. A
/// peer without one is not trusted. A list is parsed from a text such as `"127.0.0.1, 10.20.0.0/16, fd00::/8"`.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// A list of proxies that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be addresses and networks, comma-separated, such as 127.0.0.1,10.20.0.0/16")]
pub struct InvalidProxies;

impl TrustedProxies {
    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the peer at this canonical address is trusted.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Comma-separated addresses and networks (CIDR). An empty text trusts nobody.
impl FromStr for TrustedProxies {
    type Err = InvalidProxies;

    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let networks = text.split(',').map(|entry| {
            let entry = entry.trim();
            let address = entry.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            address.or_else(|_| entry.parse()).map_err(|_| InvalidProxies)
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_ip_literals_are_allowed_and_other_names_only_where_they_are_listed() {
        let hosts: AllowedHosts = "bodega.example.com, Otra.Example.".parse().unwrap();
        for name in [
            "localhost",
            "LocalHost.",
            "app.localhost",
            "127.0.0.1",
            "203.0.113.9",
            "[::1]",
            "[2001:db8::1]",
            "bodega.example.com",
            "BODEGA.example.com.",
            "otra.example",
        ] {
            assert!(hosts.allows(name), "{name}");
        }
        for name in [
            "evil",
            "evil.example",
            "x.bodega.example.com",
            "bodega.example.com.evil",
            "notlocalhost",
            "localhost.evil",
            "127.0.0.1.evil",
            "127.1",
            "0x7f000001",
            "[::1",
            "::1",
            "[evil]",
            "",
            ".",
        ] {
            assert!(!hosts.allows(name), "{name}");
        }
        assert!(AllowedHosts::any().allows("evil") && "any".parse::<AllowedHosts>().unwrap().allows("evil"));
        assert!(!AllowedHosts::default().allows("bodega.example.com"));
    }

    #[test]
    fn a_list_of_hosts_has_names_alone() {
        for text in ["a.example:8000", "https://a.example", "a.example,", "ñandú.co", "a b", "*.example", "a/b", ","]
        {
            assert_eq!(text.parse::<AllowedHosts>().unwrap_err(), InvalidHosts, "{text}");
        }
        assert!("192.0.2.1,[::1]".parse::<AllowedHosts>().is_ok());
    }

    #[test]
    fn a_proxy_is_trusted_by_its_address_or_its_network() {
        let proxies: TrustedProxies = "127.0.0.1, 10.20.0.0/16,::ffff:192.0.2.7, fd00::/8".parse().unwrap();
        for address in ["127.0.0.1", "10.20.255.1", "192.0.2.7", "fd00::1"] {
            assert!(proxies.trusts(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.2", "10.21.0.1", "192.0.2.8", "::1", "fe80::1"] {
            assert!(!proxies.trusts(address.parse().unwrap()), "{address}");
        }
        assert!(TrustedProxies::default().is_empty() && " ".parse::<TrustedProxies>().unwrap().is_empty());
        for text in ["proxy", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.1,"] {
            assert_eq!(text.parse::<TrustedProxies>().unwrap_err(), InvalidProxies, "{text}");
        }
    }
}
