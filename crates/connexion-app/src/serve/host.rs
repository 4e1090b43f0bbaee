//! The host that a request is for, and whether it is served here.
//!
//! A page of another site can have its own name resolve to 127.0.0.1 ("DNS rebinding"). The browser then takes this
//! service for the page's own site, and lets the page read and change everything. Only the request's host shows it:
//! on a loopback address nothing but loopback names is served, unless the settings name more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::Request;
use connexion::Problem;
use http::{HeaderValue, StatusCode, Uri, Version, header};

use crate::config::AllowedHosts;

/// The hosts that one listener serves.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// `None` if every host is served, or, on a loopback address, only loopback names.
    allowed: Option<AllowedHosts>,
    /// The name under which a loopback address is listened on.
    loopback: Option<String>,
}

impl Hosts {
    /// Those of a listener at `address`, which the settings call `name`.
    pub(crate) fn of(allowed: Option<&AllowedHosts>, name: &str, address: SocketAddr) -> Self {
        let is_loopback = address.ip().to_canonical().is_loopback();
        Self {
            allowed: allowed.cloned(),
            loopback: is_loopback.then(|| name.to_owned()),
        }
    }

    /// Those of a listener for operators. Probes and Prometheus call it by the address of a pod, which no list can
    /// have, and which no page can use for DNS rebinding.
    pub(crate) fn for_operators(
        allowed: Option<&AllowedHosts>,
        name: &str,
        address: SocketAddr,
    ) -> Self {
        let hosts = Self::of(allowed, name, address);
        let allowed = hosts.allowed.filter(|_| hosts.loopback.is_some());
        Self { allowed, ..hosts }
    }

    /// Checks the host of a request, `forwarded` if a trusted proxy says that it was asked for another one.
    ///
    /// # Errors
    /// 400 if the request does not name one valid host, 421 (RFC 9110, section 15.5.20) if that is not served here.
    pub(crate) fn check<B>(
        &self,
        request: &http::Request<B>,
        forwarded: Option<&str>,
    ) -> Result<(), Problem> {
        let named = named(request)?;
        let Some(host) = forwarded.or(named) else {
            return Ok(());
        };
        let (name, port) = split(host).ok_or_else(|| bad("The request's host is not valid."))?;
        if self.serves(name, port) {
            return Ok(());
        }
        let detail = format!(
            "The host '{host}' is not served here. The setting APP_ALLOWED_HOSTS lists further hosts."
        );
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail))
    }

    fn serves(&self, name: &str, port: Option<u16>) -> bool {
        // `localhost.` is the same name, written with the root.
        let name = name.strip_suffix('.').unwrap_or(name);
        if let Some(own) = &self.loopback
            && (is_loopback(name) || name.eq_ignore_ascii_case(own))
        {
            return true;
        }
        match &self.allowed {
            Some(allowed) => allowed.any || allowed.these.iter().any(|one| one.is(name, port)),
            None => self.loopback.is_none(),
        }
    }
}

/// The host that a request names; `None` if it need not name one.
///
/// # Errors
/// If it names none, several or an invalid one (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
fn named<B>(request: &http::Request<B>) -> Result<Option<&str>, Problem> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (first, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err(bad("The request has more than one Host header field."));
    }
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    let field = match first {
        Some(field) => Some(valid(field.to_str().ok())?),
        None => None,
    };
    match (field, target) {
        (None, None) if request.version() <= Version::HTTP_10 => Ok(None),
        // A target with an authority does not make up for it in HTTP/1.1.
        (None, None) => Err(bad("The request has no Host header field.")),
        (None, Some(_)) if request.version() == Version::HTTP_11 => {
            Err(bad("The request has no Host header field."))
        }
        (Some(field), Some(target))
            if request.version() == Version::HTTP_2 && !field.eq_ignore_ascii_case(target) =>
        {
            Err(bad("The request's Host and :authority differ."))
        }
        // The target's authority replaces the field's (RFC 9112, section 3.2.2).
        (_, Some(target)) => valid(Some(target)).map(Some),
        (field, None) => Ok(field),
    }
}

fn valid(host: Option<&str>) -> Result<&str, Problem> {
    let host = host.filter(|host| split(host).is_some());
    host.ok_or_else(|| bad("The request's host is not valid."))
}

fn bad(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// Splits a host as RFC 9110, section 7.2, has it: `uri-host [":" port]`. An empty one is not valid for `http` and
/// `https` (section 4.2.1), nor is one with a user (section 4.2.4).
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let end = if host.starts_with('[') {
        let end = host.find(']')?;
        host.get(1..end)?.parse::<Ipv6Addr>().ok()?;
        end + 1
    } else {
        let end = host.find(':').unwrap_or(host.len());
        is_name(host.get(..end)?).then_some(end)?
    };
    let (name, port) = host.split_at_checked(end)?;
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((name, None)),
        Some("") => Some((name, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((name, Some(port.parse().ok()?)))
        }
        _ => None,
    }
}

/// Whether this is a `reg-name` (RFC 3986, section 3.2.2) with a character at least.
fn is_name(name: &str) -> bool {
    let plain = |byte: &u8| {
        matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%')
            || b"!$&'()*+,;=".contains(byte)
    };
    let mut escapes = name.split('%').skip(1);
    !name.is_empty()
        && name.as_bytes().iter().all(plain)
        && escapes.all(|rest| {
            let digits = rest.as_bytes().get(..2);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        })
}

/// Whether a host is this machine itself, whatever a name server says (RFC 6761, section 6.3).
fn is_loopback(name: &str) -> bool {
    let address = match name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().map(IpAddr::from).ok(),
        None => name.parse::<Ipv4Addr>().map(IpAddr::from).ok(),
    };
    if let Some(address) = address {
        return address.to_canonical().is_loopback();
    }
    let top = name.rsplit('.').next().unwrap_or_default();
    top.eq_ignore_ascii_case("localhost")
}

/// Makes `host` the one that the request is for, wherever that is looked up later.
pub(super) fn replace(request: &mut Request, host: &str) {
    let Ok(value) = HeaderValue::from_str(host) else {
        return;
    };
    let mut parts = request.uri().clone().into_parts();
    if parts.authority.is_some() {
        parts.authority = host.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request.headers_mut().insert(header::HOST, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_as_rfc_9110_has_them() {
        for (host, parts) in [
            ("example.org", ("example.org", None)),
            ("example.org:", ("example.org", None)),
            ("a_b:80", ("a_b", Some(80))),
            ("%41.b", ("%41.b", None)),
            ("[::1]", ("[::1]", None)),
            ("[2001:db8::1]:8080", ("[2001:db8::1]", Some(8080))),
        ] {
            assert_eq!(split(host), Some(parts), "{host}");
        }
        for host in [
            "", ":80", "a b", "a:b", "a:80:80", "a:+80", "a:65536", "u@a", "a/b", "a?b", "a#b",
            "a\\b", "%4", "%zz", "é", "::1", "[::1", "[::1]x", "[a]", "a,b c", "[]", "<a>",
            "\"a\"",
        ] {
            assert_eq!(split(host), None, "{host}");
        }
    }

    #[test]
    fn loopback_names_are_recognised() {
        for name in [
            "localhost",
            "LocalHost",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "localhost.example",
            "xlocalhost",
            "10.0.0.1",
            "[::2]",
            "127.0.0.1.example",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
