//! One unit from its source: what all kinds have, and what sockets and timers have.

use super::declared::{listened, provides};
use super::files::Source;
use super::names::{expanded, kind};
use super::{references, service};
use crate::facts::{Activation, Kind, Offer, Readiness, Restart, Timeout, TimeoutSource, Unit};
use crate::limits::OFFERS_PER_UNIT_MAX;
use crate::place::Faults;

pub(super) fn unit(source: &Source, faults: &mut Faults) -> Unit {
    let name = source.name.clone();
    let kind = kind(name.as_str()).unwrap_or(Kind::Other);
    let mut unit = Unit {
        name,
        at: source.at.clone(),
        kind,
        activation: Activation::Boot,
        readiness: Readiness::Completed,
        remains: true,
        restart: Restart::No,
        timeout: Timeout { after: None, source: TimeoutSource::Default },
        orders: references::orders(source, faults),
        needs: references::needs(source, faults),
        conflicts: references::conflicts(source, faults),
        gates: Vec::new(),
        offers: offers(source, faults),
        files: Vec::new(),
    };
    if kind == Kind::Service {
        service::fill(&mut unit, source, faults);
        unit.offers.extend(service::published(source));
        unit.files = service::named_files(source);
    }
    if let Some(over) = unit.offers.get(OFFERS_PER_UNIT_MAX) {
        let message = format!("more than {OFFERS_PER_UNIT_MAX} things are provided: the rest does not count");
        faults.add(&over.at, message);
    }
    unit.offers.truncate(OFFERS_PER_UNIT_MAX);
    unit
}

fn offers(source: &Source, faults: &mut Faults) -> Vec<Offer> {
    let declared =
        ["Unit", "Service", "Socket"].into_iter().flat_map(|section| source.list(section, "X-Provides"));
    let mut offers: Vec<Offer> = declared
        .flat_map(|value| provides(value, faults))
        .map(|(endpoint, at)| Offer { endpoint, at, answered_by: None })
        .collect();
    let answers = super::implied::activated(source);
    for value in source.list("Socket", "ListenStream") {
        match listened(&expanded(&value.text, &source.name)) {
            Some(endpoint) => {
                offers.push(Offer { endpoint, at: value.start(), answered_by: answers.clone() })
            }
            None => {
                let shown = super::lines::short(&value.text);
                let right = "write a port, `ADDRESS:PORT` or a path";
                faults.add(&value.start(), format!("ListenStream={shown} is no address: {right}"));
            }
        }
    }
    offers
}
