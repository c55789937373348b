//! Who runs where: the services of the scripted shop, their instances, and the nodes under them.

/// A service of the shop that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Gateway,
    Checkout,
    Payment,
    Inventory,
    Store,
    Shipping,
}

/// One instance of a service, at one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) service: Service,
    pub(crate) number: u8,
    pub(crate) version: &'static str,
}

impl Service {
    pub(crate) const ALL: [Self; 6] =
        [Self::Gateway, Self::Checkout, Self::Payment, Self::Inventory, Self::Store, Self::Shipping];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::Inventory => "inventory",
            Self::Store => "store",
            Self::Shipping => "shipping",
        }
    }

    /// What runs before anything is deployed.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Gateway => "1.8.0",
            Self::Checkout => "2.4.0",
            Self::Payment => "3.1.0",
            Self::Inventory => "5.0.2",
            Self::Store => "1.12.3",
            Self::Shipping => "0.9.4",
        }
    }

    pub(crate) const fn instances(self) -> u8 {
        match self {
            Self::Shipping => 1,
            _ => 2,
        }
    }
}

impl Place {
    pub(crate) fn instance(&self) -> String {
        format!("{}-{}", self.service.name(), self.number)
    }

    /// Node c carries one half of two services, and nothing else.
    pub(crate) const fn node(&self) -> &'static str {
        match (self.service, self.number) {
            (Service::Inventory | Service::Store, 2) => "node-c",
            (_, 1) => "node-a",
            _ => "node-b",
        }
    }

    pub(crate) const fn zone(&self) -> &'static str {
        match self.node().as_bytes() {
            b"node-a" => "eu-west-1a",
            b"node-b" => "eu-west-1b",
            _ => "eu-west-1c",
        }
    }
}

pub(crate) const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];
