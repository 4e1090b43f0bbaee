//! What a trusted proxy says of the client it speaks for: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded`
//! (RFC 7239).
//!
//! Any client can send these headers, so they are read only if the connection comes from an address of
//! `APP_TRUSTED_PROXIES`. Proxies append the address that they were called from, so the last one that is no trusted
//! proxy's own is the client; what stands before it is the client's to invent.
//!
//! If both are there, `Forwarded` is not read: common proxies write `X-Forwarded-For`, and pass on a `Forwarded` that the
//! client made up. A proxy that writes `Forwarded` must remove `X-Forwarded-For`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What is known of a client behind a proxy.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Forwarded {
    /// Its address.
    pub(super) client: Option<IpAddr>,
    /// Whether it speaks TLS to the first trusted proxy.
    pub(super) is_secure: bool,
    /// The host that it asked for.
    pub(super) host: Option<String>,
}

impl Forwarded {
    /// Reads the headers of a request that came from `peer`; without effect if that is no trusted proxy.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
        if !is_trusted(&peer) {
            return Self::default();
        }
        let is_standard = headers.contains_key(header::FORWARDED) && !headers.contains_key(FOR);
        let elements = is_standard.then(|| list(headers, &header::FORWARDED, ','));
        let hops: Vec<_> = match &elements {
            Some(elements) => elements.iter().map(|one| parameter(one, "for")).collect(),
            None => list(headers, &FOR, ',').into_iter().map(Some).collect(),
        };
        // How many hops were looked at, from the last.
        let mut looked_at = 0;
        let mut client = None;
        for hop in hops.iter().rev() {
            looked_at += 1;
            let Some(address) = hop.as_deref().and_then(node) else {
                break;
            };
            client = Some(address);
            if !is_trusted(&address) {
                break;
            }
        }
        let told = |name: &HeaderName, key: &str| match &elements {
            Some(elements) => parameter(nth_last(elements, looked_at)?, key),
            None => nth_last(&list(headers, name, ','), looked_at).cloned(),
        };
        Self {
            client,
            is_secure: told(&PROTO, "proto").is_some_and(|p| p.eq_ignore_ascii_case("https")),
            host: told(&HOST, "host"),
        }
    }
}

/// The parts of all fields of this name, at a separator that stands in no quotes.
fn list(headers: &HeaderMap, name: &HeaderName, separator: char) -> Vec<String> {
    let fields = headers.get_all(name).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts.flat_map(|text| parts(text, separator)).collect()
}

fn parts(text: &str, separator: char) -> Vec<String> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|character| {
        let is_end = character == separator && !is_quoted;
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        is_end
    });
    parts.map(|part| part.trim().to_owned()).collect()
}

/// The n-th element from the end, counted from 1. The first one if there are fewer: a proxy may replace such a list instead
/// of appending to it; or if none was counted.
fn nth_last(list: &[String], n: usize) -> Option<&String> {
    match list.len().checked_sub(n) {
        Some(index) if n > 0 => list.get(index),
        _ => list.first(),
    }
}

/// The value of a parameter of an element of `Forwarded`.
fn parameter(element: &str, name: &str) -> Option<String> {
    parts(element, ';').iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        if !key.trim_end().eq_ignore_ascii_case(name) {
            return None;
        }
        let value = value.trim_start();
        let inner = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Some(inner.map_or_else(|| value.to_owned(), |quoted| quoted.replace('\\', "")))
    })
}

/// The address of a node (RFC 7239, section 6), with or without a port; `None` for `unknown` and made-up names.
fn node(text: &str) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if text.matches(':').count() == 1 => text.split(':').next().unwrap_or_default(),
        None => text,
    };
    let address: IpAddr = address.parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool, String) {
        let proxies = ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].map(|net| net.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        let told = Forwarded::of(peer.parse().unwrap(), &map, &proxies);
        let client = told.client.map_or("-".to_owned(), |ip| ip.to_string());
        (client, told.is_secure, told.host.unwrap_or_default())
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.9,192.0.2.1 , 10.1.2.3", "192.0.2.1"),
            // Of clients within the network of the proxies the first one is taken.
            ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            // What is no address hides what stands before it.
            ("203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
            ("203.0.113.9, <script>", "-"),
            ("", "-"),
        ] {
            let (found, ..) = of("127.0.0.1", &[("x-forwarded-for", value)]);
            assert_eq!(found, client, "{value}");
        }
        let several = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(of("fd00::1", &several).0, "192.0.2.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (value, told) in [
            ("for=192.0.2.1", ("192.0.2.1", false, "")),
            (
                "For=\"[2001:db8:cafe::17]:4711\";Proto=https;host=\"a.example:8443\"",
                ("2001:db8:cafe::17", true, "a.example:8443"),
            ),
            (
                "for=203.0.113.9;proto=https;host=evil, for=192.0.2.1;proto=http;host=b, for=10.0.0.1",
                ("192.0.2.1", false, "b"),
            ),
            (
                "for=\"a,b;c=\\\"d\", for=192.0.2.1",
                ("192.0.2.1", false, ""),
            ),
            ("for=203.0.113.9, for=_hidden;proto=https", ("-", true, "")),
        ] {
            let (client, is_secure, host) = of("10.0.0.1", &[("forwarded", value)]);
            assert_eq!((client.as_str(), is_secure, host.as_str()), told, "{value}");
        }
    }

    #[test]
    fn what_a_client_prepends_is_not_believed() {
        let headers = [
            ("x-forwarded-for", "203.0.113.9, 192.0.2.1"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "evil.example, a.example"),
            ("forwarded", "for=203.0.113.9;proto=https;host=evil.example"),
        ];
        let told = ("192.0.2.1".to_owned(), false, "a.example".to_owned());
        assert_eq!(of("127.0.0.1", &headers), told);
        assert_eq!(
            of("192.0.2.1", &headers),
            ("-".to_owned(), false, String::new())
        );
    }
}
