use axum::body::Body;

use super::*;

/// A request as it arrives from `peer`, read by a server that allows `bodega.example` and trusts 10.0.0.0/8.
fn read(peer: &str, version: Version, target: &str, headers: &[(&str, &str)]) -> Result<ConnectionInfo, BadHost> {
    let request = Request::get(target).version(version);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value.as_bytes()));
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
    ConnectionInfo::read(&request, &"bodega.example".parse().unwrap(), &"10.0.0.0/8".parse().unwrap())
}

fn direct(headers: &[(&str, &str)]) -> Result<ConnectionInfo, BadHost> {
    read("192.0.2.1", Version::HTTP_11, "/", headers)
}

fn proxied(headers: &[(&str, &str)]) -> ConnectionInfo {
    read("10.0.0.1", Version::HTTP_11, "/", &[&[("host", "bodega.example")], headers].concat()).unwrap()
}

#[test]
fn a_request_names_its_host_once() {
    for host in ["bodega.example", "BODEGA.example:8000", "bodega.example:", "localhost:1", "[::1]:8000", "192.0.2.9"] {
        assert!(direct(&[("host", host)]).unwrap().is_known_host, "{host}");
    }
    for host in ["evil", "evil:8000", "localhost,evil", "bodega.example.evil", "localhost.evil:8000"] {
        assert!(!direct(&[("host", host)]).unwrap().is_known_host, "{host}");
    }
    for host in ["", " ", "a b", "ana@bodega.example", "bodega.example:x", "bodega.example:99999", "bodega.example/x"] {
        assert_eq!(direct(&[("host", host)]).unwrap_err(), BadHost, "{host}");
    }
    for host in ["[::1", "::1", "bodega.example:80:80", "ñandú.example", "[::1]x", ":80"] {
        assert!(direct(&[("host", host)]).is_err(), "{host}");
    }
    assert_eq!(direct(&[]).unwrap_err(), BadHost);
    let host = ("host", "bodega.example");
    assert_eq!(direct(&[host, host]).unwrap_err(), BadHost);
}

#[test]
fn a_host_in_the_target_is_the_one_in_the_header() {
    let read = |version, target, headers: &[(&str, &str)]| read("192.0.2.1", version, target, headers);
    for (target, host, is_good) in [
        ("http://bodega.example/", "bodega.example", true),
        ("http://bodega.example:80/", "Bodega.Example", true),
        ("https://bodega.example/", "bodega.example:443", true),
        ("http://bodega.example/", "evil", false),
        ("http://evil/", "bodega.example", false),
        ("http://bodega.example:81/", "bodega.example", false),
    ] {
        assert_eq!(read(Version::HTTP_11, target, &[("host", host)]).is_ok(), is_good, "{target} {host}");
    }
    assert!(read(Version::HTTP_11, "http://bodega.example/", &[]).is_err());
    assert!(!read(Version::HTTP_2, "https://evil/", &[]).unwrap().is_known_host);
    assert!(read(Version::HTTP_2, "https://bodega.example/", &[]).unwrap().is_known_host);
    assert!(read(Version::HTTP_2, "/", &[]).is_err());
    // HTTP/1.0 knows no Host. Browsers do not speak it.
    assert!(read(Version::HTTP_10, "/", &[]).unwrap().is_known_host);
    assert!(!read(Version::HTTP_10, "/", &[("host", "evil")]).unwrap().is_known_host);
}

#[test]
fn only_a_trusted_proxy_forwards() {
    let forwarded = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil")];
    let lies = direct(&[&[("host", "bodega.example")], &forwarded[..]].concat()).unwrap();
    assert_eq!((lies.is_tls, lies.is_known_host, lies.may_name_users), (false, true, false));
    assert_eq!(lies.address, "192.0.2.1".parse().ok());
    let told = proxied(&forwarded);
    assert_eq!((told.is_tls, told.is_known_host, told.may_name_users), (true, false, true));
    assert_eq!(told.address, "198.51.100.7".parse().ok());
    // An allowed forwarded host does not make up for the one that the browser asked for.
    let rebound = [("host", "evil"), ("x-forwarded-host", "bodega.example")];
    assert!(!read("10.0.0.1", Version::HTTP_11, "/", &rebound).unwrap().is_known_host);
}

