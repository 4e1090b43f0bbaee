//! Where a database is: the address as libpq reads it, and connecting to it.
//!
//! Several hosts are tried one after another, each for a limited time, until one is what
//! `target_session_attrs` asks for; so a failover is followed by the next connection. tokio-postgres would
//! try them itself, but wait for ever for one that takes connections and says nothing.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::describe;
use super::tls::{Stream, Trust, connector};
use crate::store::StoreError;

/// How long one host may take until a session is there; if there are others, which may be well, less.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(3)];

/// An address that was read; nothing is opened yet.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    trust: Trust,
}

/// An open connection, and what drives it.
pub(super) type Connected = (Client, Connection<Socket, Stream>);

impl Address {
    /// Reads a `postgres://` address.
    ///
    /// # Errors
    /// If it is malformed. The error's text has no part of the address but names of parameters.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut trust = Trust::Anyone;
        let mut kept = Vec::new();
        let mut authorities = None;
        for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
            match parameter.split_once('=') {
                // Unknown to tokio-postgres, which leaves it to the connector.
                Some(("sslmode", "verify-full")) => {
                    trust = Trust::System;
                    kept.push("sslmode=require");
                }
                Some(("sslrootcert", path)) => {
                    let path = percent_decode_str(path).decode_utf8_lossy();
                    authorities = Some(PathBuf::from(path.as_ref()));
                }
                _ => kept.push(parameter),
            }
        }
        // As libpq does: whoever names the authorities wants them to be asked.
        if let Some(path) = authorities.filter(|path| path.as_os_str() != "system") {
            trust = Trust::File {
                path,
                any_name: trust == Trust::Anyone,
            };
        }
        let config = format!("{place}?{}", kept.join("&")).parse()?;
        Ok(Self { config, trust })
    }
}

/// A database that can be connected to.
pub(super) struct Server {
    /// The same address, for one host each.
    hosts: Vec<Config>,
    /// Whether any of them may be the first that is tried.
    balanced: bool,
    tls: MakeRustlsConnect,
}

impl Server {
    /// Reads the authorities' certificates, if the address names any.
    pub(super) fn new(address: Address) -> Result<Self, StoreError> {
        let mut config = address.config;
        limit_silence(&mut config);
        let tls = connector(&address.trust).map_err(StoreError::Unexpected)?;
        let hosts = one_by_one(&config);
        let balanced = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
        Ok(Self {
            hosts,
            balanced,
            tls,
        })
    }

    /// The address of the first host.
    pub(super) fn config(&self) -> &Config {
        self.hosts.first().expect("there is one at least")
    }

    /// The same server, another database of it.
    pub(super) fn with_database(&self, name: &str) -> Self {
        let mut hosts = self.hosts.clone();
        for host in &mut hosts {
            host.dbname(name);
        }
        Self {
            hosts,
            balanced: self.balanced,
            tls: self.tls.clone(),
        }
    }

    /// Connects to the first host that is there and is what was asked for.
    pub(super) async fn connect(&self) -> Result<Connected, StoreError> {
        self.try_connect().await?.map_err(|error| {
            let text = describe(&error);
            StoreError::Unavailable(text)
        })
    }

    /// The same; the inner error is what the last host said.
    pub(super) async fn try_connect(&self) -> Result<Result<Connected, Error>, StoreError> {
        let patience = PATIENCE[usize::from(self.hosts.len() > 1)];
        let mut failure = Err(StoreError::Unavailable("no connection in time".to_owned()));
        for host in self.in_turn() {
            match timeout(patience, host.connect(self.tls.clone())).await {
                Ok(Ok(connected)) => return Ok(Ok(connected)),
                Ok(Err(error)) => failure = Ok(Err(error)),
                Err(_elapsed) => {}
            }
        }
        failure
    }

    /// Its hosts, all of them, in the order in which they are tried.
    fn in_turn(&self) -> impl Iterator<Item = &Config> {
        let chance = getrandom::u32().unwrap_or_default() as usize;
        let first = if self.balanced {
            chance % self.hosts.len()
        } else {
            0
        };
        let (later, sooner) = self.hosts.split_at(first);
        sooner.iter().chain(later)
    }
}

