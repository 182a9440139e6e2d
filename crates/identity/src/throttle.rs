//! Slows down those who guess passwords, per address. Guessing at one account from many addresses is stopped by the
//! account's own lockout (`lockout`). Kept in memory: each node counts for itself.

use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use moka::sync::Cache;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Failures an address has before it must wait.
const BURST: i64 = 30;
/// An address gets one failure back in this time.
const REFILL: Micros = 5 * SECOND;
/// Addresses remembered at once.
const REMEMBERED: u64 = 50_000;

/// Failures per address, as the moment at which all of them are forgotten.
pub(crate) struct Throttle(Cache<IpAddr, Arc<Mutex<Micros>>>);

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle(Cache::new(REMEMBERED))
    }
}

/// The network of an address as `login_attempts` keeps it; empty when the address is not known.
pub(crate) fn network(address: Option<IpAddr>) -> String {
    address.map(|a| bucket(a).to_string()).unwrap_or_default()
}

/// Addresses of one home or office count as one.
fn bucket(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => {
                let s = v6.segments();
                IpAddr::from([s[0], s[1], s[2], s[3], 0, 0, 0, 0])
            }
        },
    }
}

impl Throttle {
    /// Seconds the address has to wait before it may try again, if it has to.
    pub(crate) fn wait(&self, address: Option<IpAddr>, now: Micros) -> Option<u32> {
        let until = *self.0.get(&bucket(address?))?.lock().unwrap_or_else(PoisonError::into_inner);
        let over = until - now - (BURST - 1) * REFILL;
        (over > 0).then(|| u32::try_from((over + SECOND - 1) / SECOND).unwrap_or(u32::MAX))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, address: Option<IpAddr>, now: Micros) {
        let Some(address) = address else { return };
        let slot = self.0.get_with(bucket(address), Arc::default);
        let mut until = slot.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(now).min(now + BURST * REFILL) + REFILL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_after_its_burst_and_others_do_not() {
        let (throttle, now) = (Throttle::default(), 1_000_000 * SECOND);
        let bad: Option<IpAddr> = "10.0.0.1".parse().ok();
        for _ in 0..BURST {
            assert_eq!(throttle.wait(bad, now), None);
            throttle.failed(bad, now);
        }
        assert_eq!(throttle.wait(bad, now), Some(5));
        assert_eq!(throttle.wait("10.0.0.2".parse().ok(), now), None);
        assert_eq!(throttle.wait(None, now), None);
        assert_eq!(throttle.wait(bad, now + REFILL), None);
        throttle.failed(bad, now + REFILL);
        assert_eq!(throttle.wait(bad, now + REFILL), Some(5));
        for _ in 0..1000 {
            throttle.failed(bad, now);
        }
        assert!(throttle.wait(bad, now).is_some_and(|s| s <= 15), "a long attack is not punished for hours");
    }

    #[test]
    fn forms_of_one_address_count_together() {
        let v6 = |t: &str| bucket(t.parse().unwrap());
        assert_eq!(v6("2001:db8:1:2::1"), v6("2001:db8:1:2:ffff::9"));
        assert_ne!(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1"));
        assert_eq!(v6("::ffff:10.0.0.1"), v6("10.0.0.1"));
    }
}
