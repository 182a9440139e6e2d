//! Which addresses may be reached: those of the public internet (after the special-purpose registries of IANA,
//! RFC 6890), and what the configuration allows besides.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not the public internet, as address and length of the prefix.
const SPECIAL: &[(Ipv4Addr, u8)] = &[
    // This network; private use (RFC 1918); shared by carriers (RFC 6598); loopback; link-local with the metadata
    // services of clouds.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // The metadata service of one cloud, on an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // Protocols, documentation, relays of 6to4, benchmarks.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, reserved, broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What may be reached besides the public internet: networks, and names whose every address is believed. Nothing by
/// default.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    networks: Vec<IpNet>,
    names: Vec<String>,
}

impl Allowed {
    /// Reads a list separated by commas: networks (`10.2.0.0/16`, `fd00::/8`), addresses and host names. Tells which entry
    /// is none of these.
    pub fn parse(list: &str) -> Result<Allowed, String> {
        let mut allowed = Allowed::default();
        for entry in list.split(',').map(str::trim).filter(|e| !e.is_empty()) {
            if let Ok(network) = entry.parse::<IpNet>() {
                allowed.networks.push(network);
            } else if let Ok(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
                allowed.networks.push(address.into());
            } else if is_name(entry) {
                allowed.names.push(plain(entry));
            } else {
                return Err(format!("{entry:?} is neither a network nor a host name"));
            }
        }
        Ok(allowed)
    }

    /// Whether a connection to the address may be made; `name` is what the user wrote, when it was no address.
    pub fn permits(&self, name: Option<&str>, address: IpAddr) -> bool {
        name.is_some_and(|n| self.names.contains(&plain(n))) || self.permits_address(address)
    }

    fn permits_address(&self, address: IpAddr) -> bool {
        let named = self.networks.iter().any(|n| n.contains(&address));
        match address {
            IpAddr::V4(v4) => named || is_public_v4(v4),
            // Who allows a way to wrap addresses has not allowed every address that can be wrapped.
            IpAddr::V6(v6) => match wrapped(v6) {
                Some(inner) => named && self.permits_address(IpAddr::V4(inner)),
                None => named || is_public_v6(v6),
            },
        }
    }
}

/// Host names are compared without regard to case and without the root's full stop.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_name(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    // The last label of a name is never a number: that would be an address (or a mistyped one).
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !SPECIAL.iter().any(|(network, length)| (bits ^ u32::from(*network)) >> (32 - u32::from(*length)) == 0)
}

/// Only global unicast (2000::/3) without what is set aside in it: protocols with Teredo (2001::/23),
/// documentation (2001:db8::/32, 3fff::/20), 6to4 (2002::/16). So ::, ::1, fc00::/7, fe80::/10, ff00::/8 and
/// 64:ff9b::/96 are not public.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let set_aside = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !set_aside
}

/// The IPv4 address that a form of IPv6 leads to: mapped and compatible (RFC 4291), translated (RFC 2765), NAT64
/// (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214).
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // :: and ::1 are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => pair(high, low),
        [0x2001, 0, _, _, _, _, high, low] => pair(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn permits(allowed: &str, address: &str) -> bool {
        Allowed::parse(allowed).unwrap().permits(None, address.parse().unwrap())
    }

    #[test]
    fn only_the_public_internet_is_open() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "2606:4700::1111",
            "2a00::",
            "2001:200::1",
            "2001:4860:4860::8888",
            "3fff:1000::1",
            "2003::1",
        ] {
            assert!(permits("", address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:20::1",
            "2002:808:808::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::5efe:10.0.0.1",
            "fec0::1",
            "ff02::1",
            "2606:4700::5efe:10.0.0.1",
        ] {
            assert!(!permits("", address), "{address}");
        }
    }

    #[test]
    fn what_is_listed_is_open_too() {
        let list = "10.2.0.0/16, 127.0.0.1,fd00::/8 ,[::1], Mail.Intern., 64:ff9b::/96,::ffff:0:0/96";
        for (address, open) in [
            ("10.2.3.4", true),
            ("10.3.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd00:ec2::254", true),
            ("fc00::1", false),
            ("::1", true),
            // A wrapping that is allowed, around what may and what may not be reached.
            ("64:ff9b::8.8.8.8", true),
            ("64:ff9b::10.2.0.1", true),
            ("64:ff9b::10.3.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("2002:a02:1::1", false),
        ] {
            assert_eq!(permits(list, address), open, "{address}");
        }
        let allowed = Allowed::parse(list).unwrap();
        let inner = "192.168.1.1".parse().unwrap();
        for (name, open) in [("mail.intern", true), ("MAIL.intern.", true), ("x.mail.intern", false), ("intern", false)]
        {
            assert_eq!(allowed.permits(Some(name), inner), open, "{name}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0", "http://x", "a b", "-/-", "*", "256.0.0.1", "x..y"] {
            assert!(Allowed::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Allowed::parse(" , ").is_ok());
    }

    proptest! {
        #[test]
        fn special_networks_are_closed_in_every_form(which in 0..SPECIAL.len(), bits: u32, prefix in 0u16..4) {
            let (network, length) = SPECIAL[which];
            let host = if length == 32 { 0 } else { bits >> length };
            let v4 = Ipv4Addr::from(u32::from(network) | host);
            let [high, low] = [(u32::from(v4) >> 16) as u16, u32::from(v4) as u16];
            let forms = [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, prefix, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, prefix, 0, 0, 0, !high, !low),
                Ipv6Addr::new(0x2a00, 1, 2, prefix, 0x0200, 0x5efe, high, low),
            ];
            let none = Allowed::default();
            // Even where all of IPv6 was allowed, what is wrapped must be allowed on its own.
            let (all_v6, both) = (Allowed::parse("::/0").unwrap(), Allowed::parse("::/0,0.0.0.0/0").unwrap());
            prop_assert!(!none.permits(None, v4.into()));
            for form in forms {
                prop_assert!(!none.permits(None, form.into()), "{}", form);
                let own = form.octets()[..15].iter().all(|b| *b == 0) && form.octets()[15] < 2;
                prop_assert_eq!(all_v6.permits(None, form.into()), own, "{}", form);
                prop_assert!(both.permits(None, form.into()), "{}", form);
            }
        }

        #[test]
        fn no_form_of_wrapping_is_public(v4: u32, bits: u128) {
            let address = Ipv6Addr::from(bits);
            if wrapped(address).is_some() {
                prop_assert!(!Allowed::default().permits(None, address.into()));
            }
            let mapped = Ipv4Addr::from(v4).to_ipv6_mapped();
            prop_assert!(!Allowed::default().permits(None, mapped.into()));
        }

        #[test]
        fn a_listed_network_opens_itself_and_nothing_else(network: u32, length in 0u8..=32, other: u32) {
            let allowed = Allowed::parse(&format!("{}/{length}", Ipv4Addr::from(network))).unwrap();
            let shift = 32 - u32::from(length);
            let inside = u64::from(network ^ other) >> shift == 0;
            let open = allowed.permits(None, Ipv4Addr::from(other).into());
            prop_assert_eq!(open, inside || is_public_v4(Ipv4Addr::from(other)));
            prop_assert!(allowed.permits(None, Ipv4Addr::from(network).into()));
        }
    }
}
