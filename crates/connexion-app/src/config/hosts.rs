//! Settings about where requests come from and which hosts they are for: `APP_ALLOWED_HOSTS`, `APP_TRUSTED_PROXIES`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Values;

/// The hosts that requests may be for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AllowedHosts {
    /// `*` allows every host.
    pub(crate) any: bool,
    /// The hosts that are allowed by name.
    pub(crate) these: Vec<AllowedHost>,
}

/// A host of the list: `example.org`, `example.org:8080` or `*.example.org`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AllowedHost {
    /// In lower case; of `*.example.org` the part `.example.org`.
    name: String,
    /// Whether every name is allowed that ends with `name`.
    is_suffix: bool,
    /// The only port, if the list names one.
    port: Option<u16>,
}

impl AllowedHost {
    /// Parses an entry of the list.
    fn parse(text: &str) -> Option<Self> {
        let (is_suffix, rest) = match text.strip_prefix('*') {
            Some(rest) if rest.starts_with('.') => (true, rest),
            Some(_) => return None,
            None => (false, text),
        };
        // The address `::1` has a colon, but no port.
        let is_address = rest.parse::<std::net::Ipv6Addr>().is_ok();
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) if !is_address && !rest.ends_with(']') => {
                (name, Some(port.parse().ok()?))
            }
            _ => (rest, None),
        };
        let name = if is_address {
            format!("[{name}]")
        } else {
            name.to_ascii_lowercase()
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        let is_name = name.len() > usize::from(is_suffix) && name.bytes().all(plain);
        is_name.then_some(Self {
            name,
            is_suffix,
            port,
        })
    }

    /// Returns whether this is the host, or one of the hosts.
    pub(crate) fn is(&self, name: &str, port: Option<u16>) -> bool {
        let fits = if self.is_suffix {
            let start = name.len().checked_sub(self.name.len());
            let end = start.and_then(|start| name.get(start..));
            start != Some(0) && end.is_some_and(|end| end.eq_ignore_ascii_case(&self.name))
        } else {
            name.eq_ignore_ascii_case(&self.name)
        };
        fits && (self.port.is_none() || self.port == port)
    }
}

impl Values<'_> {
    pub(super) fn allowed_hosts(&self) -> Option<AllowedHosts> {
        let name = "APP_ALLOWED_HOSTS";
        let text = self.text(name)?;
        let mut hosts = AllowedHosts::default();
        for entry in text.split(',').map(str::trim) {
            match AllowedHost::parse(entry) {
                _ if entry == "*" => hosts.any = true,
                Some(host) => hosts.these.push(host),
                None => {
                    let shapes = "example.org, example.org:8080, *.example.org or *";
                    self.refuse(name, &format!("'{entry}' is not like {shapes}"));
                }
            }
        }
        Some(hosts)
    }

    pub(super) fn trusted_proxies(&self) -> Vec<IpNet> {
        let name = "APP_TRUSTED_PROXIES";
        let text = self.text(name).unwrap_or_default();
        let parse = |entry: &str| {
            let address = entry.parse().map(|address: IpAddr| IpNet::from(address));
            let network = address.or_else(|_| entry.parse()).ok();
            if network.is_none() {
                let shapes = "10.0.0.7, 10.0.0.0/8 or fd00::/8";
                self.refuse(name, &format!("'{entry}' is not like {shapes}"));
            }
            network
        };
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|_| !text.is_empty());
        entries.filter_map(parse).collect()
    }
}
