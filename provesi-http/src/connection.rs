//! Where a request comes from and which host it is for: read once per request, with what a trusted proxy adds.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Version, header};

use crate::hosts::{AllowedHosts, TrustedProxies};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The most proxies that are followed back to the client: more would let a caller make the walk long.
const MAX_HOPS: usize = 16;

/// The longest host: a name in DNS, and its trailing dot.
const MAX_HOST_LEN: usize = 254;

/// What every request carries in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// `None` only in HTTP/1.0.
    host: Option<Host>,
    /// Whether the request names no host but allowed ones.
    pub(crate) is_known_host: bool,
    /// Whether a trusted proxy says that the client uses TLS.
    pub(crate) is_tls: bool,
    /// The client's address; that of the peer unless a trusted proxy says otherwise.
    pub(crate) address: Option<IpAddr>,
    /// Whether the peer may say which person asks.
    pub(crate) may_name_users: bool,
}

/// The request does not say, or not clearly, which host it is for (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadHost;

impl ConnectionInfo {
    /// Reads the head of a request.
    pub(crate) fn read(request: &Request, hosts: &AllowedHosts, proxies: &TrustedProxies) -> Result<Self, BadHost> {
        let headers = request.headers();
        let peer = peer_address(request.extensions());
        let is_trusted = peer.is_some_and(|peer| proxies.trusts(peer));
        let host = requested_host(request)?;
        let forwarded = if is_trusted { first_entry(headers, &FORWARDED_HOST) } else { None };
        let forwarded = forwarded.map(Host::parse).transpose()?;
        // Both: a browser on the proxy's machine can reach the port directly and send any X-Forwarded-Host.
        let is_known_host = [&host, &forwarded].into_iter().flatten().all(|host| hosts.allows(host.name()));
        Ok(Self {
            host: forwarded.or(host),
            is_known_host,
            is_tls: is_trusted
                && first_entry(headers, &FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case(b"https")),
            address: peer.map(|peer| if is_trusted { client_address(headers, peer, proxies) } else { peer }),
            may_name_users: is_trusted || (proxies.is_empty() && peer.is_some_and(|peer| peer.is_loopback())),
        })
    }

    /// Whether `url`, such as an `Origin`, is of the host that the request is for. A port that is the default of the URL's
    /// scheme equals none.
    pub(crate) fn is_same_site(&self, url: &[u8]) -> bool {
        let (authority, default_port) = match (url.strip_prefix(b"https://"), url.strip_prefix(b"http://")) {
            (Some(rest), _) => (rest, 443),
            // A page without TLS may come from anyone between the browser and the proxy.
            (_, Some(rest)) if !self.is_tls => (rest, 80),
            _ => return false,
        };
        let authority = authority.split(|byte| b"/?#".contains(byte)).next().unwrap_or_default();
        let (Ok(source), Some(host)) = (Host::parse(authority), &self.host) else { return false };
        source.name().eq_ignore_ascii_case(host.name())
            && source.port.unwrap_or(default_port) == host.port.unwrap_or(default_port)
    }

    /// The host that the request is for, for the log.
    pub(crate) fn host(&self) -> &str {
        self.host.as_ref().map_or("", |host| host.name())
    }
}

/// The address of a request's client, also where [`ConnectionInfo`] is missing because a layer is used on its own.
pub(crate) fn client(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectionInfo>().map_or_else(|| peer_address(extensions), |connection| connection.address)
}

fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// `uri-host [":" port]` of RFC 9110, section 7.2.
#[derive(Clone, Debug)]
struct Host {
    authority: Authority,
    port: Option<u16>,
}

impl Host {
    fn parse(bytes: &[u8]) -> Result<Self, BadHost> {
        Self::new(Authority::try_from(bytes).map_err(|_| BadHost)?)
    }

    fn new(authority: Authority) -> Result<Self, BadHost> {
        let host = authority.host();
        // What stands before the host is userinfo, which no host may have.
        let is_name = (1..=MAX_HOST_LEN).contains(&host.len());
        let rest = authority.as_str().strip_prefix(host).filter(|_| is_name).ok_or(BadHost)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            Some("") => None,
            Some(port) => Some(port.parse().map_err(|_| BadHost)?),
            None => return Err(BadHost),
        };
        Ok(Self { authority, port })
    }

    fn name(&self) -> &str {
        self.authority.host()
    }
}

/// The host in the request target and in `Host`. HTTP/1.1 needs the header, exactly once; HTTP/2 has the target alone.
fn requested_host(request: &Request) -> Result<Option<Host>, BadHost> {
    let target = request.uri().authority().cloned().map(Host::new).transpose()?;
    let mut values = request.headers().get_all(header::HOST).iter();
    let host = values.next().map(|value| Host::parse(value.as_bytes())).transpose()?;
    if values.next().is_some() {
        return Err(BadHost);
    }
    match (target, host) {
        (Some(target), Some(host)) => {
            let default_port = if request.uri().scheme_str() == Some("https") { 443 } else { 80 };
            let is_same = target.name().eq_ignore_ascii_case(host.name())
                && target.port.unwrap_or(default_port) == host.port.unwrap_or(default_port);
            is_same.then_some(Some(host)).ok_or(BadHost)
        }
        (Some(target), None) if request.version() > Version::HTTP_11 => Ok(Some(target)),
        (target, None) if request.version() < Version::HTTP_11 => Ok(target),
        (_, None) => Err(BadHost),
        (None, host) => Ok(host),
    }
}

/// The first entry of a list: what the outermost proxy said.
fn first_entry<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let entry = headers.get(name)?.as_bytes().split(|&byte| byte == b',').next()?.trim_ascii();
    (!entry.is_empty()).then_some(entry)
}

/// Follows `X-Forwarded-For` from its end, where the nearest proxy writes, for as long as the entries are trusted proxies.
/// Whatever stands before the first entry that is not one may be the client's invention.
fn client_address(headers: &HeaderMap, peer: IpAddr, proxies: &TrustedProxies) -> IpAddr {
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let entries = values.map(HeaderValue::as_bytes).flat_map(|value| value.rsplit(|&byte| byte == b','));
    let mut client = peer;
    for entry in entries.take(MAX_HOPS) {
        // An entry such as `unknown` ends the chain: the proxy after it is the last address that is known.
        let Some(address) = parse_address(entry) else { break };
        client = address;
        if !proxies.trusts(address) {
            break;
        }
    }
    client
}

/// An address, with or without a port.
fn parse_address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
