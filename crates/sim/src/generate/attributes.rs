//! What spans say beside their fields: where the process runs, and whose request it is. Takes no dice: a case is the
//! same with them and without.

use model::{Str, TraceId};

/// Instances stand in these by turns, each in a zone of its region.
const REGIONS: [(&str, [&str; 2]); 2] =
    [("eu-west-1", ["eu-west-1a", "eu-west-1b"]), ("us-east-1", ["us-east-1a", "us-east-1b"])];
/// Of a hundred requests, so many are of each.
const TIERS: [(&str, u64); 3] = [("free", 60), ("pro", 30), ("enterprise", 10)];
const CLIENTS: [(&str, u64); 3] = [("web", 50), ("ios", 30), ("android", 20)];

/// Attributes of the resource, as opposed to those of the request.
pub(super) fn is_of_resource(key: &str) -> bool {
    key.starts_with("cloud.")
}

/// In which region an instance stands.
pub(super) fn region(slot: usize) -> usize {
    slot % REGIONS.len()
}

/// The texts, once.
#[derive(Debug)]
pub(super) struct Attributes {
    zone: Str,
    region: Str,
    tier: Str,
    client: Str,
    places: Vec<(Str, [Str; 2])>,
    tiers: Vec<(Str, u64)>,
    clients: Vec<(Str, u64)>,
}

impl Attributes {
    pub(super) fn new() -> Self {
        let weighted =
            |list: &[(&str, u64)]| list.iter().map(|(name, weight)| ((*name).into(), *weight)).collect();
        Self {
            zone: "cloud.availability_zone".into(),
            region: "cloud.region".into(),
            tier: "tenant.tier".into(),
            client: "app.client".into(),
            places: REGIONS.iter().map(|(name, zones)| ((*name).into(), zones.map(Str::from))).collect(),
            tiers: weighted(&TIERS),
            clients: weighted(&CLIENTS),
        }
    }

    /// In order of key. Whoever takes in a request knows the tenant; the first of them knows the client as well.
    pub(super) fn of(&self, slot: usize, trace: TraceId, inbound: bool, first: bool) -> Vec<(Str, Str)> {
        let (name, zones) = &self.places[region(slot)];
        let zone = &zones[slot / REGIONS.len() % zones.len()];
        let place = [(self.zone.clone(), zone.clone()), (self.region.clone(), name.clone())];
        // The lower half of the id is as good as dice.
        let lot = u64::from_be_bytes(trace.0[8..].try_into().unwrap_or_default()) / 2;
        let client = (inbound && first).then(|| (self.client.clone(), drawn(&self.clients, lot / 100 % 100)));
        let tier = inbound.then(|| (self.tier.clone(), drawn(&self.tiers, lot % 100)));
        client.into_iter().chain(place).chain(tier).collect()
    }
}

fn drawn(list: &[(Str, u64)], mut lot: u64) -> Str {
    for (name, weight) in list {
        if lot < *weight {
            return name.clone();
        }
        lot -= weight;
    }
    list.first().map(|(name, _)| name.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_of_key_and_each_value_comes_up() {
        let attributes = Attributes::new();
        let mut seen = std::collections::BTreeSet::new();
        for n in 0u128..20_000 {
            let trace = TraceId((n * 2 + 1).to_be_bytes());
            let list = attributes.of(n as usize % 5, trace, true, n % 2 == 0);
            assert!(list.is_sorted());
            seen.extend(list.into_iter().map(|(_, value)| value));
        }
        assert_eq!(seen.len(), 2 + 4 + 3 + 3);
        assert!(attributes.of(0, TraceId([1; 16]), false, true).iter().all(|(key, _)| is_of_resource(key)));
    }
}
