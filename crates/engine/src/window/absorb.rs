//! How the digest of a tick comes into the window, and what happens to operations for which there is no room.

use model::{EventKind, Str};

use super::flow::Flow;
use super::keyed::{Keyed, Place};
use super::series::Series;
use super::{OperationKey, Window};
use crate::config::Config;
use crate::sketch::OTHER;
use crate::summary::{
    Bucket, LOGS, OPERATIONS_PER_SERVICE_MAX, OperationDigest, OperationName, SERVICES_MAX, ServiceKey,
    Summary,
};

/// Over all services; beyond it new operations are shown as `__other__` of their service.
const OPERATIONS_MAX: usize = 20_000;

/// Where an operation's series and its flow stand.
type Places = (Option<Place>, Option<Place>);

impl Window {
    /// Adds the digest of a tick.
    pub(crate) fn absorb(&mut self, summary: Summary, config: &Config) {
        let other: Str = OTHER.into();
        // What is new is added behind what is there, so these stay what they are.
        let mut places = self.places(&summary).into_iter();
        let (services, cut) = summary.services.into_parts();
        let mut requests = Vec::new();
        for (service, digest) in services {
            let (operations, cut) = digest.operations.into_parts();
            for (name, operation) in operations {
                match places.next().unwrap_or_default() {
                    (Some(series), flow) => {
                        self.absorb_known(&service, &name, (series, flow), operation, &mut requests, config);
                    }
                    (None, _) => self.absorb_new(&service, name, operation, &mut requests, config),
                }
            }
            self.absorb_whole(&service, &mut requests, config);
            if let Some(operation) = cut {
                self.overflowed += operation.requests();
                self.absorb_operation(overflow_key(&service, &other), operation, config);
            }
        }
        if let Some(cut) = cut {
            let service = ServiceKey { env: other.clone(), service: other.clone() };
            let (operations, cut) = cut.operations.into_parts();
            for operation in operations.map(|(_, operation)| operation).chain(cut) {
                self.overflowed += operation.requests();
                self.absorb_operation(overflow_key(&service, &other), operation, config);
            }
        }
    }

    /// Of every operation of a summary that has a name of its own, in order.
    fn places(&self, summary: &Summary) -> Vec<Places> {
        let operations = || {
            let services = summary.services.iter();
            services
                .flat_map(|(service, digest)| digest.operations.iter().map(move |(name, _)| (service, name)))
        };
        self.operations.find_all(operations()).into_iter().zip(self.flows.find_all(operations())).collect()
    }

    fn absorb_known(
        &mut self,
        service: &ServiceKey,
        name: &OperationName,
        (series, flow): (Place, Option<Place>),
        operation: OperationDigest,
        requests: &mut Vec<(Bucket, u64)>,
        config: &Config,
    ) {
        let Some(series) = self.operations.at_mut(series) else { return };
        if !series.stands_for_logs() {
            requests.extend(of_buckets(&operation));
        }
        match flow.and_then(|place| self.flows.at_mut(place)).filter(|_| name.kind.is_inbound()) {
            Some(flow) => of_buckets(&operation).for_each(|(bucket, requests)| flow.add(bucket, requests)),
            None if name.kind.is_inbound() => {
                flow_of(&mut self.flows, &key(service, name.clone()), of_buckets(&operation), config);
            }
            None => {}
        }
        series.absorb_all(operation, self.sealed, config);
    }

    fn absorb_new(
        &mut self,
        service: &ServiceKey,
        name: OperationName,
        operation: OperationDigest,
        requests: &mut Vec<(Bucket, u64)>,
        config: &Config,
    ) {
        let (key, is_cut) = self.admit(service, name);
        if is_cut {
            self.overflowed += operation.requests();
        } else if &*key.operation != LOGS {
            requests.extend(of_buckets(&operation));
            if key.kind.is_inbound() {
                flow_of(&mut self.flows, &key, of_buckets(&operation), config);
            }
        }
        self.absorb_operation(key, operation, config);
    }

    /// The key under which a new operation is kept, and whether it is an overflow: its own while there is room, else its
    /// service's, or that of all services where even the service has no room.
    fn admit(&mut self, service: &ServiceKey, name: OperationName) -> (OperationKey, bool) {
        let (other, own): (Str, _) = (OTHER.into(), key(service, name));
        if self.operations.place(&own).is_some() {
            return (own, false);
        }
        let full = self.operations.len() >= OPERATIONS_MAX;
        match self.services.operations(service) {
            None if full || self.services.len() >= SERVICES_MAX => {
                let all = ServiceKey { env: other.clone(), service: other.clone() };
                (overflow_key(&all, &other), true)
            }
            Some(operations) if full || operations >= OPERATIONS_PER_SERVICE_MAX => {
                (overflow_key(service, &other), true)
            }
            _ => {
                self.services.add_operation(service);
                (own, false)
            }
        }
    }

    fn absorb_operation(&mut self, key: OperationKey, digest: OperationDigest, config: &Config) {
        let place = match self.operations.place(&key) {
            Some(place) => place,
            None => {
                let series = Series::of(&key, &digest);
                self.operations.insert(key, series)
            }
        };
        if let Some(series) = self.operations.at_mut(place) {
            series.absorb_all(digest, self.sealed, config);
        }
    }

    /// What came to a service as a whole, in the order of its operations.
    fn absorb_whole(&mut self, service: &ServiceKey, requests: &mut Vec<(Bucket, u64)>, config: &Config) {
        if !requests.is_empty() {
            flow_of(&mut self.flows, &OperationKey::whole(service), requests.drain(..), config);
        }
    }
}

fn of_buckets(digest: &OperationDigest) -> impl Iterator<Item = (Bucket, u64)> {
    digest.buckets.iter().map(|(bucket, digest)| (*bucket, digest.requests))
}

/// Adds requests to the flow of a key. A new one begins with the first of them.
fn flow_of(
    flows: &mut Keyed<Flow>,
    key: &OperationKey,
    requests: impl Iterator<Item = (Bucket, u64)>,
    config: &Config,
) {
    let mut requests = requests.peekable();
    let Some((first, _)) = requests.peek().copied() else { return };
    let place = match flows.place(key) {
        Some(place) => place,
        None => flows.insert(key.clone(), Flow::starting_at(first, config)),
    };
    if let Some(flow) = flows.at_mut(place) {
        requests.for_each(|(bucket, requests)| flow.add(bucket, requests));
    }
}

fn key(ServiceKey { env, service }: &ServiceKey, name: OperationName) -> OperationKey {
    OperationKey { env: env.clone(), service: service.clone(), kind: name.kind, operation: name.name }
}

fn overflow_key(service: &ServiceKey, other: &Str) -> OperationKey {
    let name = OperationName { kind: EventKind::Internal, name: other.clone() };
    key(service, name)
}
