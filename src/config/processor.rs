//! The processors that money moves at: one for test mode, one for live mode.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::duration;
use crate::flow::{Processor, Processors};

/// The longest secret.
const SECRET_MAX: usize = 512;

/// The processors, and how long they may take.
#[derive(Debug, Clone, clap::Args)]
pub struct ProcessorOptions {
    /// The processor of test mode, as a URL: <https://processor.example>, or <http://…> within the machine
    /// or a private network
    #[arg(
        long,
        env = "CALMONY_PROCESSOR_URL",
        value_name = "URL",
        value_parser = processor_url,
        requires = "processor_secret"
    )]
    processor_url: Option<Url>,
    /// The secret that it shares with this program
    #[arg(
        long,
        env = "CALMONY_PROCESSOR_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        value_parser = processor_secret,
        requires = "processor_url"
    )]
    processor_secret: Option<SecretString>,
    /// The processor of live mode, as a URL. Without one a live key can't take payments
    #[arg(
        long,
        env = "CALMONY_LIVE_PROCESSOR_URL",
        value_name = "URL",
        value_parser = processor_url,
        requires = "live_processor_secret"
    )]
    live_processor_url: Option<Url>,
    /// The secret that it shares with this program
    #[arg(
        long,
        env = "CALMONY_LIVE_PROCESSOR_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        value_parser = processor_secret,
        requires = "live_processor_url"
    )]
    live_processor_secret: Option<SecretString>,
    /// The longest time that a processor may take for an answer. After it the outcome is unknown, and is
    /// asked for
    #[arg(long, env = "CALMONY_PROCESSOR_TIMEOUT", default_value = "15s", value_parser = duration)]
    pub processor_timeout: Duration,
}

impl ProcessorOptions {
    /// The address and the secret of the processor of a mode; `None` if it has none.
    #[must_use]
    pub fn of(&self, livemode: bool) -> Option<(&Url, &SecretString)> {
        if livemode {
            self.live_processor_url.as_ref().zip(self.live_processor_secret.as_ref())
        } else {
            self.processor_url.as_ref().zip(self.processor_secret.as_ref())
        }
    }

    /// The processors. None is called yet.
    pub fn open(&self) -> anyhow::Result<Processors> {
        let of = |livemode| {
            let named = self.of(livemode);
            named.map(|(url, secret)| Processor::new(url, secret, self.processor_timeout)).transpose()
        };
        Ok(Processors { test: of(false)?, live: of(true)? })
    }

    /// Each address that is named, with its variable.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        let test = ("CALMONY_PROCESSOR_URL", self.processor_url.as_ref());
        let live = ("CALMONY_LIVE_PROCESSOR_URL", self.live_processor_url.as_ref());
        [test, live].into_iter().filter_map(|(variable, url)| Some((variable, url?)))
    }
}

/// The address of a processor: http or https, a host, perhaps a path, and nothing else.
pub fn processor_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "expected a URL such as https://processor.example".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("the URL of a processor begins with https:// or http:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the secret of a processor has an option of its own and doesn't stand in the URL".to_owned()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL of a processor has no ? and no #".to_owned());
    }
    Ok(url)
}

/// The secret that a processor shares with this program: visible characters, because a header carries it.
pub fn processor_secret(text: &str) -> Result<SecretString, String> {
    if (1..=SECRET_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(format!("the secret of a processor is 1 to {SECRET_MAX} visible ASCII characters"))
}

/// True if an address is reached over a network that strangers are in, and in plain text. A name without a
/// dot is one of the local network, and a name of `.internal` can't be a public one.
pub(super) fn is_readable_on_the_way(url: &Url) -> bool {
    if url.scheme() == "https" {
        return false;
    }
    match url.host() {
        Some(Host::Ipv4(address)) => !is_near(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_near(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let is_local =
                !name.contains('.') || [".localhost", ".internal"].iter().any(|end| name.ends_with(end));
            !is_local && !name.ends_with(".svc.cluster.local")
        }
        None => true,
    }
}

/// True for loopback and private addresses.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::is_loopback(&address) || Ipv4Addr::is_private(&address),
        IpAddr::V6(address) => Ipv6Addr::is_loopback(&address) || Ipv6Addr::is_unique_local(&address),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_address_of_a_processor_is_a_host_and_perhaps_a_path() {
        for right in ["https://p.example", "http://127.0.0.1:9/base/", "http://[::1]:9"] {
            assert!(processor_url(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "p.example",
            "postgresql://p.example",
            "unix:/x",
            "https://",
            "https://u:p@p.example",
            "https://p.example?a=b",
            "https://p.example#a",
        ] {
            assert!(processor_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn plain_text_stays_within_the_machine_or_a_private_network() {
        let readable = |text: &str| processor_url(text).is_ok_and(|url| is_readable_on_the_way(&url));
        for near in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://10.1.2.3",
            "http://192.168.0.9",
            "http://[::1]",
            "http://[fd00::1]",
            "http://processor:8080",
            "http://processor.ns.svc.cluster.local",
            "https://p.example",
        ] {
            assert!(!readable(near), "{near}");
        }
        for far in ["http://p.example", "http://8.8.8.8", "http://[2a00::1]", "http://[::ffff:8.8.8.8]"] {
            assert!(readable(far), "{far}");
        }
    }

    #[test]
    fn a_secret_can_stand_in_a_header() {
        assert!(processor_secret("s3cret!").is_ok_and(|secret| secret.expose_secret() == "s3cret!"));
        for wrong in ["", "a b", "a\nb", "ä"] {
            assert!(processor_secret(wrong).is_err(), "{wrong:?}");
        }
    }
}