impl std::fmt::Debug for Server {
    /// Without addresses, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server with {} hosts", self.hosts.len())
    }
}

/// An address for each host of one that has several.
fn one_by_one(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    if count < 2 {
        return vec![config.clone()];
    }
    (0..count).map(|index| only(config, index)).collect()
}

/// The address of one of its hosts. A list can't be shortened, so all else is copied.
fn only(config: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => {
            one.host(name);
        }
        #[cfg(unix)]
        Some(Host::Unix(path)) => {
            one.host_path(path);
        }
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    let ports = config.get_ports();
    if let Some(port) = ports.get(index).or(ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    copy_transport(config, &mut one);
    one
}

fn copy_transport(config: &Config, one: &mut Config) {
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle());
    if let Some(time) = config.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    if let Some(time) = config.get_keepalives_interval() {
        one.keepalives_interval(time);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
}

/// Lets the kernel end connections whose other side went away without a word, unless the address says
/// how that should be done. Without it a call could wait for hours.
fn limit_silence(config: &mut Config) {
    const PROBE: Duration = Duration::from_secs(5);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(2 * PROBE);
    }
    if config.get_keepalives_interval().is_none() {
        config
            .keepalives_idle(2 * PROBE)
            .keepalives_interval(PROBE)
            .keepalives_retries(2);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio_postgres::config::{SslMode, TargetSessionAttrs};

    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own_that_differs_in_nothing_else() {
        let url = "postgres://me:s3cret@a:1,b:2/people?target_session_attrs=read-write&sslmode=require\
            &application_name=x&connect_timeout=2&keepalives_idle=7";
        let Address { config, .. } = Address::parse(url).unwrap();
        let hosts = one_by_one(&config);
        for (index, (host, name)) in hosts.iter().zip(["a", "b"]).enumerate() {
            assert_eq!(host.get_hosts(), [Host::Tcp(name.to_owned())]);
            assert_eq!(host.get_ports(), [u16::try_from(index).unwrap() + 1]);
            assert_eq!(
                host.get_target_session_attrs(),
                TargetSessionAttrs::ReadWrite
            );
            assert_eq!(host.get_ssl_mode(), SslMode::Require);
            // Made equal in these two, they are equal.
            let url = url.replace("a:1,b:2", &format!("{name}:{}", index + 1));
            assert_eq!(
                format!("{host:?}"),
                format!("{:?}", Address::parse(&url).unwrap().config)
            );
        }
        assert_eq!(hosts.len(), 2);
    }

    #[test]
    fn any_host_may_be_the_first_if_the_load_is_to_be_balanced() {
        let first_of = |parameters: &str| {
            let url = format!("postgres://me@a:1,b:2,c:3/people?{parameters}");
            let server = Server::new(Address::parse(&url).unwrap()).unwrap();
            let turns = (0..100).map(|_| {
                let turn: Vec<_> = server.in_turn().map(|host| host.get_ports()[0]).collect();
                assert_eq!(turn.iter().sum::<u16>(), 6, "{turn:?}");
                turn[0]
            });
            turns.collect::<BTreeSet<_>>()
        };
        assert_eq!(first_of(""), BTreeSet::from([1]));
        assert_eq!(
            first_of("load_balance_hosts=random"),
            BTreeSet::from([1, 2, 3])
        );
    }

    #[test]
    fn whom_to_trust_is_read_as_libpq_does() {
        let trust = |text: &str| {
            Address::parse(&format!("postgres://h/d?{text}"))
                .unwrap()
                .trust
        };
        let file = |any_name| Trust::File {
            path: "/a b".into(),
            any_name,
        };
        assert_eq!(trust("sslmode=require"), Trust::Anyone);
        assert_eq!(trust("sslmode=verify-full"), Trust::System);
        assert_eq!(
            trust("sslmode=verify-full&sslrootcert=system"),
            Trust::System
        );
        assert_eq!(trust("sslmode=verify-full&sslrootcert=/a%20b"), file(false));
        assert_eq!(trust("sslrootcert=/a%20b&sslmode=require"), file(true));
        assert!(Address::parse("postgres://h/d?sslmode=verify-ca").is_err());
    }
}