#[test]
fn of_a_list_the_outermost_proxy_counts_and_of_the_addresses_the_last_that_is_no_proxy() {
    let told = proxied(&[("x-forwarded-proto", "https, http"), ("x-forwarded-host", "bodega.example:443, evil")]);
    assert!(told.is_tls && told.is_known_host && told.is_same_site(b"https://bodega.example"));
    assert!(!proxied(&[("x-forwarded-proto", "http, https")]).is_tls);
    for (given, address) in [
        (&["198.51.100.7"][..], "198.51.100.7"),
        (&["6.6.6.6, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (&["6.6.6.6, 198.51.100.7", "10.3.0.1 ,10.0.0.2"], "198.51.100.7"),
        (&["198.51.100.7:4711, 10.0.0.2:80"], "198.51.100.7"),
        (&["[2001:db8::7]:4711"], "2001:db8::7"),
        (&["[2001:db8::7]"], "2001:db8::7"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (&["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"),
        (&["6.6.6.6, \u{f1}"], "10.0.0.1"),
        (&[""], "10.0.0.1"),
        (&[], "10.0.0.1"),
    ] {
        let headers: Vec<_> = given.iter().map(|value| ("x-forwarded-for", *value)).collect();
        assert_eq!(proxied(&headers).address, address.parse().ok(), "{given:?}");
    }
    let endless = "10.0.0.2,".repeat(3_000) + "10.0.0.2";
    assert_eq!(proxied(&[("x-forwarded-for", &*endless)]).address, "10.0.0.2".parse().ok());
}

#[test]
fn a_default_port_equals_none() {
    let site = |host, origin: &str| direct(&[("host", host)]).unwrap().is_same_site(origin.as_bytes());
    for (host, origin) in [
        ("bodega.example", "http://bodega.example"),
        ("bodega.example", "https://Bodega.example"),
        ("bodega.example:443", "https://bodega.example"),
        ("bodega.example", "https://bodega.example:443/orders/?q=http://evil"),
        ("bodega.example:80", "http://bodega.example"),
        ("bodega.example", "http://bodega.example:80"),
        ("bodega.example:8000", "http://bodega.example:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
    ] {
        assert!(site(host, origin), "{host} {origin}");
    }
    for (host, origin) in [
        ("bodega.example:8000", "http://bodega.example"),
        ("bodega.example:443", "http://bodega.example"),
        ("bodega.example:80", "https://bodega.example"),
        ("bodega.example", "http://otra.example"),
        ("bodega.example", "http://ana@bodega.example"),
        ("bodega.example", "ftp://bodega.example"),
        ("bodega.example", "null"),
        ("bodega.example", ""),
        ("bodega.example", "http://bodega.example.evil"),
    ] {
        assert!(!site(host, origin), "{host} {origin}");
    }
    // Behind TLS, a page that came without it is somebody else's.
    let tls = proxied(&[("x-forwarded-proto", "https")]);
    assert!(tls.is_same_site(b"https://bodega.example") && !tls.is_same_site(b"http://bodega.example"));
}

#[test]
fn without_trusted_proxies_only_loopback_peers_name_users() {
    let may_name_users = |peer: Option<&str>, proxies: &str| {
        let mut request = Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        }
        let connection = ConnectionInfo::read(&request, &AllowedHosts::default(), &proxies.parse().unwrap());
        connection.unwrap().may_name_users
    };
    assert!(may_name_users(Some("127.0.0.1"), "") && may_name_users(Some("::1"), ""));
    assert!(may_name_users(Some("10.0.0.1"), "10.0.0.1"));
    for (peer, proxies) in [(Some("10.0.0.1"), ""), (None, ""), (Some("127.0.0.1"), "10.0.0.1"), (None, "0.0.0.0/0")] {
        assert!(!may_name_users(peer, proxies), "{peer:?} {proxies}");
    }
}
