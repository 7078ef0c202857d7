//! Several hosts in a URL: a silent host is skipped for the next one.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Connection;

/// The longest silence of a host before the next one is asked. It is shorter than the wait of a client that
/// asks whether an API is ready.
const SILENCE: Duration = Duration::from_secs(1);

/// Connects to the first host that accepts. The caller limits the time of the whole.
pub(super) async fn connect(config: &Config, tls: &MakeRustlsConnect) -> Result<(Client, Connection), Error> {
    let hosts = each(config);
    let Some((last, before)) = hosts.split_last() else { return config.connect(tls.clone()).await };
    for host in before {
        if let Ok(Ok(connected)) = timeout(SILENCE, host.connect(tls.clone())).await {
            return Ok(connected);
        }
    }
    last.connect(tls.clone()).await
}

/// The same configuration for each of its hosts.
fn each(config: &Config) -> Vec<Config> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    // If the URL has addresses besides the names, tokio-postgres pairs them itself.
    if hosts.len() < 2 || !config.get_hostaddrs().is_empty() {
        return vec![config.clone()];
    }
    let one = |(index, host): (usize, &Host)| {
        let mut one = Config::new();
        match host {
            Host::Tcp(name) => one.host(name),
            Host::Unix(path) => one.host_path(path),
        };
        if let Some(port) = ports.get(index).or(ports.first()) {
            one.port(*port);
        }
        config.get_user().map(|user| one.user(user));
        config.get_password().map(|password| one.password(password));
        config.get_dbname().map(|name| one.dbname(name));
        config.get_options().map(|options| one.options(options));
        config.get_application_name().map(|name| one.application_name(name));
        config.get_connect_timeout().map(|time| one.connect_timeout(*time));
        config.get_tcp_user_timeout().map(|time| one.tcp_user_timeout(*time));
        config.get_keepalives_interval().map(|time| one.keepalives_interval(time));
        config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
        one.keepalives(config.get_keepalives())
            .keepalives_idle(config.get_keepalives_idle())
            .ssl_mode(config.get_ssl_mode())
            .channel_binding(config.get_channel_binding())
            .target_session_attrs(config.get_target_session_attrs());
        one
    };
    hosts.iter().enumerate().map(one).collect()
}

/// The hosts that are reached over a network: neither by a socket of this machine nor by loopback.
pub(super) fn distant(config: &Config) -> Vec<String> {
    let is_loopback = |address: &IpAddr| address.to_canonical().is_loopback();
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        // If there are addresses, connections go to them, and the names don't matter.
        return addresses.iter().filter(|address| !is_loopback(address)).map(ToString::to_string).collect();
    }
    let name_of = |host: &Host| match host {
        Host::Unix(_) => None,
        Host::Tcp(name) => {
            let is_local = name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| is_loopback(&address));
            (!is_local).then(|| name.clone())
        }
    };
    config.get_hosts().iter().filter_map(name_of).collect()
}

/// The way that a pool makes its connections.
pub(super) struct ToAnyHost(pub(super) MakeRustlsConnect);

impl deadpool_postgres::Connect for ToAnyHost {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        async move {
            let (client, connection) = connect(&config, &self.0).await?;
            // The client's own calls return the error.
            Ok((client, tokio::spawn(connection.map(drop))))
        }
        .boxed()
    }
}
