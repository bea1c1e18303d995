//! Where a form was sent from: browsers say so, and a form of another site is refused whatever it holds.

use axum::http::{HeaderMap, HeaderName, Uri, header};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a form may come from where its browser says. `Origin` counts, else `Referer`; a caller that sends neither is no
/// browser with somebody's cookies in it. Behind a proxy the page's host may be in `X-Forwarded-Host`: no web page can
/// make a browser send that header along with a form.
pub(crate) fn is_ours(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(source) = text(&header::ORIGIN).or_else(|| text(&header::REFERER)) else { return true };
    let Some(source) = authority(source) else { return false };
    let hosts = [text(&header::HOST), uri.authority().map(|authority| authority.as_str()), text(&FORWARDED_HOST)];
    hosts.into_iter().flatten().any(|host| host.trim().eq_ignore_ascii_case(source))
}

/// Host and port of an `http` or `https` URL.
fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    (!authority.is_empty() && !authority.contains('@')).then_some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(pairs: &[(&'static str, &str)]) -> bool {
        let headers =
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        is_ours(&headers, &Uri::from_static("/orders/create/"))
    }

    #[test]
    fn a_form_comes_from_the_host_that_it_goes_to() {
        let host = ("host", "bodega.example:8000");
        assert!(ours(&[host]));
        assert!(ours(&[host, ("origin", "http://bodega.example:8000")]));
        assert!(ours(&[host, ("referer", "https://Bodega.example:8000/orders/")]));
        assert!(ours(&[("host", "127.0.0.1:1"), ("x-forwarded-host", "b.example"), ("origin", "https://b.example")]));
        for origin in [
            "null",
            "",
            "http://otra.example",
            "http://bodega.example",
            "ftp://bodega.example:8000",
            "http://a@bodega.example:8000",
        ] {
            assert!(!ours(&[host, ("origin", origin), ("referer", "http://bodega.example:8000/")]), "{origin}");
        }
        assert!(!ours(&[host, ("referer", "http://otra.example/?http://bodega.example:8000/")]));
        assert!(!ours(&[("origin", "http://bodega.example:8000")]));
    }
}
