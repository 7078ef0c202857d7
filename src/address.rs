//! The addresses and ports that a webhook may be sent to: the pure half of the guard against server-side
//! request forgery.
//!
//! A subscriber chooses the URL. Without a guard a subscriber could make the worker call the machine's own
//! services, the cloud's metadata address or the private network. The guard refuses everything that the IANA
//! registries of special-purpose [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry) and
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry) addresses don't call globally
//! reachable. It also refuses every IPv6 form that carries any IPv4 address inside (mapped, NAT64, 6to4,
//! Teredo, SIIT). Of IPv6 only the global unicast range `2000::/3` is open at all. The operator's allow-list
//! goes before everything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

const REFUSED_V4: &[Ipv4Net] = &[
    v4(0, 0, 0, 0, 8),       // this host on this network, RFC 791
    v4(10, 0, 0, 0, 8),      // private, RFC 1918
    v4(100, 64, 0, 0, 10),   // shared address space (CGNAT), RFC 6598
    v4(127, 0, 0, 0, 8),     // loopback, RFC 1122
    v4(169, 254, 0, 0, 16),  // link-local, cloud metadata, RFC 3927
    v4(172, 16, 0, 0, 12),   // private, RFC 1918
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),    // documentation, RFC 5737
    v4(192, 31, 196, 0, 24), // AS112, RFC 7535
    v4(192, 52, 193, 0, 24), // AMT, RFC 7450
    v4(192, 88, 99, 0, 24),  // 6to4 relay anycast, RFC 7526
    v4(192, 168, 0, 0, 16),  // private, RFC 1918
    v4(192, 175, 48, 0, 24), // AS112, RFC 7534
    v4(198, 18, 0, 0, 15),   // benchmarking, RFC 2544
    v4(198, 51, 100, 0, 24), // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),  // documentation, RFC 5737
    v4(224, 0, 0, 0, 4),     // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),     // reserved and broadcast, RFC 1112
];

/// The only range of IPv6 that is given out as global unicast, RFC 4291.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const REFUSED_WITHIN_GLOBAL_V6: &[Ipv6Net] = &[
    v6(0x2001, 0, 0, 23), // IETF protocol assignments with Teredo (2001::/32), ORCHID, benchmarking, RFC 2928
    v6(0x2001, 0xdb8, 0, 32), // documentation, RFC 3849
    v6(0x2002, 0, 0, 16), // 6to4: an IPv4 address inside, RFC 3056
    v6(0x2620, 0x4f, 0x8000, 48), // AS112, RFC 7534
    v6(0x3fff, 0, 0, 20), // documentation, RFC 9637
];

/// The addresses that deliveries may go to.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Vec<IpNet>,
}

impl AddressGuard {
    /// A guard that lets through, besides the public internet, the networks given.
    #[must_use]
    pub const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// True if a delivery may go to that address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(&address))
            || match address {
                IpAddr::V4(address) => !REFUSED_V4.iter().any(|network| network.contains(&address)),
                IpAddr::V6(address) => {
                    GLOBAL_V6.contains(&address)
                        && !REFUSED_WITHIN_GLOBAL_V6.iter().any(|network| network.contains(&address))
                }
            }
    }

    /// True if a name that resolves to these addresses may be called. It must have at least one, and all
    /// must be permitted: a name that mixes public with private addresses is an attack or a mistake.
    #[must_use]
    pub fn permits_all(&self, addresses: impl IntoIterator<Item = IpAddr>) -> bool {
        let mut addresses = addresses.into_iter().peekable();
        addresses.peek().is_some() && addresses.all(|address| self.permits(address))
    }
}

/// The reason that a URL must not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It leads to a private or reserved address.
    #[error("it leads to a private or reserved address")]
    Address,
    /// It names a port below 1024 that is neither 80 nor 443.
    #[error("its port is below 1024 and neither 80 nor 443")]
    Port,
}

/// The addresses and ports that deliveries may go to. The API asks when an endpoint is saved, the worker
/// asks again at every connection.
#[derive(Debug, Clone, Default)]
pub struct TargetPolicy {
    /// The addresses.
    pub guard: AddressGuard,
    /// Ports below 1024 that may be called besides 80 and 443.
    pub low_ports: Vec<u16>,
}

impl TargetPolicy {
    /// Refuses a URL by its port, and by its host if that is a literal address, however it is spelled. The
    /// addresses of a name are seen only when it is looked up.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let port = url.port_or_known_default().unwrap_or(0);
        if port < 1024 && port != 80 && port != 443 && !self.low_ports.contains(&port) {
            return Err(Forbidden::Port);
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.guard.permits(literal) { Ok(()) } else { Err(Forbidden::Address) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn permits(text: &str) -> bool {
        AddressGuard::default().permits(text.parse().expect("an address"))
    }

    #[test]
    fn the_public_internet_is_open() {
        for address in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"]
        {
            assert!(permits(address), "{address}");
        }
    }

    #[test]
    fn what_is_not_the_public_internet_is_refused() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:0:127.0.0.1",
        ];
        for address in refused {
            assert!(!permits(address), "{address}");
        }
    }

    #[test]
    fn a_mixed_answer_and_an_empty_one_are_refused_whole() {
        let guard = AddressGuard::default();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(guard.permits_all([address("1.1.1.1"), address("2606:4700::1111")]));
        assert!(!guard.permits_all([address("1.1.1.1"), address("10.0.0.1")]));
        assert!(!guard.permits_all([]));
    }

    #[test]
    fn the_allow_list_goes_before() {
        let guard = AddressGuard::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        assert!(guard.permits("127.0.0.1".parse().expect("an address")));
        assert!(!guard.permits("10.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn every_spelling_of_a_literal_address_is_seen() {
        let check = |url: &str| TargetPolicy::default().check(&Url::parse(url).expect("a URL"));
        for host in
            ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "[::1]", "[::ffff:1.1.1.1]"]
        {
            assert_eq!(check(&format!("http://{host}/")), Err(Forbidden::Address), "{host}");
        }
        assert_eq!(check("https://1.1.1.1/"), Ok(()));
        assert_eq!(check("https://example.com/"), Ok(()));
    }

    #[test]
    fn low_ports_are_refused_unless_allowed() {
        let check = |policy: &TargetPolicy, port: u16| {
            policy.check(&Url::parse(&format!("http://a:{port}/")).expect("a URL"))
        };
        let policy = TargetPolicy { low_ports: vec![25], ..TargetPolicy::default() };
        for port in [80, 443, 25, 1024, 8080, 65535] {
            assert_eq!(check(&policy, port), Ok(()), "{port}");
        }
        for port in [0, 1, 22, 587, 1023] {
            assert_eq!(check(&policy, port), Err(Forbidden::Port), "{port}");
        }
        assert_eq!(check(&TargetPolicy::default(), 25), Err(Forbidden::Port));
    }

    proptest! {
        #[test]
        fn no_ipv6_form_smuggles_an_ipv4_address_in(v4: u32, form in 0_usize..5) {
            let [a, b, c, d] = v4.to_be_bytes();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let forms = [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
            ];
            prop_assert!(!AddressGuard::default().permits(forms[form].into()));
        }

        /// The standard library knows some of the ranges. An address that it calls local, we refuse.
        #[test]
        fn whatever_the_standard_library_calls_local_is_refused(v4: u32) {
            let address = Ipv4Addr::from(v4);
            if address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified()
            {
                prop_assert!(!AddressGuard::default().permits(address.into()));
            }
        }
    }
}
