//! Who takes neither gzip nor plain text gets plain text.

use axum::extract::Request;
use axum::http::{HeaderValue, header};

/// Takes the refusals of plain text (`identity;q=0`, `*;q=0`) out of `Accept-Encoding`. The compression would answer
/// them 406, and only after the handler has done its work: a write that happened must not be told as a failure. RFC 9110,
/// section 12.5.3, lets a server send what it has.
pub(super) fn allow_identity(mut request: Request) -> Request {
    let headers = request.headers();
    let accepts = || headers.get_all(header::ACCEPT_ENCODING).iter();
    let members = || accepts().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if members().any(refuses_identity) {
        let left: Vec<&str> = members().filter(|member| !refuses_identity(member)).map(str::trim).collect();
        let left = HeaderValue::from_str(&left.join(", "));
        let headers = request.headers_mut();
        headers.remove(header::ACCEPT_ENCODING);
        if let Ok(left) = left
            && !left.is_empty()
        {
            headers.insert(header::ACCEPT_ENCODING, left);
        }
    }
    request
}

fn refuses_identity(member: &str) -> bool {
    let Some((coding, parameters)) = member.split_once(';') else { return false };
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let is_plain = ["identity", "*"].iter().any(|name| coding.trim().eq_ignore_ascii_case(name));
    is_plain && weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
}
