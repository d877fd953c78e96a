//! Wrong passwords and keys, counted by whom they are for and by where they come from.

use std::net::IpAddr;
use std::time::Duration;

use super::throttle::Throttle;
use crate::settings::Limits;

pub(super) struct Failures {
    by_agent: Throttle,
    by_address: Throttle,
}

impl Failures {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            by_agent: Throttle::new(limits.failures_per_agent, limits.failure_forgotten),
            by_address: Throttle::new(limits.failures_per_address, limits.failure_forgotten),
        }
    }

    /// Fails with the time to wait before another password of that agent is tried from there.
    pub(super) fn check(&self, agent: &str, from: IpAddr) -> Result<(), Duration> {
        self.check_address(from)?;
        self.by_agent.check(&agent)
    }

    /// Fails with the time to wait before anything else is tried from there.
    pub(super) fn check_address(&self, from: IpAddr) -> Result<(), Duration> {
        self.by_address.check(&block(from))
    }

    /// Remembers a wrong password.
    pub(super) fn count(&self, agent: &str, from: IpAddr) {
        self.by_agent.count(&agent);
        self.count_address(from);
    }

    /// Remembers something else that was wrong.
    pub(super) fn count_address(&self, from: IpAddr) {
        self.by_address.count(&block(from));
    }
}

/// What counts as one address: whoever has one address of IPv6 has its /64.
fn block(address: IpAddr) -> [u8; 8] {
    let mut block = [0; 8];
    match address.to_canonical() {
        IpAddr::V4(address) => block[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => block.copy_from_slice(&address.octets()[..8]),
    }
    block
}
