//! How much may come: by key, by address and from all together, in requests and in bytes, the same for HTTP and gRPC.
//! Memory is fixed: a bucket for each name in the keys file, and tables of addresses that never grow. It must never know
//! what a request is for.

mod addresses;
mod bucket;
mod metered;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use addresses::AddressBuckets;
pub(crate) use addresses::subscriber;
pub(crate) use bucket::Rate;
use bucket::{BURST_NS, Bucket};
pub(crate) use metered::Metered;

/// Requests and bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) requests: Rate,
    pub(crate) bytes: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSettings {
    pub(crate) key: Rates,
    pub(crate) address: Rates,
    pub(crate) all: Rates,
    /// Requests without a key that counts, by address.
    pub(crate) denied: Rate,
}

/// What one client has used, or all together.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: Bucket,
    bytes: Bucket,
}

#[derive(Debug)]
pub(crate) struct Limits {
    settings: RateSettings,
    began: Instant,
    all: Meter,
    address_requests: AddressBuckets,
    address_bytes: AddressBuckets,
    denied: AddressBuckets,
}

/// Who is charged.
#[derive(Debug, Clone)]
pub(crate) struct Charged {
    /// Of a key; shared by all keys of its name.
    pub meter: Option<Arc<Meter>>,
    pub address: IpAddr,
}

/// What was used up, and when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limited {
    pub by: By,
    pub wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Key,
    Address,
    All,
    Denied,
}

impl By {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Address => "address",
            Self::All => "all",
            Self::Denied => "denied",
        }
    }

    /// For the audit.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Key => "limit_of_key",
            Self::Address => "limit_of_address",
            Self::All => "limit_of_all",
            Self::Denied => "limit_of_refusals",
        }
    }

    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Key => "this key sent as much as it may (--rate-key-requests, --rate-key-bytes)",
            Self::Address => {
                "this address sent as much as it may (--rate-address-requests, --rate-address-bytes)"
            }
            Self::All => {
                "all clients together sent as much as they may (--rate-all-requests, --rate-all-bytes)"
            }
            Self::Denied => {
                "this address was refused, or asked for logins, as often as it may (--rate-denied-requests)"
            }
        }
    }
}

impl Limits {
    pub(crate) fn new(settings: RateSettings) -> Self {
        Self {
            settings,
            began: Instant::now(),
            all: Meter::default(),
            address_requests: AddressBuckets::new(settings.address.requests),
            address_bytes: AddressBuckets::new(settings.address.bytes),
            denied: AddressBuckets::new(settings.denied),
        }
    }

    /// Lets a request through whose caller may do what it asks, and charges it. It may use `part_of` a burst; the rest is
    /// left to what matters more.
    pub(crate) fn admit(&self, charged: &Charged, part_of: impl FnOnce(u64) -> u64) -> Result<(), Limited> {
        self.admit_at(charged, BURST_NS.saturating_sub(part_of(BURST_NS)), self.now_ns())
    }

    /// Charges a request that is refused; an error where the address was refused too often. It is never charged to
    /// a key, nor to what all clients share, so that who has no key cannot use up what others have.
    pub(crate) fn deny(&self, address: IpAddr) -> Result<(), Limited> {
        self.deny_at(address, self.now_ns())
    }

    /// Charges bytes that came. What is too much is owed: the next request waits for it.
    pub(crate) fn take_bytes(&self, charged: &Charged, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let (now_ns, settings) = (self.now_ns(), &self.settings);
        if let Some(meter) = &charged.meter {
            meter.bytes.take(settings.key.bytes, bytes, now_ns);
        }
        self.address_bytes.take(charged.address, bytes, now_ns);
        self.all.bytes.take(settings.all.bytes, bytes, now_ns);
    }

    fn admit_at(&self, charged: &Charged, kept_ns: u64, now_ns: u64) -> Result<(), Limited> {
        let Charged { meter, address } = charged;
        let of_key = meter.as_ref().map_or(0, |meter| meter.wait_ns(self.settings.key, kept_ns, now_ns));
        let requests_ns = self.address_requests.wait_beside_ns(*address, kept_ns, now_ns);
        let of_address = requests_ns.max(self.address_bytes.wait_beside_ns(*address, kept_ns, now_ns));
        let of_all = self.all.wait_ns(self.settings.all, kept_ns, now_ns);
        let waits = [(of_key, By::Key), (of_address, By::Address), (of_all, By::All)];
        if let Some((wait_ns, by)) = waits.into_iter().find(|(wait_ns, _)| *wait_ns > 0) {
            return Err(Limited { by, wait: Duration::from_nanos(wait_ns) });
        }
        if let Some(meter) = meter {
            meter.requests.take(self.settings.key.requests, 1, now_ns);
        }
        self.address_requests.take(*address, 1, now_ns);
        self.all.requests.take(self.settings.all.requests, 1, now_ns);
        Ok(())
    }

    fn deny_at(&self, address: IpAddr, now_ns: u64) -> Result<(), Limited> {
        match self.denied.wait_ns(address, now_ns) {
            0 => {
                self.denied.take(address, 1, now_ns);
                Ok(())
            }
            wait_ns => Err(Limited { by: By::Denied, wait: Duration::from_nanos(wait_ns) }),
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Meter {
    fn wait_ns(&self, rates: Rates, kept_ns: u64, now_ns: u64) -> u64 {
        let requests_ns = self.requests.wait_beside_ns(rates.requests, kept_ns, now_ns);
        requests_ns.max(self.bytes.wait_beside_ns(rates.bytes, kept_ns, now_ns))
    }
}

#[cfg(test)]
mod tests;
