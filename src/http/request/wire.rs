//! HTTP below the API: messages that RFC 9112 has a server refuse and the library lets through, and the
//! headers that every answer has.

use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::{ApiError, HttpProblem};

/// The headers that mean one thing: of two that differ, nobody knows which the sender means.
const ONCE: [HeaderName; 4] = [AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING];

const REPEATED: &str = "Authorization, Content-Encoding, Content-Type or Transfer-Encoding is given twice";

/// Refuses messages that aren't requests of HTTP/1.1, and bodies in a transfer coding that isn't read.
pub(super) async fn check(request: Request, next: Next) -> Result<Response, ApiError> {
    if let Some(problem) = wrong_host(&request) {
        return Err(HttpProblem::Malformed(problem).into());
    }
    let is_repeated = |name: &HeaderName| request.headers().get_all(name).iter().nth(1).is_some();
    if ONCE.iter().any(is_repeated) {
        return Err(HttpProblem::Malformed(REPEATED).into());
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(HttpProblem::TransferCoding.into());
    }
    Ok(next.run(request).await)
}

/// Has no cache keep an answer of the API, and no browser take it for anything else than it is.
pub(super) fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The problem with the `Host` of a request, if there is one (RFC 9112, 3.2).
fn wrong_host(request: &Request) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => Some("the Host header is missing"),
        (_, Some(_)) => Some("the Host header is given twice"),
        (Some(host), None) if !is_host(host.as_bytes()) => Some("the Host header is no host"),
        _ => None,
    }
}

/// True for a host and perhaps a port. A target without a host has an empty one.
fn is_host(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match address {
        Some(address) => {
            !address.is_empty()
                && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)),
    };
    is_host && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for right in ["example.com", "a:80", "127.0.0.1:4242", "[::1]", "[::1]:80", "a:", "", "a_b"] {
            assert!(is_host(right.as_bytes()), "{right}");
        }
        for wrong in ["a b", "a/b", "u@a", "a:b", "a:1:2", "[::1", "[]", "[g]", "a\\b", "a#", "ä", "::1"] {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_host(b"\xff"));
    }
}
